package foreign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/quotalab/quotalab/sim/limiter"
)

// The frames of HTTP/2 (RFC 9113, section 6) that an answer can come in, and
// their flags.
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameWindow       = 8
	frameContinuation = 9

	flagEnd        = 1 // of the stream; of settings and pings: an acknowledgement
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 32
)

// longestFrame is what a peer may send that was told nothing else.
const longestFrame = 16 << 10

// shouldRateLimit is the method of Envoy's rate limit service.
const shouldRateLimit = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"

// rls is gRPC on a connection of its own, one request at a time, all on the
// goroutine that reads and writes: a library's goroutines would be outside of
// virtual time.
type rls struct {
	limiter.Service
	host    string
	encode  *hpack.Encoder
	encoded bytes.Buffer
	decode  *hpack.Decoder

	stream   uint32
	block    []byte // headers that go on
	ends     bool   // the stream does, with the block
	message  []byte
	status   map[string]string // headers and trailers
	consumed int               // bytes of data to let the peer send again
	closing  bool
}

func newRLS(s limiter.Service, host string) *rls {
	r := &rls{Service: s, host: host, decode: hpack.NewDecoder(4096, nil), status: map[string]string{}}
	r.encode = hpack.NewEncoder(&r.encoded)
	r.encode.SetMaxDynamicTableSize(0)
	return r
}

// frame appends a frame.
func frame(b []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	b = append(b, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

func (r *rls) open() []byte {
	return frame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frameSettings, 0, 0, nil)
}

func (r *rls) ask(t limiter.Take) ([]byte, error) {
	if t.Cost < 0 || t.Cost > math.MaxUint32 {
		return nil, fmt.Errorf("expected a cost that fits hits_addend, of 32 bits, found %d", t.Cost)
	}
	if r.stream == 0 {
		r.stream = 1
	} else {
		r.stream += 2
	}
	r.message, r.block, r.ends = r.message[:0], r.block[:0], false
	clear(r.status)
	r.encoded.Reset()
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", shouldRateLimit}, {":authority", r.host},
		{"content-type", "application/grpc"}, {"te", "trailers"}} {
		if err := r.encode.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			return nil, err
		}
	}
	message := r.question(t)
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	if len(body) > longestFrame {
		return nil, fmt.Errorf("expected entries of at most %d bytes together, found %d", longestFrame, len(body))
	}
	return frame(frame(nil, frameHeaders, flagEndHeaders, r.stream, r.encoded.Bytes()), frameData, flagEnd, r.stream, body), nil
}

// question is a RateLimitRequest.
func (r *rls) question(t limiter.Take) []byte {
	text := func(b []byte, field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
	}
	var descriptor []byte
	for _, e := range r.Entries {
		entry := text(text(nil, 1, fill(e.Key, t, asItIs)), 2, fill(e.Value, t, asItIs))
		descriptor = text(descriptor, 1, string(entry))
	}
	b := text(text(nil, 1, r.Domain), 2, string(descriptor))
	return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(t.Cost))
}

func (r *rls) read(in []byte, ended bool, _ time.Time) (got said, err error) {
	for len(in) >= 9 {
		n := int(in[0])<<16 | int(in[1])<<8 | int(in[2])
		if n > longestFrame {
			return got, fmt.Errorf("expected frames of HTTP/2 of at most %d bytes, found one of %d: it does not speak gRPC, or %.20q is not HTTP/2", longestFrame, n, in)
		}
		if len(in) < 9+n {
			break
		}
		kind, flags, stream := in[3], in[4], binary.BigEndian.Uint32(in[5:9])&math.MaxInt32
		over, err := r.take(kind, flags, stream, in[9:9+n], &got.reply)
		if err != nil {
			return got, err
		}
		if in = in[9+n:]; over {
			a, err := r.conclude()
			if err != nil {
				return got, err
			}
			got.answer, got.keep, got.rest = a, !r.closing && !ended, in
			return got, nil
		}
	}
	got.rest = in
	if ended || r.closing {
		got.answer = &answer{Error: "the service closed the connection without a response", Kind: "connection"}
	}
	return got, nil
}

// take reads a frame. It reports whether it ends the stream.
func (r *rls) take(kind, flags byte, stream uint32, b []byte, reply *[]byte) (over bool, err error) {
	switch kind {
	case frameSettings:
		if flags&flagEnd == 0 {
			*reply = frame(*reply, frameSettings, flagEnd, 0, nil)
		}
	case framePing:
		if flags&flagEnd == 0 {
			*reply = frame(*reply, framePing, flagEnd, 0, b)
		}
	case frameGoAway:
		r.closing = len(b) < 4 || binary.BigEndian.Uint32(b)&math.MaxInt32 < r.stream
		r.status["goaway"] = "1"
	case frameReset:
		if stream == r.stream && len(b) == 4 {
			r.status["reset"] = strconv.Itoa(int(binary.BigEndian.Uint32(b)))
			return true, nil
		}
	case frameData:
		if r.consumed += len(b); r.consumed > longestFrame {
			*reply = frame(*reply, frameWindow, 0, 0, binary.BigEndian.AppendUint32(nil, uint32(r.consumed)))
			r.consumed = 0
		}
		if b, err = unpadded(b, flags); err != nil || stream != r.stream {
			return false, err
		}
		if r.message = append(r.message, b...); len(r.message) > longestLine {
			return false, fmt.Errorf("expected a response of at most %d bytes", longestLine)
		}
		return flags&flagEnd != 0, nil
	case frameHeaders, frameContinuation:
		return r.headers(kind, flags, stream, b)
	}
	return false, nil
}

