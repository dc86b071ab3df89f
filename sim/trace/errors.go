package trace

import (
	"fmt"
	"strings"
)

// maxListed bad lines are told in full; a file of the wrong format would
// otherwise be printed line by line.
const maxListed = 10

// LineError is one bad line.
type LineError struct {
	Line   int // from 1
	Column int // in bytes, from 1
	Msg    string
}

// Error is line:column: message.
func (e *LineError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// LineErrors are all bad lines of a trace: the first ones and their number.
type LineErrors struct {
	First []LineError // at most ten
	Count int
}

func (e *LineErrors) add(err LineError) {
	if len(e.First) < maxListed {
		e.First = append(e.First, err)
	}
	e.Count++
}

// Error has a line for each error listed.
func (e *LineErrors) Error() string {
	var b strings.Builder
	noun := "lines"
	if e.Count == 1 {
		noun = "line"
	}
	fmt.Fprintf(&b, "%d bad %s:", e.Count, noun)
	for i := range e.First {
		b.WriteString("\n  " + e.First[i].Error())
	}
	if more := e.Count - len(e.First); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return b.String()
}

// excerpt quotes what was found, cut to a length that fits a message.
func excerpt(found []byte) string {
	const longest = 40
	if len(found) > longest {
		return fmt.Sprintf("%q…", found[:longest])
	}
	return fmt.Sprintf("%q", found)
}
