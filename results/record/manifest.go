package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
)

// SchemaVersion of the record's layout; a reader refuses a newer one. Manifests
// of version 1 have no hash of their own; before 3 columns had no NULL and no points in
// time (see nullable).
const SchemaVersion = 3

// Manifest says what a record is of, and holds all that the analysers need
// beside the observations: no analyser looks at the scenario or the
// simulator. It is written when a run begins and again when it ends.
type Manifest struct {
	SchemaVersion int    `json:"schemaVersion"`
	ManifestHash  string `json:"manifestHash,omitempty"` // SHA-256 of the file's bytes with 64 zeros in this place
	Scenario      string `json:"scenario"`
	About         string `json:"about,omitempty"`
	Seed          uint64 `json:"seed"`
	Clock         string `json:"clock"` // virtual or real
	PlanHash      string `json:"planHash"`
	PlanTextHash  string `json:"planTextHash,omitempty"` // SHA-256 of PlanFile; "": there is none

	Epoch   time.Time     `json:"epoch"`
	Horizon time.Duration `json:"horizonNanoseconds"`
	Warmup  time.Duration `json:"warmupNanoseconds"`
	MaxLag  time.Duration `json:"maxLagNanoseconds,omitempty"` // largest 99th percentile of lag of a valid run; 0: what lag does to results decides
	Started time.Time     `json:"started"`                     // wall clock
	Wall    time.Duration `json:"wallNanoseconds"`             // wall time that the run took

	Recorded   Recorded `json:"recorded,omitempty"`   // which observations the parts hold
	SampleRate float64  `json:"sampleRate,omitempty"` // of Sampled: the share of the keys

	Shards   []string    `json:"shards"`
	Clients  []Client    `json:"clients"`
	Limiters []Limiter   `json:"limiters"`
	Traffic  []Traffic   `json:"traffic"`
	Engines  []Engine    `json:"engines,omitempty"`
	Faults   []Fault     `json:"faults,omitempty"`
	Asserts  []Assertion `json:"assert,omitempty"`

	Versions map[string]string `json:"versions"` // go, quotalab, and each module under test
	Tags     map[string]string `json:"tags,omitempty"`

	// The rest is known at the end.
	Complete        bool        `json:"complete"`                  // false: the run did not reach its end
	Aborted         string      `json:"aborted,omitempty"`         // why, e.g. "interrupt"
	Failed          *Failure    `json:"failedAssertion,omitempty"` // which ended the run; nil: none did
	Count           int64       `json:"observations"`
	Parts           []Part      `json:"parts"`
	Hash            string      `json:"recordHash"`            // over the content of all rows, in order; see contentHash
	Seen            int64       `json:"seen,omitempty"`        // observations of the run, recorded or not, if not all are
	TotalsHash      string      `json:"totalsHash,omitempty"`  // SHA-256 of TotalsFile; "": there is none
	SavedTotals     string      `json:"savedTotals,omitempty"` // of a run that goes on, or was killed: the file that has the totals' place
	Files           []File      `json:"files,omitempty"`       // beside the rows and totals: interval logs, the summary
	MaxSettle       int64       `json:"maxSettleNanoseconds"`  // largest done − effect, in real time done − sent: no observation took effect (was sent) longer than this before one written earlier was done
	AccountCount    int64       `json:"accounts,omitempty"`
	AccountParts    []RowPart   `json:"accountParts,omitempty"`
	EvaluationCount int64       `json:"evaluations,omitempty"`
	EvaluationParts []RowPart   `json:"evaluationParts,omitempty"`
	Telemetry       []Telemetry `json:"telemetry,omitempty"`
	Warnings        []string    `json:"warnings,omitempty"`
	Memory          []Memory    `json:"memory,omitempty"`     // what keys took on embedded shards, where it was asked for
	Servers         []Server    `json:"servers,omitempty"`    // what live shards said; none of embedded ones
	Processes       []OwnTime   `json:"processes,omitempty"`  // of limiters that say in real time what decisions took them
	Pacing          *Pacing     `json:"pacing,omitempty"`     // of a run in real time, of several generators the least punctual
	Generators      []Generator `json:"generators,omitempty"` // that sent the load; none: the process that wrote the record did
}

