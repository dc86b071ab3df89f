package summary

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
)

// SchemaVersion of the JSON summary.
const SchemaVersion = 1

// Summary is what a run came to.
type Summary struct {
	SchemaVersion int      `json:"schemaVersion" jsonschema:"version of this layout"`
	OK            bool     `json:"ok" jsonschema:"valid, and every assertion holds"`
	Valid         bool     `json:"valid" jsonschema:"the run did what the scenario asked: it reached its end, dropped nothing and kept its schedule"`
	Invalid       []string `json:"invalid,omitempty" jsonschema:"why it is not valid"`
	Undecided     string   `json:"undecided,omitempty" jsonschema:"why the run is not passed although it is valid: nothing was decided"`

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
	Processes     []OwnTime `json:"processes,omitempty" jsonschema:"in real time: what decisions took limiters in processes of their own, as these say"`
	AutoPipelined []string  `json:"autoPipelined,omitempty" jsonschema:"clients whose commands share round trips with those of other requests, which hides queueing in their latency"`
	Faults        []Fault   `json:"faults,omitempty" jsonschema:"what went wrong on purpose"`
	Phases        []Phase   `json:"phases,omitempty" jsonschema:"how long the run was before, during and after faults, within the measured time"`
	Servers       []Server  `json:"servers,omitempty" jsonschema:"what live shards said of themselves"`

	Metrics []Metric `json:"metrics" jsonschema:"every metric that was observed"`
	Keys    Keys     `json:"keys" jsonschema:"single keys that stand out"`

	ErrorTexts []ErrorTexts `json:"errorTexts,omitempty" jsonschema:"what the errors said, by limiter and kind"`

	Audit        []Audit        `json:"audit,omitempty" jsonschema:"how each limiter's decisions were judged: reference, worst window, waits, causes"`
	SampledAudit []SampledAudit `json:"sampledAudit,omitempty" jsonschema:"the audit of the keys that are recorded, if not all are: what it finds was so, what it does not find may have been on other keys"`

	Thresholds []Threshold       `json:"thresholds,omitempty" jsonschema:"how each usage-threshold engine did, by threshold"`
	Causes     []ThresholdCause  `json:"thresholdCauses,omitempty" jsonschema:"why notices were missed, late, duplicate or spurious, with an example each"`
	EndedBy    *Ended            `json:"endedBy,omitempty" jsonschema:"the assertion with abortOnFail that ended the run before its horizon; its metrics are of the time up to there"`
	Assertions []Assertion       `json:"assertions" jsonschema:"the scenario's assertions, judged"`
	Warnings   []string          `json:"warnings" jsonschema:"what is odd, and why"`
	Versions   map[string]string `json:"versions" jsonschema:"versions of go, quotalab and the modules under test"`
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
}

// Audit is how one limiter's decisions were judged.
type Audit struct {
	Limiter       string      `json:"limiter" jsonschema:"the limiter"`
	Algorithm     string      `json:"algorithm,omitempty" jsonschema:"algorithm that the limiter declares; none: only worst_excess is known"`
	Reference     string      `json:"reference" jsonschema:"reference by whose promise it was judged"`
	Unknown       string      `json:"unknown,omitempty" jsonschema:"why over- and under-admission are unknown although it declares an algorithm"`
	Compared      int64       `json:"compared" jsonschema:"decisions that were judged"`
	Tokens        bool        `json:"tokens,omitempty" jsonschema:"over_admission counts tokens on some limit, because requests cost differently there"`
	ChecksAllowed int64       `json:"checksAllowed,omitempty" jsonschema:"checks, which take nothing, that were told yes where there was no room; in no other count"`
	Uncertain     int64       `json:"uncertain,omitempty" jsonschema:"requests that ended in an error and reached a key, or whose command was on its way to one: whether they took tokens is unknown"`
	Worst         *Worst      `json:"worst,omitempty" jsonschema:"the window with the most tokens above the promise; none: no window is above it"`
	RetryAfter    *RetryAfter `json:"retryAfter,omitempty" jsonschema:"waits that denied clients were told, against the time until the same request would have fitted"`
	Causes        []Cause     `json:"causes,omitempty" jsonschema:"what explains over-admission and under-admission, as far as the record proves it"`
}

