package record_test

import (
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// TestFullDisk lets no file grow beyond some KiB once a part is closed: the part
// can be read, the manifest says what ended the record, and no half file is left.
// It does so in a process of its own, since go test's log is a file too.
func TestFullDisk(t *testing.T) {
	if os.Getenv("QUOTALAB_FULL_DISK") == "" {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(program, "-test.run=^TestFullDisk$", "-test.v")
		c.Env = append(os.Environ(), "QUOTALAB_FULL_DISK=1")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	dir := t.TempDir()
	w, err := record.Create(dir, record.Manifest{Scenario: "s"}, record.PartRows(2000), record.Uncompressed())
	if err != nil {
		t.Fatal(err)
	}
	rows := some(3500, 1)
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	for first := filepath.Join(dir, "observations", "part-00000.parquet"); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(first); err == nil {
			break
		}
	}
	time.Sleep(50 * time.Millisecond) // the manifest follows
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 8 << 10, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Close(func(m *record.Manifest) { m.Complete = true })
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if !record.DiskFull(err) {
		t.Fatalf("got %v, expected that files are too large", err)
	}
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Manifest(); m.Count != 2000 || m.Complete || !strings.Contains(m.Aborted, "file too large") {
		t.Errorf("got %d observations, complete %v, aborted %q; expected 2000 of an incomplete record", m.Count, m.Complete, m.Aborted)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 || strings.HasSuffix(path, record.PartialSuffix) {
			t.Errorf("%s is left (%v)", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