// Generator is one of several processes that sent the load of a run in real time. Instants of observations are its own, since
// a start that is common to all as far as their clocks can be compared.
type Generator struct {
	// ClockError is the most that its instants are off from the coordinator's, by all exchanges of clocks.
	ClockError time.Duration `json:"clockErrorNanoseconds"`
	Exchanges  int64         `json:"exchanges"`
	Complete   bool          `json:"complete"` // false: it was lost
	Pacing     *Pacing       `json:"pacing,omitempty"`
}

// ClockError is the most that the instants of observations are off.
func (m *Manifest) ClockError() (most time.Duration) {
	for _, g := range m.Generators {
		most = max(most, g.ClockError)
	}
	return most
}

// Pacing is how punctual the machine of a run in real time was: a thread of the
// usual priority, which sleeps as the one that paces the run and does nothing else.
type Pacing struct {
	Urgent bool          `json:"schedFIFO"` // the thread that paced the run had SCHED_FIFO 1; false: the usual priority
	Every  time.Duration `json:"everyNanoseconds"`
	Before Lateness      `json:"before"` // the run, with nothing under way
	During Lateness      `json:"during"`
}

// Lateness is how much later than asked something ended, such as a sleep.
type Lateness struct {
	Samples int64         `json:"samples"`
	Med     time.Duration `json:"medNanoseconds"`
	P99     time.Duration `json:"p99Nanoseconds"`
	Max     time.Duration `json:"maxNanoseconds"`
}

// OwnTime is what a limiter's processes said that decisions took them, in real
// time, and what the way to them and back took beside that: pipe or socket, and
// waiting for a processor.
type OwnTime struct {
	Limiter string   `json:"limiter"`
	Took    Lateness `json:"took"`
	Pipe    Lateness `json:"pipe"`
}

// Recorded says which observations of a run are in its record.
type Recorded string

// All observations (the zero value is All too), those whose first key is in
// a random share of the keys, so that a key's history is whole, or none.
const (
	All     Recorded = "all"
	Sampled Recorded = "sampled"
	None    Recorded = "none"
)

// Whole tells whether every observation of the run is in the record.
func (m *Manifest) Whole() bool { return m.Recorded == "" || m.Recorded == All }

// Client is one client instance group of the scenario.
type Client struct {
	Name       string   `json:"name"`
	Does       Mode     `json:"does"`
	Instances  int      `json:"instances"`
	ShardNames []string `json:"shardNames"` // its names for Manifest.Shards, in that order
	// ClockOffset is how far its clock is ahead of true time.
	ClockOffset time.Duration `json:"clockOffsetNanoseconds,omitempty"`
	// Pipelining is auto if commands of different requests share round trips.
	Pipelining string `json:"pipelining,omitempty"`
}

// Limiter is one limiter under test and the reference it is audited by.
type Limiter struct {
	Name       string        `json:"name"`
	Kind       string        `json:"kind"`
	Algorithm  string        `json:"algorithm,omitempty"`   // name in models/limits; "" means no reference, no audit
	Resolution time.Duration `json:"resolutionNanoseconds"` // of the clock it judges by
	// ReadsClock says that it read its client's clock at least once, so that a
	// clock that is off can have misled it. Redis' TIME is no client's clock.
	ReadsClock bool    `json:"readsClock,omitempty"`
	Limits     []Limit `json:"limits"`
	Overrides  []Limit `json:"overrides,omitempty"` // with Key
	// Changes of limits while the run went on, in the order of their instants.
	Changes []Change `json:"changes,omitempty"`
}

// Change is a change of a limit, or of that of one key.
type Change struct {
	At      int64         `json:"atNanoseconds"`             // after the epoch
	Over    time.Duration `json:"overNanoseconds,omitempty"` // in which one instance after another gets it
	Limit   Limit         `json:"limit"`                     // from then on
	Promise string        `json:"promise"`                   // a limits.Transition
}

// Limit is one limit of a limiter.
type Limit struct {
	Name   string        `json:"name"`
	Key    string        `json:"key,omitempty"`
	Count  int64         `json:"count"`
	Period time.Duration `json:"periodNanoseconds"`
	Burst  int64         `json:"burst"`
}

