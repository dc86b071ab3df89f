package record

import "encoding/binary"

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendAccount writes each instant of usage but the first as the time since
// the one before: that is shorter, and as unambiguous.
func appendAccount(b []byte, a *Account) []byte {
	b = binary.AppendVarint(b, a.ID)
	b = appendString(b, a.Group)
	b = binary.AppendUvarint(b, uint64(len(a.Contract)))
	for _, s := range a.Contract {
		b = binary.AppendVarint(b, s.From)
		b = binary.AppendVarint(b, int64(s.Kind))
		b = binary.AppendVarint(b, s.Anchor)
		b = binary.AppendVarint(b, s.Limit)
	}
	b = appendBool(b, a.Saved)
	b = binary.AppendUvarint(b, uint64(len(a.At)))
	before := int64(0)
	for _, at := range a.At {
		b = binary.AppendVarint(b, at-before)
		before = at
	}
	b = binary.AppendUvarint(b, uint64(len(a.Units)))
	for _, n := range a.Units {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func appendEvaluation(b []byte, e *Evaluation) []byte {
	b = appendString(b, e.Engine)
	b = binary.AppendVarint(b, e.Run)
	b = binary.AppendVarint(b, e.Account)
	b = binary.AppendVarint(b, e.At)
	b = binary.AppendVarint(b, e.AsOf)
	b = appendString(b, string(e.Outcome))
	b = appendString(b, e.Error)
	b = binary.AppendVarint(b, e.ReadFrom)
	b = binary.AppendVarint(b, e.PeriodAt)
	b = appendBool(b, e.Rolling)
	b = binary.AppendVarint(b, e.Usage)
	b = binary.AppendVarint(b, e.Limit)
	b = binary.AppendVarint(b, e.Percent)
	b = binary.AppendVarint(b, e.Threshold)
	b = binary.AppendVarint(b, e.RowAccount)
	b = binary.AppendVarint(b, e.RowThreshold)
	b = binary.AppendVarint(b, e.RowAt)
	b = binary.AppendVarint(b, e.SentAt)
	return appendBool(b, e.Delivered)
}
