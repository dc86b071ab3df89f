package record_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// A list of the footer that says it has two thousand million elements is refused: the
// library would make room for them.
func TestFooterWithAbsurdCounts(t *testing.T) {
	r := testkit.BusyRecord(t, 10)
	path := filepath.Join(r.Dir(), filepath.FromSlash(r.Manifest().Parts[0].File))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	footer := data[len(data)-8-int(binary.LittleEndian.Uint32(data[len(data)-8:])):]
	const list = 0x19 // the next field, a list: the schema
	for i := range footer {
		if footer[i] == list {
			copy(footer[i+1:], "\xfc\xff\xff\xff\xff\x07")
			break
		}
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), "footer") {
		t.Error(err)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 5<<30); err != nil {
		t.Skip(err) // no such files here
	}
	for path, want := range map[string]string{dir: "expected a file", "/dev/zero": "expected a file", large: "expected at most 1000 bytes, found 5368709120"} {
		if _, err := record.ReadFile(path, 1000); err == nil || !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := record.ReadJSON([]byte("["+strings.Repeat("null,", 200_000)+"null]"), new([]record.Limiter)); err == nil || !strings.Contains(err.Error(), "at most 150000") {
		t.Error(err)
	}
	if err := record.ReadJSON([]byte(strings.Repeat("9", 100_000)), new(int)); err == nil || len(err.Error()) > 2000 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}