// Worst is the stretch of time in which one key was given too much.
type Worst struct {
	Limit        string  `json:"limit" jsonschema:"the limit"`
	Key          string  `json:"key" jsonschema:"the key"`
	FromSeconds  float64 `json:"fromSeconds" jsonschema:"when it begins, after the start of the run"`
	UntilSeconds float64 `json:"untilSeconds" jsonschema:"when it ends, with an admission"`
	Excess       float64 `json:"excess" jsonschema:"tokens above the promise"`
}

// RetryAfter says how the waits that denied clients were told are off.
type RetryAfter struct {
	Compared    int64   `json:"compared" jsonschema:"denials with a wait that can be compared"`
	UnitSeconds float64 `json:"unitSeconds" jsonschema:"unit in which the limiter speaks; rounding up to it is right"`
	Early       int64   `json:"early" jsonschema:"of these, told to come too early"`
	EarlyMed    float64 `json:"earlyMedSeconds,omitempty" jsonschema:"median of how much too early"`
	EarlyMax    float64 `json:"earlyMaxSeconds,omitempty" jsonschema:"most"`
	Late        int64   `json:"late" jsonschema:"told to wait for longer than the unit explains"`
	LateMed     float64 `json:"lateMedSeconds,omitempty" jsonschema:"median of how much too late"`
	LateMax     float64 `json:"lateMaxSeconds,omitempty" jsonschema:"most"`
}

// Cause is what explains a number of requests that were wrongly decided.
type Cause struct {
	Of       string `json:"of" jsonschema:"over_admission or under_admission"`
	Cause    string `json:"cause" jsonschema:"fail-open, not Redis, shard lost or moved, expiry, clocks, concurrency, rounding, lock-out or unknown"`
	Explains int64  `json:"explains" jsonschema:"requests that would not be wrong if the cause excused them"`
	Total    int64  `json:"total" jsonschema:"requests that are wrong"`
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

// AdmittedKey is a key on which a limiter broke its promise.
type AdmittedKey struct {
	Limiter string  `json:"limiter" jsonschema:"limiter that was wrong"`
	Limit   string  `json:"limit" jsonschema:"limit that it is a key of"`
	Key     string  `json:"key" jsonschema:"the key"`
	Over    int64   `json:"over" jsonschema:"admissions to take away so that the promise holds"`
	Under   int64   `json:"under" jsonschema:"denials that would have fitted, given what was admitted"`
	Excess  float64 `json:"excess" jsonschema:"tokens above the promise in the worst window"`
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
		name += " over " + unit.Quantity(a.OverSeconds, "s")
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
	return record.WriteJSON(w, s)
}

// Verdict returns it in a word: INVALID, FAILED or PASSED.
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

// Schema is the JSON Schema of the JSON summary.
func Schema() ([]byte, error) {
	return SchemaOf[Summary]("quotalab summary", "What a run of quotalab came to, by outcome.")
}

// SchemaOf is the JSON Schema of a type that is written as JSON.
func SchemaOf[T any](title, description string) ([]byte, error) {
	s, err := jsonschema.For[T](nil)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title, s.Description = title, description
	var b bytes.Buffer
	if err := record.WriteJSON(&b, s); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, err)
	}
	return b.Bytes(), nil
}

// Threshold is how one engine did with one threshold. Delays are the metric
// notice_delay.
type Threshold struct {
	Engine    string  `json:"engine" jsonschema:"name of the engine"`
	Kind      string  `json:"kind" jsonschema:"kind of the engine"`
	Threshold int64   `json:"threshold" jsonschema:"percent of the limit"`
	Crossings int64   `json:"crossings" jsonschema:"times that an account reached it and was due a notice: on time, late or missed"`
	OnTime    int64   `json:"onTime" jsonschema:"crossings whose notice was delivered within promisedSeconds"`
	Promised  float64 `json:"promisedSeconds" jsonschema:"the longest delay that is on time: what the engine can promise by its schedule, its source's lag and the time of a run"`
	Late      int64   `json:"late" jsonschema:"crossings whose first notice was delivered later than promisedSeconds after"`
	Missed    int64   `json:"missed" jsonschema:"crossings without a notice that was delivered"`
	Covered   int64   `json:"covered" jsonschema:"of the missed, those of which a higher threshold was told instead"`
	Censored  int64   `json:"censored" jsonschema:"crossings too close to the end to judge, not among the crossings"`
	Notices   Notices `json:"notices" jsonschema:"notices by what they were, each one thing"`
}

