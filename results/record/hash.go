package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// The record's hash is SHA-256 over a canonical encoding of every field of
// every observation in the order of writing. It knows nothing of parts, row
// groups, compression or the Parquet version, so two records with the same
// content have the same hash however they were stored.
//
// The encoding of an observation is its fields in the order of the struct:
// an integer as a zigzag varint, a string as its length (uvarint) and its
// bytes, a list as its length and its elements. It is self-delimiting, so
// no two sequences of observations share an encoding.

// hashHeader separates this hash from every other use of SHA-256 and names
// the encoding's version.
const hashHeader = "quotalab observations 1\n"

// hashChunk is how many encoded bytes are gathered for one call of SHA-256.
const hashChunk = 32 << 10

type hasher struct {
	sha hash.Hash
	buf []byte
}

func newHasher() *hasher {
	h := &hasher{sha: sha256.New(), buf: make([]byte, 0, 2*hashChunk)}
	h.buf = append(h.buf, hashHeader...)
	return h
}

func (h *hasher) add(o *Observation) {
	h.buf = appendObservation(h.buf, o)
	if len(h.buf) >= hashChunk {
		h.flush()
	}
}

func (h *hasher) flush() {
	h.sha.Write(h.buf) // never fails: hash.Hash says so
	h.buf = h.buf[:0]
}

// sum is the hash of all that was added so far; adding may go on after it.
func (h *hasher) sum() string {
	h.flush()
	return hex.EncodeToString(h.sha.Sum(nil))
}

func appendObservation(b []byte, o *Observation) []byte {
	b = binary.AppendVarint(b, o.Seq)
	b = binary.AppendVarint(b, o.Arrival)
	b = appendString(b, o.Traffic)
	b = appendString(b, o.Client)
	b = appendString(b, o.Limiter)
	b = binary.AppendVarint(b, int64(o.Step))
	b = binary.AppendVarint(b, int64(o.Attempt))
	b = binary.AppendVarint(b, o.Done)
	b = binary.AppendVarint(b, o.Intended)
	b = binary.AppendVarint(b, o.Sent)
	b = binary.AppendVarint(b, o.Judged)
	b = binary.AppendVarint(b, o.Effect)
	b = binary.AppendVarint(b, o.Order)
	b = appendString(b, string(o.Decision))
	b = appendString(b, string(o.Key))
	b = binary.AppendVarint(b, o.Remaining)
	b = binary.AppendVarint(b, o.RetryAfter)
	b = binary.AppendVarint(b, int64(o.RoundTrips))
	b = appendString(b, o.Error)
	b = appendString(b, o.Message)
	b = binary.AppendUvarint(b, uint64(len(o.Takes)))
	for i := range o.Takes {
		b = appendTake(b, &o.Takes[i])
	}
	b = binary.AppendUvarint(b, uint64(len(o.Touched)))
	for _, t := range o.Touched {
		b = appendString(b, t.Shard)
		b = binary.AppendVarint(b, int64(t.Commands))
	}
	return b
}

func appendTake(b []byte, t *Take) []byte {
	b = appendString(b, t.Limit)
	b = appendString(b, t.Key)
	b = binary.AppendVarint(b, t.Cost)
	b = appendString(b, string(t.Mode))
	b = appendString(b, t.Shard)
	return appendString(b, string(t.State))
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
