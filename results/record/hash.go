package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// The hash of one kind of rows is SHA-256 over a canonical encoding of every
// field of every row in the order of writing. It knows nothing of parts, row
// groups, compression or the Parquet version, so two records with the same
// content have the same hash however they were stored.
//
// The encoding of a row is its fields in the order of the struct: an integer
// as a zigzag varint, a string as its length (uvarint) and its bytes, a list
// as its length and its elements. It is self-delimiting, so no two sequences
// of rows share an encoding.

// hashChunk is how many encoded bytes are gathered for one call of SHA-256.
const hashChunk = 32 << 10

type hasher[T any] struct {
	rows *layout[T]
	sha  hash.Hash
	buf  []byte
}

func newHasher[T any](rows *layout[T]) *hasher[T] {
	h := &hasher[T]{rows: rows, sha: sha256.New(), buf: make([]byte, 0, 2*hashChunk)}
	h.buf = append(h.buf, rows.seed...)
	return h
}

func (h *hasher[T]) add(row *T) {
	h.buf = h.rows.encode(h.buf, row)
	if len(h.buf) >= hashChunk {
		h.flush()
	}
}

func (h *hasher[T]) flush() {
	h.sha.Write(h.buf) // never fails: hash.Hash says so
	h.buf = h.buf[:0]
}

// sum is the hash of all that was added so far; adding may go on after it.
func (h *hasher[T]) sum() string {
	h.flush()
	return hex.EncodeToString(h.sha.Sum(nil))
}

// contentHash is the record's hash, made from those of its last parts: that
// of the observations, if it has nothing else, and else SHA-256 over those of
// observations, accounts and evaluations. Where totals stand for observations
// that are not recorded it is also over theirs.
func (m *Manifest) contentHash() string {
	rows := m.rowsHash()
	if m.Whole() || m.TotalsHash == "" {
		return rows
	}
	sum := sha256.Sum256([]byte("quotalab totals 1\n" + rows + "\n" + m.TotalsHash + "\n"))
	return hex.EncodeToString(sum[:])
}

func (m *Manifest) rowsHash() string {
	observations, accounts, evaluations := newHasher(observationRows()).sum(), newHasher(accountRows()).sum(), newHasher(evaluationRows()).sum()
	if n := len(m.Parts); n > 0 {
		observations = m.Parts[n-1].Hash
	}
	if len(m.AccountParts)+len(m.EvaluationParts) == 0 {
		return observations
	}
	if n := len(m.AccountParts); n > 0 {
		accounts = m.AccountParts[n-1].Hash
	}
	if n := len(m.EvaluationParts); n > 0 {
		evaluations = m.EvaluationParts[n-1].Hash
	}
	sum := sha256.Sum256([]byte("quotalab record 1\n" + observations + "\n" + accounts + "\n" + evaluations + "\n"))
	return hex.EncodeToString(sum[:])
}

func appendObservation(b []byte, o *Observation) []byte {
	b = appendInts(b, o.Seq, o.Arrival)
	b = appendStrings(b, o.Traffic, o.Client, o.Limiter)
	b = appendInts(b, int64(o.Step), int64(o.Attempt), o.Done, o.Intended, o.Sent, o.Judged, o.Effect, o.Order)
	b = appendStrings(b, string(o.Decision), string(o.Key))
	b = appendInts(b, o.Remaining, o.RetryAfter, int64(o.RoundTrips))
	b = appendStrings(b, o.Error, o.Message)
	b = binary.AppendUvarint(b, uint64(len(o.Takes)))
	for i := range o.Takes {
		b = appendTake(b, &o.Takes[i])
	}
	b = binary.AppendUvarint(b, uint64(len(o.Touched)))
	for _, t := range o.Touched {
		b = appendInts(appendStrings(b, t.Shard), int64(t.Commands))
	}
	return b
}

func appendTake(b []byte, t *Take) []byte {
	b = appendStrings(b, t.Limit, t.Key)
	b = appendInts(b, t.Cost)
	return appendStrings(b, string(t.Mode), t.Shard, string(t.State))
}

func appendInts(b []byte, list ...int64) []byte {
	for _, n := range list {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func appendStrings(b []byte, list ...string) []byte {
	for _, s := range list {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendAccount writes each instant of usage but the first as the time since
// the one before: that is shorter, and as unambiguous.
func appendAccount(b []byte, a *Account) []byte {
	b = appendInts(b, a.ID)
	b = appendStrings(b, a.Group)
	b = binary.AppendUvarint(b, uint64(len(a.Contract)))
	for _, s := range a.Contract {
		b = appendInts(b, s.From, int64(s.Kind), s.Anchor, s.Limit)
	}
	b = appendBool(b, a.Saved)
	b = binary.AppendUvarint(b, uint64(len(a.At)))
	before := int64(0)
	for _, at := range a.At {
		b = binary.AppendVarint(b, at-before)
		before = at
	}
	b = binary.AppendUvarint(b, uint64(len(a.Units)))
	return appendInts(b, a.Units...)
}

func appendEvaluation(b []byte, e *Evaluation) []byte {
	b = appendStrings(b, e.Engine)
	b = appendInts(b, e.Run, e.Account, e.At, e.AsOf)
	b = appendStrings(b, string(e.Outcome), e.Error)
	b = appendInts(b, e.ReadFrom, e.PeriodAt)
	b = appendBool(b, e.Rolling)
	b = appendInts(b, e.Usage, e.Limit, e.Percent, e.Threshold, e.RowAccount, e.RowThreshold, e.RowAt, e.SentAt)
	return appendBool(b, e.Delivered)
}
