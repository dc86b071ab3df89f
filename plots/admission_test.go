package plots

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// admitting is a record of one limiter that gave keys tokens.
func admitting(over int64, keys ...series.KeyAdmission) *series.Set {
	s := usual()
	s.Manifest.Limiters = []record.Limiter{{Name: "boulder", Algorithm: "gcra"}}
	s.Summary = &summary.Measured{Summary: &summary.Summary{Metrics: []summary.Metric{{Name: "over_admission", Tags: map[string]string{"limiter": "boulder"}, Count: over}}}}
	a := series.Admission{Limiter: "boulder", Keys: keys}
	for i := range s.Timeline.N {
		excess := 0.0
		if over > 0 && i >= 20 {
			excess = float64(i-19) / 2
		}
		a.ExcessOverTime = append(a.ExcessOverTime, series.Point{X: float64(i), Y: excess})
	}
	s.Admission = []series.Admission{a}
	return s
}

// burstKey was given a burst at once, and again after 90 s: 30 an hour are
// allowed.
func burstKey(name string, over int64) series.KeyAdmission {
	k := series.KeyAdmission{Limit: "default", Key: name, Count: 30, Burst: 20, Period: 3600, Over: over, Excess: float64(over) - 1.25,
		Envelope: []series.Point{{X: 0, Y: 20}, {X: 240, Y: 22}}}
	if over == 0 {
		k.Excess = 0
	}
	for i := range 20 {
		k.Admitted = append(k.Admitted, series.Point{X: float64(i), Y: float64(i + 1)})
	}
	for i := range over {
		k.Admitted = append(k.Admitted, series.Point{X: 90 + float64(i), Y: 21 + float64(i)})
	}
	k.Admitted = append(k.Admitted, series.Point{X: 240, Y: 20 + float64(over)})
	return k
}

// steadyKey is given what comes back, for long.
func steadyKey() series.KeyAdmission {
	k := series.KeyAdmission{Limit: "default", Key: "tenant-1", Count: 10, Burst: 50, Period: 1, Over: 4, Excess: 3.5, Envelope: []series.Point{{X: 0, Y: 50}, {X: 30, Y: 350}}}
	for i := range 300 {
		given := 50 + float64(i)
		if i > 150 && i < 180 {
			given += 3.5
		}
		k.Admitted = append(k.Admitted, series.Point{X: float64(i) / 10, Y: given})
	}
	return k
}

// admissionFixtures are admissions at their best and worst.
var admissionFixtures = sync.OnceValue(func() map[string]*series.Set {
	once := series.KeyAdmission{Limit: "default", Key: "tenant-1", Count: 100, Burst: 100, Period: 365 * 86400, Admitted: []series.Point{{X: 0, Y: 1}}, Envelope: []series.Point{{X: 0, Y: 100}, {X: 315360, Y: 101}}}
	long := burstKey(strings.Repeat("registered-domain.", 12)+"example", 5)
	long.Limit, long.Count, long.Burst, long.Period = "CertificatesPerDomainPerAccountOverride", 1e12, 1e12, 1e-3
	unknown := usual()
	unknown.Manifest.Limiters = []record.Limiter{{Name: "boulder"}}
	sampled := admitting(0, burstKey("tenant-3", 0))
	sampled.Manifest.Recorded = record.Sampled
	sampled.Summary.SampledAudit = []summary.SampledAudit{{Limiter: "boulder", Over: 2}}
	faulted := admitting(40, burstKey("tenant-1", 20), burstKey("tenant-2", 18), burstKey("tenant-3", 2), burstKey("tenant-4", 1))
	faulted.Timeline.Faults = []series.Span{{From: 30, Until: 70, Label: "shard-2 is down"}}
	single := admitting(1, once)
	single.Timeline = series.Timeline{}
	intervals(single, 1, 1, func(int, int) float64 { return 1 })
	single.Admission[0].ExcessOverTime = []series.Point{{X: 0, Y: 0.5}}
	return map[string]*series.Set{
		"over":        faulted,
		"none over":   admitting(0, burstKey("tenant-1", 0), burstKey("tenant-2", 0)),
		"levelled":    admitting(4, steadyKey()),
		"one request": single,
		"long names":  admitting(5, long, long, long),
		"nothing":     admitting(0),
		"no oracle":   unknown,
		"sampled":     sampled,
	}
})