// Traffic is one traffic source: what it meant to send and what it sent.
type Traffic struct {
	Name     string `json:"name"`
	Arrivals int64  `json:"arrivals"` // due within the run
	Dropped  int64  `json:"dropped"`  // not sent: too many in flight, or in real time more than 1 s late
	// Settles says that what its requests took is set right later: see SettleMode.
	Settles bool `json:"settles,omitempty"`
	// UserBits is the length of the range of addresses that stands for a user in the keys
	// of its requests; 0: each key is a user.
	UserBits int `json:"userBits,omitempty"`
}

// Fault is something that went wrong on purpose.
type Fault struct {
	At     int64  `json:"atNanoseconds"`    // after the epoch
	Until  int64  `json:"untilNanoseconds"` // after the epoch; as At if it was momentary
	Kind   string `json:"kind"`             // as the scenario spells it, e.g. "down"
	What   string `json:"what"`             // in words
	Shard  string `json:"shard,omitempty"`  // "" if it happened to no shard
	Client string `json:"client,omitempty"` // "" if it happened to no client

	MovesKeys    bool `json:"movesKeys,omitempty"`    // keys were emptied, or moved to another shard
	KeepsAnswers bool `json:"keepsAnswers,omitempty"` // no client missed the answer to what was executed; records of old do not say

	ClockOffset time.Duration `json:"clockOffsetNanoseconds,omitempty"` // by which it puts a client's clock ahead
}

// Assertion is one as in the scenario file.
type Assertion struct {
	Selector string        `json:"selector"`
	Check    string        `json:"check"`
	Over     time.Duration `json:"overNanoseconds,omitempty"`
	// AbortOnFail: the run ends as soon as it fails, but not before
	// DelayAbortEval of the run has passed.
	AbortOnFail    bool          `json:"abortOnFail,omitempty"`
	DelayAbortEval time.Duration `json:"delayAbortEvalNanoseconds,omitempty"`
}

// Failure says which assertion with AbortOnFail ended a run.
type Failure struct {
	Assertion
	Observed float64       `json:"observed"`        // in base units
	At       time.Duration `json:"atNanoseconds"`   // after the epoch: the instant that was looked at
	From     time.Duration `json:"fromNanoseconds"` // since which the observations were looked at
}

// Part is one Parquet file of observations.
type Part struct {
	File  string `json:"file"`
	Count int64  `json:"observations"`
	Hash  string `json:"hash"`                // over the content of all observations up to the part's end
	Bytes string `json:"bytesHash,omitempty"` // over the file's bytes: "" of older records
}

// RowPart is one Parquet file of accounts or of evaluations; the fields are
// those of a Part.
type RowPart struct {
	File  string `json:"file"`
	Count int64  `json:"rows"`
	Hash  string `json:"hash"`
	Bytes string `json:"bytesHash,omitempty"`
}

// File is a file of the record that was written as a whole.
type File struct {
	Name string `json:"name"`
	Hash string `json:"hash"` // SHA-256 of its content
}

// Memory is what a limiter's keys took on a shard at the end of the run.
type Memory struct {
	Limiter string `json:"limiter"`
	Shard   string `json:"shard"`
	Bytes   int64  `json:"bytes"` // an estimate
}

// Telemetry is what a limiter's own metrics said at the end of the run.
type Telemetry struct {
	Limiter  string   `json:"limiter"`
	Client   string   `json:"client"`
	Series   string   `json:"series"`
	Decision Decision `json:"decision,omitempty"` // which decisions it speaks of; "" all
	Count    uint64   `json:"count"`
	Seconds  float64  `json:"sumSeconds"`
}

// WriteTotals stores what is known of all observations of a run, recorded or
// not (see summary.Totals), in the record of w, and enters it in m, which finish of
// Close has.
func (w *Writer) WriteTotals(m *Manifest, data []byte) error {
	if err := replaceFile(filepath.Join(w.dir, TotalsFile), data); err != nil {
		return err
	}
	m.TotalsHash, m.SavedTotals = hashOf(data), ""
	return nil
}

// savedTotals are the files that totals are saved in while a run goes on, in turns: the
// manifest names the one that is whole.
var savedTotals = [...]string{"totals-0.json", "totals-1.json"}

