package record

import (
	"encoding/binary"
	"errors"
	"io"
)

// checkFooter looks through the footer of a Parquet file, in Thrift's compact
// protocol, before the library does: that makes room for as many elements as a
// list says it has.
func checkFooter(f io.ReaderAt, size int64) error {
	var end [8]byte
	if size < int64(len(end)) {
		return nil // the library says what is wrong
	}
	if _, err := f.ReadAt(end[:], size-8); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > size-8 {
		return nil
	}
	footer := make([]byte, n)
	if _, err := f.ReadAt(footer, size-8-n); err != nil {
		return err
	}
	t := &thrift{left: footer}
	if t.structure(0); t.bad {
		return errors.New("its footer is no list of parts that fits into it")
	}
	return nil
}

// thrift skips values. bad is that one does not fit into what is left.
type thrift struct {
	left []byte
	bad  bool
}

// Types of the compact protocol, and how deep a footer nests at most.
const (
	thriftTrue, thriftFalse, thriftByte, thriftDouble = 1, 2, 3, 7
	thriftBinary, thriftList, thriftSet, thriftStruct = 8, 9, 10, 12

	mostNested = 32
)

func (t *thrift) skip(n uint64) {
	if n > uint64(len(t.left)) {
		t.bad, n = true, uint64(len(t.left))
	}
	t.left = t.left[n:]
}

func (t *thrift) byte() byte {
	if len(t.left) == 0 {
		t.bad = true
		return 0
	}
	b := t.left[0]
	t.left = t.left[1:]
	return b
}

func (t *thrift) number() uint64 {
	v, n := binary.Uvarint(t.left)
	if n <= 0 {
		t.bad = true
		return 0
	}
	t.left = t.left[n:]
	return v
}

func (t *thrift) structure(depth int) {
	for !t.bad {
		head := t.byte()
		if head == 0 {
			return
		}
		if head>>4 == 0 {
			t.number() // the field's number is written out
		}
		if kind := head & 15; kind != thriftTrue && kind != thriftFalse {
			t.value(kind, depth)
		}
	}
}

func (t *thrift) value(kind byte, depth int) {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		t.byte()
	case 4, 5, 6: // integers of 16, 32 and 64 bits
		t.number()
	case thriftDouble:
		t.skip(8)
	case thriftBinary:
		t.skip(t.number())
	case thriftList, thriftSet:
		t.list(depth + 1)
	case thriftStruct:
		if depth >= mostNested {
			t.bad = true
			return
		}
		t.structure(depth + 1)
	default: // Parquet has no maps
		t.bad = true
	}
}

// list skips one: each element takes a byte at least.
func (t *thrift) list(depth int) {
	head := t.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = t.number()
	}
	t.bad = t.bad || n > uint64(len(t.left)) || depth > mostNested
	for range n {
		if t.bad {
			return
		}
		t.value(head&15, depth)
	}
}
