package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/quotalab/quotalab/models/metric"
)

// Bounds of what is read of a file, so that no file takes much memory. Those
// that quotalab writes are far below.
const (
	mostJSON   = 16 << 20  // bytes of a manifest
	mostText   = 16 << 20  // of the plan
	mostTotals = 256 << 20 // of a file whose hash the manifest has
)

// OpenFile opens a plain file: a device has no end, and a pipe may have no writer.
func OpenFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: expected a file, found a directory, device, pipe or socket", path)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// ReadFile returns what is in a plain file, which has at most most bytes.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() > most {
		err = fmt.Errorf("%s: expected at most %d bytes, found %d", path, most, info.Size())
	}
	if err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, most))
	return data.Bytes(), err
}

// mostParts is how many commas a text of JSON may have: an element of a list takes
// twenty times the memory of its text.
const mostParts = 150_000

// ReadJSON decodes a text into a variable.
func ReadJSON(text []byte, into any) error {
	if n := bytes.Count(text, []byte(",")); n > mostParts {
		return fmt.Errorf("expected at most %d fields and elements, found %d", mostParts, n)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New(metric.Shortened(err.Error()))
	}
	return nil
}