// Notices counts notices by what they were.
type Notices struct {
	First       int64 `json:"first" jsonschema:"the first that was delivered for its crossing"`
	OutOfOrder  int64 `json:"outOfOrder" jsonschema:"the same, but after one of a higher threshold"`
	Duplicate   int64 `json:"duplicate" jsonschema:"delivered again for the same crossing"`
	Undelivered int64 `json:"undelivered" jsonschema:"recorded as sent, not received"`
	Spurious    int64 `json:"spurious" jsonschema:"of no crossing that stood"`
	WarmUp      int64 `json:"warmUp" jsonschema:"the first for a crossing from before the measured time"`
}

// ThresholdCause is why an engine missed a notice, was late with one, sent one
// twice or one too many.
type ThresholdCause struct {
	Engine    string    `json:"engine" jsonschema:"name of the engine"`
	Threshold int64     `json:"threshold" jsonschema:"percent of the limit"`
	Verdict   string    `json:"verdict" jsonschema:"missed, late, duplicate or spurious"`
	Cause     string    `json:"cause" jsonschema:"causes in the order in which they showed, joined by >"`
	Count     int64     `json:"count" jsonschema:"crossings or notices with this cause"`
	Account   int64     `json:"account" jsonschema:"an account as an example: the one with the least id"`
	Group     string    `json:"group" jsonschema:"its group of accounts in the scenario"`
	At        time.Time `json:"at" jsonschema:"when it crossed the threshold, or when the notice was sent"`
}

// Schedule is how the generator kept its schedule: first tries only.
type Schedule struct {
	Due               int64    `json:"due" jsonschema:"requests that were due in the measured time, first tries only"`
	Sent              int64    `json:"sent" jsonschema:"of these, sent before the end of the run"`
	IntendedPerSecond float64  `json:"intendedPerSecond" jsonschema:"due, per second of the measured time"`
	AchievedPerSecond float64  `json:"achievedPerSecond" jsonschema:"sent, per second of the measured time"`
	Ratio             float64  `json:"ratio" jsonschema:"achieved over intended rate; below 0.99 the run is invalid"`
	LagSamples        int64    `json:"lagSamples" jsonschema:"requests whose lag is known"`
	LagMed            *float64 `json:"lagMedSeconds,omitempty" jsonschema:"median of sent - intended"`
	LagP99            *float64 `json:"lagP99Seconds,omitempty" jsonschema:"99th percentile of sent - intended"`
	LagMax            *float64 `json:"lagMaxSeconds,omitempty" jsonschema:"largest sent - intended"`
	LagBound          float64  `json:"lagBoundSeconds,omitempty" jsonschema:"max_lag of the scenario, above which lag's 99th percentile makes the run invalid; missing: it does where latency and sojourn disagree"`
	Machine           *Machine `json:"machine,omitempty" jsonschema:"how late the machine was with nothing to do"`
}

// OwnTime splits the latency of a limiter that lives in processes of its own: what
// these say that decisions took them, and what the way to them and back took
// beside that. The two percentiles are not of the same requests.
type OwnTime struct {
	Limiter string  `json:"limiter" jsonschema:"name of the limiter"`
	Samples int64   `json:"samples" jsonschema:"decisions of which the process said it"`
	TookMed float64 `json:"tookMedSeconds" jsonschema:"median of what the process says"`
	TookP99 float64 `json:"tookP99Seconds" jsonschema:"its 99th percentile"`
	PipeMed float64 `json:"pipeMedSeconds" jsonschema:"median of the rest of the latency"`
	PipeP99 float64 `json:"pipeP99Seconds" jsonschema:"its 99th percentile"`
}

func ownTimes(all []record.OwnTime) (out []OwnTime) {
	for _, o := range all {
		out = append(out, OwnTime{o.Limiter, o.Took.Samples, o.Took.Med.Seconds(), o.Took.P99.Seconds(), o.Pipe.Med.Seconds(), o.Pipe.P99.Seconds()})
	}
	return out
}

// Fault is something that went wrong on purpose. Instants are seconds after
// the epoch.
type Fault struct {
	At     float64 `json:"atSeconds" jsonschema:"when it began, after the start of the run"`
	Until  float64 `json:"untilSeconds" jsonschema:"when it ended; as atSeconds if it was momentary"`
	Kind   string  `json:"kind" jsonschema:"kind of fault, as the scenario spells it"`
	What   string  `json:"what" jsonschema:"what happened, in words"`
	Shard  string  `json:"shard,omitempty" jsonschema:"shard that it happened to"`
	Client string  `json:"client,omitempty" jsonschema:"client that it happened to"`
}

