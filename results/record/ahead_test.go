package record_test

import (
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// A reading that is left early ends all that reads ahead for it: no goroutine stays,
// and no file is open.
func TestReadingIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r := testkit.WriteRecord(t, record.Manifest{}, some(10_000, 7), record.PartRows(4000))
	before := openFiles(t)
	for _, after := range []int64{0, 1, 1023, 1024, 1025, 2048, 3999, 4000, 9999} {
		for o, err := range r.Observations() {
			if err != nil {
				t.Fatal(err)
			}
			if o.Seq == after {
				break
			}
		}
		if now := openFiles(t); now != before {
			t.Errorf("left after observation %d: %d files are open, expected %d", after, now, before)
		}
	}
}

// Rows that a consumer holds do not change under it while the next are read, and
// what comes before damage is yielded before the error.
func TestRowsBeforeDamage(t *testing.T) {
	list := some(5000, 8)
	r := testkit.WriteRecord(t, record.Manifest{}, list, record.PartRows(2000))
	part := r.Dir() + "/" + r.Manifest().Parts[1].File
	if err := os.Rename(part, part+".gone"); err != nil {
		t.Fatal(err)
	}
	seen := int64(0)
	for o, err := range r.Observations() {
		if err != nil {
			if !errors.Is(err, os.ErrNotExist) || seen != 2000 {
				t.Errorf("after %d observations: %v, expected that the second part is missing after 2,000", seen, err)
			}
			return
		}
		if o.Seq != seen || o.Done != list[seen].Done || len(o.Takes) != len(list[seen].Takes) {
			t.Fatalf("observation %d is %+v, expected %+v", seen, o, list[seen])
		}
		seen++
	}
	t.Error("a missing part is no error")
}

// openFiles of the process.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd to count open files by")
	}
	return len(list)
}