// saveTotals saves what is known so far of observations that are not recorded.
func (w *Writer) saveTotals() error {
	if w.watch == nil || w.manifest.Whole() {
		return nil
	}
	data, seen, err := w.watch.Totals()
	if err != nil || data == nil {
		return err
	}
	name := savedTotals[w.saved%len(savedTotals)]
	if err := replaceFile(filepath.Join(w.dir, name), data); err != nil {
		return err
	}
	w.saved++
	return w.book.enter(func(m *Manifest) { m.TotalsHash, m.SavedTotals, m.Seen = hashOf(data), name, seen })
}

// removeSaved removes saved totals that the final ones replace.
func (w *Writer) removeSaved() (err error) {
	for i := range min(w.saved, len(savedTotals)) {
		if savedTotals[i] != w.manifest.SavedTotals {
			err = errors.Join(err, os.Remove(filepath.Join(w.dir, savedTotals[i])))
		}
	}
	return err
}

// Enter notes the hash of a file of the record in dir.
func (m *Manifest) Enter(dir, name string) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	m.Files = append(slices.DeleteFunc(slices.Clone(m.Files), func(f File) bool { return f.Name == name }), File{name, hashOf(data)})
	return nil
}

// WriteSummary stores the JSON summary beside the observations, and notes its hash.
func WriteSummary(dir string, summary []byte) error {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	err = replaceFile(filepath.Join(dir, SummaryFile), summary)
	if err == nil {
		err = m.Enter(dir, SummaryFile)
	}
	if err != nil {
		return err
	}
	return writeManifest(dir, &m)
}

