package measure

import (
	"io"
	"time"

	"github.com/quotalab/quotalab/results/wording"
)

// SchemaVersion of the JSON summary.
const SchemaVersion = 1

// Summary is what a run came to.
type Summary struct {
	SchemaVersion int      `json:"schemaVersion" jsonschema:"version of this layout"`
	OK            bool     `json:"ok" jsonschema:"valid, and every assertion holds"`
	Valid         bool     `json:"valid" jsonschema:"the run did what the scenario asked: it reached its end, dropped nothing and kept its schedule"`
	Invalid       []string `json:"invalid,omitempty" jsonschema:"why it is not valid"`

	Scenario        string            `json:"scenario" jsonschema:"name of the scenario"`
	About           string            `json:"about,omitempty" jsonschema:"what the scenario shows"`
	Seed            uint64            `json:"seed" jsonschema:"seed of every random stream"`
	Clock           string            `json:"clock" jsonschema:"virtual or real"`
	PlanHash        string            `json:"planHash" jsonschema:"hash of the compiled plan"`
	RecordHash      string            `json:"recordHash" jsonschema:"SHA-256 over the content of the record"`
	Started         time.Time         `json:"started" jsonschema:"wall-clock time at which the run began"`
	WallSeconds     float64           `json:"wallSeconds" jsonschema:"wall time that the run took"`
	HorizonSeconds  float64           `json:"horizonSeconds" jsonschema:"length of the run in its own time"`
	WarmupSeconds   float64           `json:"warmupSeconds" jsonschema:"first part of the run, left out of all metrics"`
	MeasuredSeconds float64           `json:"measuredSeconds" jsonschema:"length of the part that the metrics are of; rates are counts divided by it"`
	Observations    int64             `json:"observations" jsonschema:"observations in the record, warm-up included"`
	Recorded        string            `json:"recorded,omitempty" jsonschema:"which observations the record holds: all (also if absent), sampled (those of a share of the keys) or none; metrics are of all that were seen"`
	SampleRate      float64           `json:"sampleRate,omitempty" jsonschema:"share of the keys whose observations are recorded, if they are sampled"`
	Seen            int64             `json:"seen,omitempty" jsonschema:"observations of the run, if not all are recorded"`
	Accounts        int64             `json:"accounts,omitempty" jsonschema:"accounts in the record"`
	Evaluations     int64             `json:"evaluations,omitempty" jsonschema:"looks of usage-threshold engines at accounts in the record"`
	Tags            map[string]string `json:"tags,omitempty" jsonschema:"tags that the user gave the run"`

	Schedule      *Schedule `json:"schedule,omitempty" jsonschema:"how the generator kept its schedule in real time"`
	AutoPipelined []string  `json:"autoPipelined,omitempty" jsonschema:"clients whose commands share round trips with those of other requests, which hides queueing in their latency"`
	Faults        []Fault   `json:"faults,omitempty" jsonschema:"what went wrong on purpose"`
	Phases        []Phase   `json:"phases,omitempty" jsonschema:"how long the run was before, during and after faults, within the measured time"`
	Servers       []Server  `json:"servers,omitempty" jsonschema:"what live shards said of themselves"`

	Metrics []Metric `json:"metrics" jsonschema:"every metric that was observed"`
	Keys    Keys     `json:"keys" jsonschema:"single keys that stand out"`

	SampledAudit []SampledAudit `json:"sampledAudit,omitempty" jsonschema:"the audit of the keys that are recorded, if not all are: what it finds was so, what it does not find may have been on other keys"`

	Thresholds []Threshold       `json:"thresholds,omitempty" jsonschema:"how each usage-threshold engine did, by threshold"`
	Causes     []ThresholdCause  `json:"thresholdCauses,omitempty" jsonschema:"why notices were missed, late, duplicate or spurious, with an example each"`
	EndedBy    *Ended            `json:"endedBy,omitempty" jsonschema:"the assertion with abortOnFail that ended the run before its horizon; its metrics are of the time up to there"`
	Assertions []Assertion       `json:"assertions" jsonschema:"the scenario's assertions, judged"`
	Warnings   []string          `json:"warnings" jsonschema:"what is odd, and why"`
	Versions   map[string]string `json:"versions" jsonschema:"versions of go, quotalab and the modules under test"`

	windows []*window
	busiest map[string]busy // by limiter
}

