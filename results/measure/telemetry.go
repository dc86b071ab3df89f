package measure

import (
	"fmt"
	"math"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// telemetryTolerance is the relative error of a limiter's own metrics above
// which there is a warning.
const telemetryTolerance = 0.05

// telemetry compares what limiters say of themselves with what was seen of
// them from outside. It counts the warm-up in, as they do.
type telemetry struct {
	order *order
	walls map[wallKey]*wall
}

type wallKey struct {
	limiter, client string
	decision        record.Decision // "" all
}

type wall struct {
	n   uint64
	sum float64 // seconds
}

func newTelemetry(o *order) *telemetry { return &telemetry{order: o, walls: map[wallKey]*wall{}} }

func (t *telemetry) observe(o *record.Observation) {
	if o.Decision == record.Dropped || o.Sent < 0 {
		return
	}
	key := wallKey{o.Limiter, t.order.group(o.Client), o.Decision}
	t.add(key, o)
	key.decision = ""
	t.add(key, o)
}

func (t *telemetry) add(key wallKey, o *record.Observation) {
	w := t.walls[key]
	if w == nil {
		w = &wall{}
		t.walls[key] = w
	}
	w.n++
	w.sum += float64(o.Done-o.Sent) / 1e9
}

// judge returns a metric for each series that can be compared, and warnings.
func (t *telemetry) judge(said []record.Telemetry) (metrics []Metric, warnings []string) {
	for _, s := range said {
		w := t.walls[wallKey{s.Limiter, t.order.group(s.Client), s.Decision}]
		if w == nil || w.n == 0 || s.Count == 0 {
			continue
		}
		is, says := w.sum/float64(w.n), s.Seconds/float64(s.Count)
		off, ok := relative(says, is)
		if !ok {
			continue
		}
		tags := tags("limiter", s.Limiter, "client", s.Client, "series", s.Series)
		metrics = append(metrics, value("telemetry_error", tags, int64(w.n), off))
		what := "decisions"
		if s.Decision != "" {
			what = string(s.Decision) + " decisions"
		}
		if off > telemetryTolerance {
			warnings = append(warnings, fmt.Sprintf("%s: its own metric %s says that %s of client %s take %s on average, the wall says %s: what it times is not what a caller waits for.",
				s.Limiter, s.Series, what, s.Client, inWords(says), inWords(is)))
		}
		if miscount, _ := relative(float64(s.Count), float64(w.n)); miscount > telemetryTolerance {
			warnings = append(warnings, fmt.Sprintf("%s: its own metric %s counts %s %s of client %s, there were %s: it mislabels or misses some.",
				s.Limiter, s.Series, thousands(int64(s.Count)), what, s.Client, thousands(int64(w.n))))
		}
	}
	return metrics, warnings
}

// relative error of says against is; unknown if is is 0 and says is not.
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
		return d.Round(time.Microsecond).String()
	}
	return d.String()
}