// headers reads a block of headers, or a part of one.
func (r *rls) headers(kind, flags byte, stream uint32, b []byte) (over bool, err error) {
	if kind == frameHeaders {
		if b, err = unpadded(b, flags); err != nil {
			return false, err
		}
		if flags&flagPriority != 0 {
			if len(b) < 5 {
				return false, errShortFrame
			}
			b = b[5:]
		}
		r.block, r.ends = r.block[:0], flags&flagEnd != 0
	}
	if r.block = append(r.block, b...); flags&flagEndHeaders == 0 {
		if len(r.block) > longestLine {
			return false, fmt.Errorf("expected headers of at most %d bytes", longestLine)
		}
		return false, nil
	}
	fields, err := r.decode.DecodeFull(r.block)
	if err != nil {
		return false, fmt.Errorf("the headers of a response: %w", err)
	}
	if stream != r.stream {
		return false, nil
	}
	for _, f := range fields {
		r.status[f.Name] = f.Value
	}
	return r.ends, nil
}

var errShortFrame = errors.New("expected a whole frame of HTTP/2, found one that is too short")

// unpadded takes the padding off a frame.
func unpadded(b []byte, flags byte) ([]byte, error) {
	if flags&flagPadded == 0 {
		return b, nil
	}
	if len(b) == 0 || int(b[0]) >= len(b) {
		return nil, errShortFrame
	}
	return b[1 : len(b)-int(b[0])], nil
}

// conclude makes an answer of a stream that has ended.
func (r *rls) conclude() (*answer, error) {
	if r.status["goaway"] != "" {
		r.closing = true
	}
	if code := r.status["reset"]; code != "" {
		return &answer{Error: "the service reset the stream, with the error " + code, Kind: "server"}, nil
	}
	if code := r.status[":status"]; code != "200" {
		return &answer{Error: "the service answered HTTP " + code, Kind: "server"}, nil
	}
	if code := r.status["grpc-status"]; code != "0" {
		kind := map[string]string{"": "unexpected", "4": "timeout", "12": "unexpected", "14": "connection"}[code]
		if kind == "" {
			kind = "server"
		}
		return &answer{Error: fmt.Sprintf("the service answered with gRPC's status %s: %s", code, r.status["grpc-message"]), Kind: kind}, nil
	}
	if len(r.message) < 5 || r.message[0] != 0 || int(binary.BigEndian.Uint32(r.message[1:5])) != len(r.message)-5 {
		return nil, fmt.Errorf("expected one message that is not compressed, found %d bytes %.40q", len(r.message), r.message)
	}
	return parseRLS(r.message[5:])
}

// The codes of a RateLimitResponse.
const (
	codeOK        = 1
	codeOverLimit = 2
)

// parseRLS reads a RateLimitResponse.
func parseRLS(b []byte) (*answer, error) {
	a := &answer{}
	code := uint64(0)
	err := fields(b, func(field protowire.Number, v uint64, in []byte) error {
		switch field {
		case 1:
			code = v
		case 2:
			return a.status(in)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("expected a RateLimitResponse: %w", err)
	}
	switch allowed := code == codeOK; code {
	case codeOK, codeOverLimit:
		a.Allowed = &allowed
	default:
		a.Error, a.Kind = fmt.Sprintf("the service answered code %d, expected OK (1) or OVER_LIMIT (2)", code), "unexpected"
	}
	return a, nil
}

// status reads a DescriptorStatus: the least that remains of the limits that
// are named, and the longest wait.
func (a *answer) status(b []byte) error {
	var left, limited = 0.0, false
	var wait float64
	var waits bool
	err := fields(b, func(field protowire.Number, v uint64, in []byte) error {
		switch field {
		case 2:
			limited = true
		case 3:
			left = float64(v)
		case 4:
			waits = true
			return fields(in, func(field protowire.Number, v uint64, _ []byte) error {
				wait += map[protowire.Number]float64{1: 1e3, 2: 1e-6}[field] * float64(int64(v))
				return nil
			})
		}
		return nil
	})
	if limited && (a.Remaining == nil || left < *a.Remaining) {
		a.Remaining = &left
	}
	if waits && (a.RetryAfter == nil || wait > *a.RetryAfter) {
		a.RetryAfter = &wait
	}
	return err
}

// fields calls each with the fields of a message: their number or their bytes.
func fields(b []byte, each func(field protowire.Number, v uint64, in []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v uint64
		var in []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			in, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := each(field, v, in); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
