package summary

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
)

// telemetryTolerance is the relative error of a limiter's own metrics above
// which there is a warning.
const telemetryTolerance = 0.05

// telemetryJitter is what the two may differ by on average in real time, in
// seconds: between them a goroutine waits for a processor.
const telemetryJitter = 100e-6

// telemetry compares what limiters say of themselves with what was seen of
// them from outside. It counts the warm-up in, as they do.
type telemetry struct {
	order  *order
	jitter float64 // seconds
	walls  map[wallKey]*wall
}

type wallKey struct {
	Limiter  string          `json:"limiter"`
	Client   string          `json:"client"`
	Decision record.Decision `json:"decision,omitempty"` // "" all
}

type wall struct {
	wallKey
	N     uint64  `json:"count"`
	Takes uint64  `json:"takes"` // limits that the requests took from
	Sum   float64 `json:"seconds"`
}

func (w *wall) compare(v *wall) int {
	return cmp.Or(cmp.Compare(w.Limiter, v.Limiter), cmp.Compare(w.Client, v.Client), cmp.Compare(w.Decision, v.Decision))
}

func newTelemetry(o *order, m *record.Manifest) *telemetry {
	t := &telemetry{order: o, walls: map[wallKey]*wall{}}
	if m.Clock == "real" {
		t.jitter = telemetryJitter
	}
	return t
}

func (t *telemetry) observe(o *record.Observation) {
	if o.Decision == record.Dropped || o.Sent < 0 {
		return
	}
	key := wallKey{o.Limiter, t.order.group(o.Client), o.Decision}
	t.add(key, o)
	key.Decision = ""
	t.add(key, o)
}

func (t *telemetry) add(key wallKey, o *record.Observation) {
	w := t.walls[key]
	if w == nil {
		w = &wall{wallKey: key}
		t.walls[key] = w
	}
	w.N++
	w.Takes += uint64(len(o.Takes))
	w.Sum += float64(o.Done-o.Sent) / 1e9
}

// judge returns a metric for each series that can be compared, and warnings.
func (t *telemetry) judge(said []record.Telemetry) (metrics []Series, warnings []string) {
	for _, s := range said {
		w := t.walls[wallKey{s.Limiter, t.order.group(s.Client), s.Decision}]
		if w == nil || w.N == 0 || s.Count == 0 {
			continue
		}
		is, says := w.Sum/float64(w.N), s.Seconds/float64(s.Count)
		off, ok := relative(says, is)
		if !ok {
			continue
		}
		series := s.Series
		if s.Decision != "" {
			series += "/" + string(s.Decision)
		}
		tags := tags("limiter", s.Limiter, "client", s.Client, "series", series)
		metrics = append(metrics, value("telemetry_error", tags, int64(w.N), off))
		warnings = append(warnings, w.warnings(s, off > telemetryTolerance && math.Abs(says-is) > t.jitter)...)
	}
	return metrics, warnings
}

// warnings is about a series whose mean is off, or whose count is not what was
// seen.
func (w *wall) warnings(s record.Telemetry, off bool) []string {
	var parts []string
	if off {
		parts = append(parts, fmt.Sprintf("says that they take %s on average, where a caller waits %s", inWords(s.Seconds/float64(s.Count)), inWords(w.Sum/float64(w.N))))
	}
	if miscount, _ := relative(float64(s.Count), float64(w.N)); miscount > telemetryTolerance {
		parts = append(parts, fmt.Sprintf("counts %s, where there were %s", unit.Thousands(int64(s.Count)), unit.Thousands(int64(w.N))))
	}
	if len(parts) == 0 {
		return nil
	}
	what := "decisions"
	if s.Decision != "" {
		what = string(s.Decision) + " decisions"
	}
	cause := "what it times or labels is not the decision as a caller sees it"
	if w.Takes > w.N {
		cause = fmt.Sprintf("a request here takes from %.1f limits on average, so look whether it observes each limit of a batch by itself", float64(w.Takes)/float64(w.N))
	}
	return []string{fmt.Sprintf("%s: its own metric %s is wrong about the %s of client %s. It %s: %s.", s.Limiter, s.Series, what, s.Client, strings.Join(parts, " and "), cause)}
}

// relative returns the error of says against is; unknown if is is 0 and says is not.
func relative(says, is float64) (float64, bool) {
	if says == is {
		return 0, true
	}
	if is == 0 {
		return 0, false
	}
	return math.Abs(says-is) / is, true
}

func inWords(seconds float64) string {
	d := time.Duration(math.Round(seconds * 1e9))
	if d >= time.Millisecond {
		d = d.Round(time.Microsecond)
	}
	return unit.Time(d)
}
