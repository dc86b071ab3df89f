package plots

import (
	"slices"
	"testing"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// kindsOf some figures, each once.
func kindsOf(figures []draw.Figure) (names []string) {
	for _, f := range figures {
		if !slices.Contains(names, f.Kind) {
			names = append(names, f.Kind)
		}
	}
	return names
}

// What has nothing to do with a record is left out, which is told; asked for, it
// says that there are no data.
func TestKindsOfARecord(t *testing.T) {
	limiters := []string{"latency", "latency-over-time", "outcomes-over-time", "shards", "admission"}
	thresholds := []string{"thresholds"}
	onLimiters := func() *series.Set { return fixtures()["usual"][0] }
	onEngines := func() *series.Set { return thresholdFixtures()["usual"] }
	for _, tt := range []struct {
		why           string
		sets          []*series.Set
		drawn, absent []string
		told          []string
	}{
		{"no engine", []*series.Set{onLimiters()}, limiters, append(thresholds, "compare"), []string{"thresholds (the run has no engine)"}},
		{"no limiter", []*series.Set{onEngines()}, thresholds, append(limiters, "compare"), []string{"latency, latency-over-time, outcomes-over-time, shards and admission (the run has no limiter)"}},
		{"neither", []*series.Set{{Manifest: manifest("empty", true)}}, limiters, thresholds, []string{"thresholds (the run has no engine)"}},
		{"two records", []*series.Set{onLimiters(), onEngines()}, slices.Concat(limiters, []string{"compare"}, thresholds), nil,
			[]string{"thresholds of boulder-not-found (the run has no engine)", "latency, latency-over-time, outcomes-over-time, shards and admission of quotas (the run has no limiter)"}},
	} {
		if got := kindsOf(drawn(tt.sets, Options{})); !slices.Equal(got, tt.drawn) {
			t.Errorf("%s: drawn are %q, expected %q", tt.why, got, tt.drawn)
		}
		if got := LeftOut(tt.sets); !slices.Equal(got, tt.told) {
			t.Errorf("%s: told is %q, expected %q", tt.why, got, tt.told)
		}
		for _, kind := range tt.absent {
			figures := drawn(tt.sets, Options{Kinds: []string{kind}})
			if len(figures) != 1 || figures[0].Kind != kind || !figures[0].Empty() || figures[0].Subtitle == "" {
				t.Errorf("%s: asked for %s: %d figures, expected one without data", tt.why, kind, len(figures))
			}
		}
	}
	if got := kindsOf(drawn([]*series.Set{onLimiters()}, Options{Kinds: []string{"shards", "latency"}})); !slices.Equal(got, []string{"latency", "shards"}) {
		t.Errorf("asked for shards and latency: drawn are %q", got)
	}
}
