package summary

import (
	"reflect"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// Texts of errors are in the totals of a run whose observations are not recorded,
// also those that the summary does not show.
func TestErrorTextsOfTotals(t *testing.T) {
	m := record.Manifest{Clock: "virtual", Horizon: time.Minute, Recorded: record.None, Complete: true, Limiters: []record.Limiter{{Name: "l"}}, Traffic: []record.Traffic{{Name: "main"}}}
	totals, err := NewTotals(m)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"b", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		o := record.Observation{Traffic: "main", Limiter: "l", Intended: int64(i), Sent: int64(i), Done: int64(i), Decision: record.Errored, Key: record.Unread, Error: "server", Message: text}
		if err := totals.Observe(&o); err != nil {
			t.Fatal(err)
		}
	}
	data, err := totals.Encode(&m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPass(&m)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.decode(data); err != nil {
		t.Fatal(err)
	}
	want := ErrorTexts{Limiter: "l", Error: "server", Count: 12, Different: 11, Most: []ErrorText{{"b", 2}, {"a", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}, {"g", 1}, {"h", 1}, {"i", 1}, {"j", 1}}}
	if got := p.measured(&audit.Result{}).ErrorTexts; !reflect.DeepEqual(got, []ErrorTexts{want}) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