func TestAdmissionTitles(t *testing.T) {
	for name, want := range map[string][]string{
		"over":        {"Limiter boulder has an over-admission of 40 requests, at worst 18.8 tokens above burst + t/T on a key", "A key of boulder is above burst + t/T in 66.7 % of the intervals, by 20 tokens at 59 s: shard-2 is down"},
		"none over":   {"Limiter boulder keeps its promise: over-admission is 0"},
		"levelled":    {"Limiter boulder has an over-admission of 4 requests, at worst 3.5 tokens above burst + t/T on a key", "A key of boulder is above"},
		"one request": {"Limiter boulder has an over-admission of 1 request", "A key of boulder is above burst + t/T in 100 % of the intervals, by 0.5 tokens at 0 s"},
		"nothing":     {"Limiter boulder admitted nothing"},
		"no oracle":   {"What should have been admitted is not known"},
		"sampled":     {"Limiter boulder has an over-admission of 2 requests on the recorded keys"},
	} {
		figures := ofKinds(drawn([]*series.Set{admissionFixtures()[name]}, Options{}), "admission")
		if len(figures) != len(want) {
			t.Fatalf("%s: %d figures, expected %d", name, len(figures), len(want))
		}
		for i, f := range figures {
			if !strings.HasPrefix(f.Title, want[i]) {
				t.Errorf("%s: title %q, expected it to begin with %q", name, f.Title, want[i])
			}
		}
	}
}

// The shaded area begins where what was given crosses the envelope, also
// between two admissions.
func TestKeyCurveIsCutAtTheEnvelope(t *testing.T) {
	a := series.KeyAdmission{Count: 1, Burst: 2, Period: 1, Envelope: []series.Point{{X: 0, Y: 2}, {X: 10, Y: 12}},
		Admitted: []series.Point{{X: 0, Y: 1}, {X: 1, Y: 5}, {X: 10, Y: 6}}}
	c := newKeyCurve(&a, false)
	found := false
	for i, x := range c.x {
		if above := c.above[i] - c.bound[i]; math.Abs(above-max(0, c.given[i]-c.bound[i])) > 1e-12 {
			t.Errorf("at %g the area is %g high, expected %g", x, above, max(0, c.given[i]-c.bound[i]))
		}
		found = found || x == 3 && c.given[i] == 5 && c.bound[i] == 5
	}
	if !found {
		t.Errorf("no point at the crossing, x = 3: %v", c.x)
	}
}

// Less t/T the envelope is level, and an excess is as high as before.
func TestKeyCurveLevelled(t *testing.T) {
	a := steadyKey()
	if !isLevelled(&a) {
		t.Fatal("300 tokens that came back and an excess of 3.5: expected to be levelled")
	}
	c := newKeyCurve(&a, true)
	highest := 0.0
	for i, b := range c.bound {
		if math.Abs(b-50) > 1e-9 {
			t.Fatalf("the bound is %g at %g, expected 50", b, c.x[i])
		}
		highest = max(highest, c.above[i]-b)
	}
	if math.Abs(highest-3.5) > 1e-9 {
		t.Errorf("the excess is %g, expected 3.5", highest)
	}
	if b := burstKey("tenant-1", 20); isLevelled(&b) {
		t.Error("2 tokens that came back, an excess of 19: expected not to be levelled")
	}
}

// A limit that comes back in a year is shown for as long as tokens were given.
func TestKeyCurveIsAsLongAsTheWindow(t *testing.T) {
	a := series.KeyAdmission{Count: 100, Burst: 100, Period: 365 * 86400, Envelope: []series.Point{{X: 0, Y: 100}, {X: 315360, Y: 101}},
		Admitted: []series.Point{{X: 0, Y: 64}, {X: 0.02, Y: 128}, {X: 0.15, Y: 128}}}
	if c := newKeyCurve(&a, false); c.until != 0.15 || c.x[len(c.x)-1] != 0.15 || c.most != 128 {
		t.Errorf("until %g s, %g tokens; expected 0.15 and 128", c.until, c.most)
	}
	a.Admitted = a.Admitted[:1]
	if c := newKeyCurve(&a, false); c.until != 315360 || c.x[len(c.x)-1] != 315360 {
		t.Errorf("of one instant: until %g s, expected 315360", c.until)
	}
}

func TestGoldenAdmission(t *testing.T) {
	for _, name := range []string{"over", "none over", "one request"} {
		goldenOf(t, "admission-"+slug(name), ofKinds(drawn([]*series.Set{admissionFixtures()[name]}, Options{}), "admission"))
	}
}

func TestGoldenAdmissionImages(t *testing.T) {
	for _, name := range []string{"over", "levelled"} {
		for _, o := range []Options{{Theme: draw.Light}, {Theme: draw.Dark, Width: 8}} {
			for _, f := range ofKinds(drawn([]*series.Set{admissionFixtures()[name]}, o), "admission") {
				golden(t, fmt.Sprintf("%s-%s-%s.png", f.Name, name, o.Theme), smallPNG(t, &f), sameImage)
			}
		}
	}
}
