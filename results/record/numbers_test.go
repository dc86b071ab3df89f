package record_test

import (
	"maps"
	"sync"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// Keys are numbered by limit in the order in which a reading meets them, alike in
// every reading and across parts; a key has one text, wherever it was read.
func TestKeyNumbers(t *testing.T) {
	list := some(9000, 3)
	r := testkit.WriteRecord(t, record.Manifest{}, list, record.PartRows(2000))
	want := map[string]map[string]int32{"a": {}, "b": {}}
	for _, o := range list {
		for _, take := range o.Takes {
			of := want[take.Limit]
			if of[take.Key] == 0 {
				of[take.Key] = int32(len(of) + 1)
			}
		}
	}
	if len(want["a"]) < 2000 || maps.Equal(want["a"], want["b"]) {
		t.Fatalf("the record has %d keys of a and %d of b, expected thousands, and others of each", len(want["a"]), len(want["b"]))
	}
	read := func() {
		for o, err := range r.Observations() {
			if err != nil {
				t.Error(err)
				return
			}
			for _, take := range o.Takes {
				if n := want[take.Limit][take.Key]; take.Number != n {
					t.Errorf("observation %d: key %s of %s has the number %d, expected %d", o.Seq, take.Key, take.Limit, take.Number, n)
					return
				}
			}
		}
	}
	read()
	var side sync.WaitGroup
	side.Go(read)
	side.Go(read)
	side.Wait()
}