// File returns the content of a file whose hash the manifest has, as it was written: the
// summary or an interval log. Of one that it does not have, as a run that was killed
// leaves, it is what is there.
func (r *Reader) File(name string) ([]byte, error) {
	path := filepath.Join(r.dir, name)
	data, err := ReadFile(path, mostTotals)
	if err != nil {
		return nil, err
	}
	for _, f := range r.manifest.Files {
		if h := hashOf(data); f.Name == name && f.Hash != h {
			return nil, fmt.Errorf("%s: %w: its hash is %s, the manifest says %s", path, ErrDamaged, h, f.Hash)
		}
	}
	return data, nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Totals returns what WriteTotals stored, nil if the record has none: of a
// run that kept none, or that died before it wrote them.
func (r *Reader) Totals() ([]byte, error) {
	if r.manifest.TotalsHash == "" {
		return nil, nil
	}
	path := filepath.Join(r.dir, cmp.Or(r.manifest.SavedTotals, TotalsFile))
	data, err := ReadFile(path, mostTotals)
	if err != nil {
		return nil, fmt.Errorf("the record %s lacks the totals that its manifest lists: %w", r.dir, err)
	}
	if h := hashOf(data); h != r.manifest.TotalsHash {
		return nil, fmt.Errorf("%s: %w: its hash is %s, the manifest says %s", path, ErrDamaged, h, r.manifest.TotalsHash)
	}
	return data, nil
}

// ClientOf is the client that an instance such as caller/17 is one of; what is no
// client's instance is a client by itself.
func (m *Manifest) ClientOf(instance string) string {
	if slices.ContainsFunc(m.Clients, func(c Client) bool { return c.Name == instance }) {
		return instance
	}
	client, _, _ := strings.Cut(instance, "/")
	return client
}

// Server is what one live shard said of itself before and after a run, and
// what the harness knows of it. Keys and memory are −1 where it did not say.
type Server struct {
	Shard   string `json:"shard"`
	Version string `json:"version"` // of Redis, e.g. 7.0.15

	Commands []CommandCount `json:"commands"` // by name, without those of the harness itself and of connections

	MemoryBefore int64 `json:"memoryBeforeBytes"` // used_memory
	MemoryAfter  int64 `json:"memoryAfterBytes"`
	KeysBefore   int64 `json:"keysBefore"` // in the run's database
	KeysAfter    int64 `json:"keysAfter"`

	SampledKeys int64   `json:"sampledKeys"`           // of the run's own, asked for their memory
	KeyBytes    float64 `json:"keyBytes"`              // their mean MEMORY USAGE, key name and prefix included; −1 none
	Restarted   bool    `json:"restarted,omitempty"`   // during the run: its counts began anew
	Uncounted   string  `json:"uncounted,omitempty"`   // why its version, memory and counts are not known: the user may not ask, or a generator is lost
	Unreachable string  `json:"unreachable,omitempty"` // why it could not be asked at the end
	Leftover    string  `json:"leftover,omitempty"`    // why the run's keys may still be there, and the command that deletes them
}

// CommandCount compares how often a command ran. The server counts commands
// that scripts call as it counts those of clients.
type CommandCount struct {
	Name   string `json:"name"`   // in lower case
	Sent   int64  `json:"sent"`   // by the run's clients, answered or not
	Script int64  `json:"script"` // by scripts, as far as the limiter tells what its scripts call; −1: it does not
	Server int64  `json:"server"` // executed or rejected, as the server says
}

// Disagreements returns what the server counted otherwise than the run's
// clients and their scripts, one sentence each; none if they agree. Where
// scripts do not tell what they call, the server may count more.
func (s Server) Disagreements() []string {
	switch {
	case s.Unreachable != "":
		return []string{fmt.Sprintf("shard %s: commands cannot be compared: the server could not be asked: %s", s.Shard, s.Unreachable)}
	case s.Uncounted != "":
		return []string{fmt.Sprintf("shard %s: commands cannot be compared: %s", s.Shard, s.Uncounted)}
	case s.Restarted:
		return []string{fmt.Sprintf("shard %s: commands cannot be compared: the server began to count anew during the run", s.Shard)}
	}
	var found []string
	for _, c := range s.Commands {
		expected, exact := c.Sent+max(0, c.Script), c.Script >= 0
		switch {
		case exact && c.Server != expected:
			found = append(found, fmt.Sprintf("shard %s: %s: clients sent %d and scripts called %d, the server counted %d", s.Shard, c.Name, c.Sent, c.Script, c.Server))
		case c.Server < expected:
			found = append(found, fmt.Sprintf("shard %s: %s: clients sent %d, the server counted %d only", s.Shard, c.Name, c.Sent, c.Server))
		}
	}
	return found
}

// Phases is how a run is cut by its faults: before the first begins, during while any
// lasts, after in all other time. A run without faults has none.
type Phases struct {
	faults bool
	first  int64     // when the first fault begins
	during []Stretch // when one lasts, in order, not touching one another
}

// Stretch is from ≤ t < until, in ns after the epoch.
type Stretch struct{ From, Until int64 }

// Length returns how long the span is, in ns.
func (s Stretch) Length() int64 { return max(0, s.Until-s.From) }

func (s Stretch) overlap(o Stretch) int64 {
	return Stretch{max(s.From, o.From), min(s.Until, o.Until)}.Length()
}

// NewPhases returns the phases of a run with these faults.
func NewPhases(faults []Fault) *Phases {
	p := &Phases{faults: len(faults) > 0}
	sorted := slices.SortedFunc(slices.Values(faults), func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	for i, f := range sorted {
		if i == 0 {
			p.first = f.At
		}
		if f.Until <= f.At {
			continue // momentary
		}
		if n := len(p.during); n > 0 && f.At <= p.during[n-1].Until {
			p.during[n-1].Until = max(p.during[n-1].Until, f.Until)
			continue
		}
		p.during = append(p.during, Stretch{f.At, f.Until})
	}
	return p
}

// Of returns the phase of an instant, "" if the run has none.
func (p *Phases) Of(at int64) string {
	switch {
	case !p.faults:
		return ""
	case at < p.first:
		return metric.Before
	}
	for _, s := range p.during {
		if s.From <= at && at < s.Until {
			return metric.During
		}
	}
	return metric.After
}

// Length returns the length of the part of s that is in a phase; "" is all of it.
func (p *Phases) Length(phase string, s Stretch) int64 {
	lasting := int64(0)
	for _, d := range p.during {
		lasting += s.overlap(d)
	}
	before := s.overlap(Stretch{s.From, p.first})
	switch phase {
	case metric.Before:
		return before
	case metric.During:
		return lasting
	case metric.After:
		return s.Length() - before - lasting
	}
	return s.Length()
}