// Metric is one series of one metric. Times are in seconds. A counter has a
// Count; a trend has the number of samples as Count and its distribution; a
// value has the number of things it was computed from as Count, and a Value.
type Metric struct {
	Name  string            `json:"name" jsonschema:"name in the catalogue"`
	Tags  map[string]string `json:"tags" jsonschema:"tags of this series"`
	Unit  string            `json:"unit" jsonschema:"base unit: s, count, tokens, ratio, or empty for a plain number"`
	Count int64             `json:"count" jsonschema:"events of a counter, samples of a trend, things that a value was computed from"`
	Value *float64          `json:"value,omitempty" jsonschema:"a value's number"`
	Min   *float64          `json:"min,omitempty" jsonschema:"smallest sample, exact"`
	Avg   *float64          `json:"avg,omitempty" jsonschema:"mean of the samples, exact"`
	Med   *float64          `json:"med,omitempty" jsonschema:"median, exact or within 0.1 %"`
	P90   *float64          `json:"p90,omitempty" jsonschema:"90th percentile, exact or within 0.1 %"`
	P95   *float64          `json:"p95,omitempty" jsonschema:"95th percentile, exact or within 0.1 %"`
	P99   *float64          `json:"p99,omitempty" jsonschema:"99th percentile, exact or within 0.1 %"`
	P999  *float64          `json:"p999,omitempty" jsonschema:"99.9th percentile, exact or within 0.1 %"`
	Max   *float64          `json:"max,omitempty" jsonschema:"largest sample, exact"`

	trend *trend // of a trend: where any percentile comes from
}

// Keys are single keys that stand out, per limiter.
type Keys struct {
	MostDenied   []DeniedKey   `json:"mostDenied" jsonschema:"keys with the most denials, at most ten a limiter"`
	OverAdmitted []AdmittedKey `json:"overAdmitted" jsonschema:"keys on which a limiter was wrong, the worst first, at most twenty a limiter"`
}

// DeniedKey is a key that was denied.
type DeniedKey struct {
	Limiter   string `json:"limiter" jsonschema:"limiter that denied it"`
	Limit     string `json:"limit" jsonschema:"limit that it is a key of"`
	Key       string `json:"key" jsonschema:"the key"`
	Denied    int64  `json:"denied" jsonschema:"decisions on it that were denied"`
	Decisions int64  `json:"decisions" jsonschema:"decisions on it"`
}

// AdmittedKey is a key on which a limiter decided otherwise than the oracle.
type AdmittedKey struct {
	Limiter string  `json:"limiter" jsonschema:"limiter that was wrong"`
	Limit   string  `json:"limit" jsonschema:"limit that it is a key of"`
	Key     string  `json:"key" jsonschema:"the key"`
	Over    int64   `json:"over" jsonschema:"allowed, where the oracle denies"`
	Under   int64   `json:"under" jsonschema:"denied, where the oracle allows"`
	Excess  float64 `json:"excess" jsonschema:"tokens above burst + t/T in the worst window"`
}

// Assertion is one condition of the scenario and what became of it.
type Assertion struct {
	Metric   string   `json:"metric" jsonschema:"selector, as the scenario has it"`
	Check    string   `json:"check" jsonschema:"condition, as the scenario has it"`
	OK       bool     `json:"ok" jsonschema:"whether it holds; unknown does not"`
	Observed *float64 `json:"observed" jsonschema:"what the metric was, in base units; null: unknown"`
	Unknown  bool     `json:"unknown,omitempty" jsonschema:"nothing was observed that it could be judged by"`
	Why      string   `json:"why,omitempty" jsonschema:"what made it fail, in words, where the number does not say"`

	OverSeconds float64 `json:"overSeconds,omitempty" jsonschema:"length of the windows in each of which it must hold too, if it has any"`
}

// Name tells an assertion from the others of a run.
func (a *Assertion) Name() string {
	name := a.Metric + ": " + a.Check
	if a.OverSeconds > 0 {
		name += " over " + wording.Quantity(a.OverSeconds, "s")
	}
	return name
}

// Ended says which assertion ended a run.
type Ended struct {
	Metric      string  `json:"metric" jsonschema:"selector, as the scenario has it"`
	Check       string  `json:"check" jsonschema:"condition, as the scenario has it"`
	OverSeconds float64 `json:"overSeconds,omitempty" jsonschema:"length of the window that it failed in, if it was one"`
	Observed    float64 `json:"observed" jsonschema:"what the metric was, in base units"`
	AtSeconds   float64 `json:"atSeconds" jsonschema:"instant that was looked at, in the run's own time"`
}

// WriteJSON writes the summary as indented JSON with a newline at its end.
func (s *Summary) WriteJSON(w io.Writer) error {
	return wording.JSON(w, s)
}

// Verdict in a word: INVALID, FAILED or PASSED.
func (s *Summary) Verdict() string {
	switch {
	case !s.Valid:
		return "INVALID"
	case !s.OK:
		return "FAILED"
	}
	return "PASSED"
}

// Held is how many of the assertions hold.
func (s *Summary) Held() (n int) {
	for i := range s.Assertions {
		if s.Assertions[i].OK {
			n++
		}
	}
	return n
}
