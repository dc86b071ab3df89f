package record_test

import (
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

func TestPhases(t *testing.T) {
	lasting := func(at, until int64) record.Fault { return record.Fault{At: at, Until: until} }
	at := func(at int64) record.Fault { return lasting(at, at) }
	for _, c := range []struct {
		why    string
		faults []record.Fault
		want   string // of the instants 0, 1, …, 9: b, d or a
	}{
		{"no fault, no phase", nil, ".........."},
		{"one that lasts: its end is after it", []record.Fault{lasting(3, 5)}, "bbbddaaaaa"},
		{"a momentary one", []record.Fault{at(3)}, "bbbaaaaaaa"},
		{"between two it is after the first", []record.Fault{lasting(3, 5), lasting(7, 8)}, "bbbddaadaa"},
		{"not in order, one within the other", []record.Fault{lasting(7, 8), lasting(3, 8), lasting(4, 5)}, "bbbdddddaa"},
		{"one takes over from the other", []record.Fault{lasting(3, 5), lasting(5, 6)}, "bbbdddaaaa"},
		{"from the start to the end", []record.Fault{lasting(0, 10)}, "dddddddddd"},
		{"a momentary one while another lasts", []record.Fault{lasting(3, 5), at(4)}, "bbbddaaaaa"},
		{"a momentary one first", []record.Fault{lasting(3, 5), at(1)}, "baaddaaaaa"},
	} {
		p := record.NewPhases(c.faults)
		names := map[string]byte{"": '.', "before": 'b', "during": 'd', "after": 'a'}
		got, lengths := "", map[string]int64{}
		for i := range int64(10) {
			got += string(names[p.Of(i)])
			lengths[p.Of(i)]++
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
		for _, phase := range []string{"before", "during", "after"} {
			if n := p.Length(phase, record.Stretch{From: 0, Until: 10}); len(c.faults) > 0 && n != lengths[phase] {
				t.Errorf("%s: %s is %d of 10 long, want %d", c.why, phase, n, lengths[phase])
			}
		}
		if p.Length("", record.Stretch{From: 2, Until: 10}) != 8 {
			t.Errorf("%s: without a phase it is all of it", c.why)
		}
	}
}
