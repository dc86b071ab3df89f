package vectors_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/quota/vectors"
)

// small is a vector with every form that a field can take. The organisation
// is at 80 % from the second event on; the run at 1000 overlaps.
const small = `{"id":"made-up/G14/01","generation":"G14","options":{"mail_latency_s":2,"mail_down":[[0,1500]]},
"organisations":[{"id":7,"plan":"paid","allowed":100,"billing_starts_at":0,"billing_ends_at":null,"admins":2}],
"changes":[{"t":1700,"org":7,"set":{"allowed":50},"via":"bulk"},{"t":1800,"org":7,"set":{"allowed":100}}],
"usage":[{"org":7,"start":10,"end":40,"every_s":10,"total":-4},{"org":7,"t":50,"n":84,"series":"b","arrive":900}],
"evaluations":[100,{"t":1000,"overlap":"before_record"},1900],"cache_refresh":[],"thresholds":[75],"truth":{"limits":{"7":100}},
"expect":{"sent":[{"org":7,"threshold":75,"t":1004,"run":1001,"delivered":false},{"org":7,"threshold":75,"t":1004,"run":1000,"delivered":false},
{"org":7,"threshold":75,"t":1902,"run":1900}],"aborted":[],"probes":[[100,7,0,-4],[1000,7,0,80],[1001,7,0,80],[1900,7,0,80]]}}`

func TestDecodeAndRun(t *testing.T) {
	all, err := vectors.Decode(strings.NewReader(small + "\n" + small))
	if err != nil || len(all) != 2 {
		t.Fatalf("%d vectors, %v, want 2", len(all), err)
	}
	v := &all[0]
	wantEvents := []vectors.Event{
		{Org: 7, At: 10 * vectors.Second, Units: -1, Series: "a"}, // of −4 in three: −1, −2, −4
		{Org: 7, At: 20 * vectors.Second, Units: -1, Series: "a"},
		{Org: 7, At: 30 * vectors.Second, Units: -2, Series: "a"},
		{Org: 7, At: 50 * vectors.Second, Units: 84, Series: "b", Late: true, Arrive: 900 * vectors.Second},
	}
	if diff := cmp.Diff(wantEvents, v.Events()); diff != "" {
		t.Errorf("events (−want +got):\n%s", diff)
	}
	got, err := vectors.Run(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.Expect, got.Expect); diff != "" {
		t.Errorf("result (−want +got):\n%s", diff)
	}
	if len(got.Evaluations) != 4 {
		t.Errorf("%d evaluations, want one for each of 4 runs", len(got.Evaluations))
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"not JSON", `{"id":`, "vector 1"},
		{"second one is bad", `{} {"usage":7}`, "vector 2"},
		{"overlap of another kind", `{"evaluations":[{"t":1,"overlap":"after_record"}]}`, "after_record"},
		{"probe too short", `{"expect":{"probes":[[1,2,3]]}}`, "probe"},
		{"probe too long", `{"expect":{"probes":[[1,2,3,4,5]]}}`, "probe"},
		{"fraction of a second", `{"cache_refresh":[1.5]}`, "1.5"},
	}
	for _, tt := range tests {
		if _, err := vectors.Decode(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		name string
		v    vectors.Vector
		want string
	}{
		{"no such generation", vectors.Vector{Generation: "G20"}, "G20"},
		{"no such source", vectors.Vector{Generation: "G19", Options: vectors.Options{UsageSource: "csv"}}, "csv"},
		{"change of nobody", vectors.Vector{Generation: "G19", Changes: []vectors.Change{{Org: 3}}}, "organisation 3"},
	}
	for _, tt := range tests {
		if _, err := vectors.Run(&tt.v); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(small)
	f.Add(`{"evaluations":[{}],"expect":{"probes":[[1,2,3,null]]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := vectors.Decode(strings.NewReader(text))
		if err != nil && len(all) > 0 {
			t.Errorf("%d vectors beside the error %v", len(all), err)
		}
	})
}
