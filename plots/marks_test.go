package plots

import (
	"strings"
	"testing"

	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

// Every figure of an auto-pipelined run names that, and those on latency say what it
// hides: of one record, of several, and of both clocks.
func TestAutoPipeliningIsNamed(t *testing.T) {
	pipelined := func(s *series.Set) *series.Set {
		one := summary.Summary{Valid: true}
		if s.Summary != nil {
			one = *s.Summary.Summary
		}
		one.AutoPipelined = []string{"wfe", "ra"}
		s.Summary = &summary.Measured{Summary: &one}
		return s
	}
	figures := 0
	check := func(what string, sets []*series.Set, name string) {
		for _, f := range drawn(sets, Options{}) {
			figures++
			if !strings.Contains(f.Subtitle, "auto-pipelined: "+name) {
				t.Errorf("%s: subtitle of %s is %q", what, f.Name, f.Subtitle)
			}
			onLatency := strings.Contains(f.Name, "latency") || strings.HasPrefix(f.Name, "virtual-real")
			if notes := strings.Join(f.Notes, " "); onLatency != strings.Contains(notes, "hides queueing") {
				t.Errorf("%s: notes of %s are %q", what, f.Name, notes)
			}
		}
	}
	both := shardFixtures()["64 shards"]
	both.Latency, both.Timeline = usual().Latency, usual().Timeline
	both.Thresholds = usualThresholds()
	both.Admission = admissionFixtures()["over"].Admission
	check("one record", []*series.Set{pipelined(both)}, "wfe and ra")
	if figures < 10 {
		t.Errorf("only %d figures", figures)
	}
	check("many limiters", []*series.Set{pipelined(largest(6))}, "wfe and ra")
	sets := []*series.Set{raced("quick", "virtual", map[string]int64{"lua": 0}, 1), pipelined(raced("quick", "real", map[string]int64{"lua": 0}, 2))}
	for _, f := range ofKinds(drawn(sets, Options{}), "compare") {
		if !strings.Contains(f.Subtitle, "auto-pipelined: ") {
			t.Errorf("compared: subtitle of %s is %q", f.Name, f.Subtitle)
		}
		if onLatency := f.Name != "compare-admission" && f.Name != "compare-balance"; onLatency != strings.Contains(strings.Join(f.Notes, " "), "hides queueing") {
			t.Errorf("compared: notes of %s are %q", f.Name, f.Notes)
		}
	}
	for name, s := range sweepFixtures() {
		one := *s
		one.AutoPipelined = []string{"wfe"}
		if one.Check() != nil {
			continue
		}
		for _, f := range drawnSweep(&one, Options{}) {
			if !strings.HasSuffix(f.Subtitle, " · auto-pipelined: wfe") {
				t.Errorf("sweep, %s: subtitle of %s is %q", name, f.Name, f.Subtitle)
			}
		}
	}
	for _, f := range drawn([]*series.Set{usual()}, Options{}) {
		if strings.Contains(textOf(&f), "pipelin") {
			t.Errorf("%s names auto-pipelining, which there is none of", f.Name)
		}
	}
}
