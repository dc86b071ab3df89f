package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line's length, so that a binary file without line ends
// is an error and not an exhausted memory.
const maxLine = 1 << 20

// utf8BOM stands at the beginning of files from some editors.
const utf8BOM = "\xef\xbb\xbf"

// lines calls visit with every line that is not blank, without its line end,
// and its number from 1. The slice is valid until visit returns.
func lines(r io.Reader, visit func(number int, line []byte)) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	for s.Scan() {
		number++
		line := s.Bytes()
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte(utf8BOM))
		}
		if len(bytes.TrimSpace(line)) > 0 {
			visit(number, line)
		}
	}
	err := s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes; is this a text file? %w", number+1, maxLine, err)
	}
	if err != nil {
		return fmt.Errorf("reading after line %d: %w", number, err)
	}
	return nil
}
