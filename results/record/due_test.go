package record_test

import (
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// Parts that are closed because it was time leave the content's hash as it is, and
// what they hold is read although the writer never came to its end.
func TestPartsCloseInTime(t *testing.T) {
	for _, clock := range []string{"real", "virtual"} {
		list := some(testkit.Full(5000, 700), 3)
		whole := testkit.WriteRecord(t, record.Manifest{Clock: clock}, list).Manifest()
		asked := 0
		due := func() bool { asked++; return asked%7 == 0 }
		cut := testkit.WriteRecord(t, record.Manifest{Clock: clock}, list, record.CloseWhen(due))
		m := cut.Manifest()
		if m.Hash != whole.Hash || m.Count != whole.Count || m.MaxSettle != whole.MaxSettle {
			t.Errorf("%s: the hash is %s of %d, in one part it is %s of %d", clock, m.Hash, m.Count, whole.Hash, whole.Count)
		}
		if want := asked / 7; len(whole.Parts) != 1 || len(m.Parts) < want || len(m.Parts) > want+1 {
			t.Errorf("%s: %d parts, expected %d or one more", clock, len(m.Parts), want)
		}
		if d := diff(list, collect(t, cut.Observations())); d != "" {
			t.Errorf("%s: %s", clock, d)
		}
	}
	w, err := record.Create(t.TempDir(), record.Manifest{Clock: "real"}, record.CloseWhen(func() bool { return true }))
	must(t, err)
	for _, o := range some(10, 1) {
		must(t, w.Write(&o))
	}
	for r := (*record.Reader)(nil); r == nil || r.Manifest().Count < 9; { // the row that asked is the first of the next part
		r, err = record.Open(w.Dir())
		must(t, err)
		if r.Manifest().Complete {
			t.Fatal("a record without its end says that it is complete")
		}
	}
	_, err = w.Close(nil)
	must(t, err)
}