// Phase is how long a phase was within the measured time.
type Phase struct {
	Phase   string  `json:"phase" jsonschema:"before the first fault, during one, or after"`
	Seconds float64 `json:"seconds" jsonschema:"how long it was; rates of the phase are counts divided by it"`
}

// Server is what one live shard said of itself. What it did not say is
// absent.
type Server struct {
	Shard          string         `json:"shard" jsonschema:"name of the shard"`
	Version        string         `json:"version" jsonschema:"version of Redis"`
	KeysBefore     *int64         `json:"keysBefore,omitempty" jsonschema:"keys in the run's database before the run"`
	KeysAfter      *int64         `json:"keysAfter,omitempty" jsonschema:"keys in the run's database after the run"`
	MemoryBefore   *int64         `json:"memoryBeforeBytes,omitempty" jsonschema:"used_memory before the run"`
	MemoryAfter    *int64         `json:"memoryAfterBytes,omitempty" jsonschema:"used_memory after the run"`
	SampledKeys    int64          `json:"sampledKeys" jsonschema:"keys of the run that were asked for their memory"`
	KeyBytes       *float64       `json:"bytesPerKey,omitempty" jsonschema:"mean MEMORY USAGE of those keys"`
	CommandsSent   *int64         `json:"commandsSent,omitempty" jsonschema:"commands that the run's clients sent, and what their scripts called as far as that is known"`
	CommandsServed *int64         `json:"commandsServed,omitempty" jsonschema:"the same commands as the server counted them"`
	Compared       bool           `json:"compared" jsonschema:"whether every command can be compared: the server could be asked, did not restart, and the limiters say what their scripts call"`
	Disagreements  []CommandCount `json:"disagreements,omitempty" jsonschema:"commands that the server counted otherwise than the clients"`
	Restarted      bool           `json:"restarted,omitempty" jsonschema:"it restarted during the run, so its counts began anew"`
	Uncounted      string         `json:"uncounted,omitempty" jsonschema:"why its version, memory and counts are not known: the user may not ask, or a generator is lost"`
	Unreachable    string         `json:"unreachable,omitempty" jsonschema:"why it could not be asked at the end"`
	Leftover       string         `json:"leftover,omitempty" jsonschema:"why keys of the run may still be there, and the command that deletes them"`
}

// CommandCount is how often one command ran.
type CommandCount struct {
	Command string `json:"command" jsonschema:"name of the command"`
	Sent    int64  `json:"sent" jsonschema:"by the run's clients"`
	Script  *int64 `json:"script,omitempty" jsonschema:"by their scripts, if that is known"`
	Server  int64  `json:"server" jsonschema:"as the server says"`
}

// SampledAudit is the audit of one limiter's decisions on the sampled keys.
type SampledAudit struct {
	Limiter     string  `json:"limiter" jsonschema:"name of the limiter"`
	Compared    int64   `json:"compared" jsonschema:"decisions on sampled keys that were judged"`
	Over        int64   `json:"over" jsonschema:"over-admission: admissions to take away so that the promise holds"`
	Under       int64   `json:"under" jsonschema:"under-admission: denials that would have fitted, given what was admitted"`
	Ambiguous   int64   `json:"ambiguous" jsonschema:"too close to the boundary, or in an unknown order"`
	WorstExcess float64 `json:"worstExcess" jsonschema:"most tokens above the promise that one sampled key was given in any window"`
}

// Read reads a JSON summary as WriteJSON writes it; name is for errors.
func Read(text []byte, name string) (*Summary, error) {
	var s Summary
	if err := record.ReadJSON(text, &s); err != nil {
		return nil, fmt.Errorf("%s: expected a JSON summary of quotalab (-o json=…), found something else or a file that was cut short: %w", name, err)
	}
	if s.SchemaVersion != SchemaVersion || s.Scenario == "" {
		return nil, fmt.Errorf("%s: expected a JSON summary of quotalab with schemaVersion %d, found version %d of scenario %q", name, SchemaVersion, s.SchemaVersion, metric.Shortened(s.Scenario))
	}
	return &s, nil
}
