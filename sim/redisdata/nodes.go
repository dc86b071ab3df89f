package redisdata

import (
	"math"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// streamNode is what is packed together: how many entries, in how many bytes.
// Those that were deleted out of it keep their place.
type streamNode struct {
	entries, deleted, bytes int
	first                   streamID
	names                   []string
}

// The bounds of a node, as Redis comes.
const (
	nodeEntries = 100
	nodeBytes   = 4096
)

// packed returns the bytes of a text in a node.
func packed(text string) int {
	if n, ok := rediscmd.Integer(text); ok {
		return packedInt(n)
	}
	n := len(text)
	switch {
	case n < 64:
		n++
	case n < 4096:
		n += 2
	default:
		n += 5
	}
	return n + backLength(n)
}

func packedInt(n int64) int {
	switch {
	case n >= 0 && n <= 127:
		return 2
	case n >= -4096 && n <= 4095:
		return 3
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 4
	case n >= -1<<23 && n < 1<<23:
		return 5
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 6
	}
	return 10
}

// backLength returns the bytes of an element's length behind it.
func backLength(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 16383:
		return 2
	case n < 2097151:
		return 3
	}
	return 4
}

// append adds an entry behind all others.
func (x *stream) append(e streamEntry) {
	total := 0
	for _, f := range e.fields {
		total += len(f)
	}
	if n := len(x.nodes); n == 0 || x.nodes[n-1].entries+x.nodes[n-1].deleted >= nodeEntries || x.nodes[n-1].bytes+total >= nodeBytes {
		x.nodes = append(x.nodes, newStreamNode(e))
	}
	node := &x.nodes[len(x.nodes)-1]
	same := len(node.names) == len(e.fields)/2
	for i := 0; same && i < len(node.names); i++ {
		same = node.names[i] == e.fields[2*i]
	}
	node.bytes += 2 + packedInt(int64(e.id.ms-node.first.ms)) + packedInt(int64(e.id.seq-node.first.seq))
	if !same {
		node.bytes += packedInt(int64(len(e.fields) / 2))
	}
	for i, f := range e.fields {
		if !same || i%2 == 1 {
			node.bytes += packed(f)
		}
	}
	node.bytes += 2
	node.entries++
	x.entries = append(x.entries, e)
	x.last = e.id
}

func newStreamNode(e streamEntry) streamNode {
	n := streamNode{first: e.id, bytes: 7 + 2 + 2 + packedInt(int64(len(e.fields)/2)) + 2}
	for i := 0; i < len(e.fields); i += 2 {
		n.names = append(n.names, e.fields[i])
		n.bytes += packed(e.fields[i])
	}
	return n
}
