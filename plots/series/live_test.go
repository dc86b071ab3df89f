package series

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/summary"
)

// What is shown while a run goes on is, at its end, what its record says, to the last digit.
func TestLiveEndsAsTheRecord(t *testing.T) {
	r := testkit.BusyRecord(t, 60_000) // of which the first 50,000 are the warm-up's
	a, s := testkit.Analyse(t, r)
	want, err := Collect(r, a, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := r.Manifest()
	live, err := NewLive(m, m.Count)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for o, err := range r.Observations() {
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Observe(o); err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 55_000 {
			live.Look(func(set *Set) {
				over := live.timeline.at.over(live.reached)
				if over < 10 || over > set.Timeline.N-10 {
					t.Errorf("in the middle of the run %d of %d intervals are over", over, set.Timeline.N)
				}
				for _, o := range set.Timeline.Outcomes {
					if v := o.Rate[over]; v == v || o.Rate[over-1] != o.Rate[over-1] {
						t.Errorf("%v: rate %g before and %g after what is over, expected none after", o.Outcome, o.Rate[over-1], v)
					}
				}
			})
		}
	}
	live.reached = m.Horizon.Nanoseconds()
	live.Look(func(set *Set) {
		if d := cmp.Diff(want.Timeline, set.Timeline, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("timeline of the record, and of the run:\n%s", d)
		}
		shown := 0
		for _, name := range []string{"decisions", "latency", "lag", "sojourn", "round_trips", "errors", "dropped", "shard_commands"} {
			of := func(s *summary.Measured) []byte {
				list := slices.DeleteFunc(slices.Clone(s.Metrics), func(m summary.Metric) bool { return m.Name != name })
				shown += len(list)
				text, err := json.Marshal(list)
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			if d := cmp.Diff(string(of(s)), string(of(set.Summary))); d != "" {
				t.Errorf("%s of the record, and of the run:\n%s", name, d)
			}
		}
		if shown < 8 {
			t.Errorf("%d metrics were compared: expected more", shown)
		}
	})
}
