package present

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// mostIntervals is about how many intervals a log has at most.
const mostIntervals = 600

// HLog writes latencies as an HDR interval log (version 1.3): one line for
// each outcome in each interval that has any, tagged limiter.decision.key.
// Values are nanoseconds, the interval's maximum column milliseconds.
// Intervals are whole seconds, at most about 600 of them. The warm-up and
// drops are left out. Of a record that does not hold all observations it is
// the log that was kept while the run went on.
func HLog(w io.Writer, r *record.Reader) error {
	m := r.Manifest()
	if !m.Whole() {
		return copyKept(w, r)
	}
	buf := bufio.NewWriter(w)
	log := newIntervalLog(buf, &m, kinds[0], interval(&m))
	err := log.header(&m)
	for o, rerr := range r.Observations() {
		if err = errors.Join(err, rerr); err != nil {
			break
		}
		if timed(o, &m) {
			err = log.add(o)
		}
	}
	if err == nil {
		err = log.flush()
	}
	if err = cmp.Or(err, buf.Flush()); err != nil { // the same error, if it was writing
		return fmt.Errorf("writing the interval log: %w", err)
	}
	return nil
}

// interval returns that of a log that is made of a whole record.
func interval(m *record.Manifest) time.Duration {
	return max(1, (m.Horizon/mostIntervals+time.Second-1)/time.Second) * time.Second
}

// kind is the time that a log is of.
type kind struct {
	name, about string
	of          func(o *record.Observation) int64 // ns
}

// kinds of logs that are kept while a run goes on; HLog writes the first.
var kinds = [...]kind{
	{"latency", "done − sent", func(o *record.Observation) int64 { return o.Done - o.Sent }},
	{"lag", "sent − intended", func(o *record.Observation) int64 { return o.Sent - o.Intended }},
	{"sojourn", "done − intended", func(o *record.Observation) int64 { return o.Done - o.Intended }},
}

const logSuffix = ".hlog"

func (k kind) file(dir string) string { return filepath.Join(dir, k.name+logSuffix) }

// copyKept writes the log of latency that was kept beside the record.
func copyKept(w io.Writer, r *record.Reader) error {
	log, err := r.File(kinds[0].name + logSuffix)
	if err != nil {
		return fmt.Errorf("the record does not hold all observations, and the log that was kept of them cannot be read: %w", err)
	}
	if _, err := w.Write(log); err != nil {
		return fmt.Errorf("writing the interval log: %w", err)
	}
	return nil
}

// intervalLog is one log that is being written.
type intervalLog struct {
	out    io.Writer
	log    *hdrhistogram.HistogramLogWriter
	kind   kind
	hists  *histograms
	epoch  int64 // ms
	length int64 // of an interval, ns
	now    int64 // number of the current interval
}

func newIntervalLog(w io.Writer, m *record.Manifest, k kind, length time.Duration) *intervalLog {
	l := &intervalLog{out: w, log: hdrhistogram.NewHistogramLogWriter(w), kind: k, hists: newHistograms(), epoch: m.Epoch.UnixMilli(), length: int64(length)}
	l.log.SetBaseTime(l.epoch)
	return l
}

// header writes the lines before the intervals. StartTime and BaseTime are
// written here, because hdrhistogram-go 1.4.0 cuts off their milliseconds,
// and then intervals are read back up to a second early.
func (l *intervalLog) header(m *record.Manifest) error {
	at := time.UnixMilli(l.epoch).UTC()
	title := "Latency"
	if l.kind.name != "latency" {
		title = l.kind.name + " (" + l.kind.about + ")"
	}
	_, err := fmt.Fprintf(l.out, "#[%s of %s, in nanoseconds, by quotalab]\n", title, oneLine(m.Scenario))
	err = errors.Join(err, l.log.OutputLogFormatVersion())
	_, e := fmt.Fprintf(l.out, "#[StartTime: %d.%03d (seconds since epoch), %s]\n#[BaseTime: %d.%03d (seconds since epoch)]\n",
		l.epoch/1000, l.epoch%1000, at.Format("2006-01-02T15:04:05.000Z07:00"), l.epoch/1000, l.epoch%1000)
	return errors.Join(err, e, l.log.OutputLegend())
}

// add counts one observation in the interval in which it was done; one that is
// written late counts as of the current interval.
func (l *intervalLog) add(o *record.Observation) error {
	if n := o.Done / l.length; n > l.now {
		if err := l.flush(); err != nil {
			return err
		}
		l.now = n
	}
	return l.hists.add(o, l.kind.of(o))
}

// flush ends the current interval.
func (l *intervalLog) flush() error { return l.write(l.hists, l.now) }

// write puts out an interval, and empties its histograms.
func (l *intervalLog) write(hists *histograms, interval int64) error {
	start := l.epoch + interval*l.length/1e6
	for _, tag := range hists.order {
		h := hists.byTag[tag]
		if h.TotalCount() == 0 {
			continue
		}
		h.SetStartTimeMs(start)
		h.SetEndTimeMs(start + l.length/1e6)
		if err := l.log.OutputIntervalPackedHistogram(h); err != nil {
			return err
		}
		h.Reset()
		h.SetTag(tag) // Reset forgets it
	}
	return nil
}

// HGRM writes the percentiles of latency as the text that HdrHistogram's
// tools plot, in milliseconds: one distribution for each outcome, one after
// another, each under a line "# limiter.decision.key". The warm-up and drops
// are left out.
func HGRM(w io.Writer, m *summary.Measured) error {
	of := map[string][]summary.Series{}
	for _, s := range m.Series(metric.Selector{Metric: "latency"}) {
		tag := tagOf(outcome{s.Tags["limiter"], record.Decision(s.Tags["decision"]), record.KeyState(s.Tags["key"])})
		of[tag] = append(of[tag], s)
	}
	buf := bufio.NewWriter(w)
	var err error
	for i, tag := range slices.Sorted(maps.Keys(of)) {
		if i > 0 {
			_, e := fmt.Fprintln(buf)
			err = cmp.Or(err, e)
		}
		all, _ := summary.Sum(of[tag])
		_, e := fmt.Fprintf(buf, "# %s\n", tag)
		_, p := all.Histogram(longest).PercentilesPrint(buf, 5, 1e6)
		err = cmp.Or(err, e, p)
	}
	if err = cmp.Or(err, buf.Flush()); err != nil { // the same error, if it was writing
		return fmt.Errorf("writing percentiles: %w", err)
	}
	return nil
}

// oneLine returns a text as one line without what cannot be shown.
func oneLine(s string) string { return metric.Printable(strings.Join(strings.Fields(s), " ")) }

// longest time that a histogram holds; one that is longer counts as this.
const longest = int64(365 * 24 * time.Hour)

// histograms are of times (ns), one for each outcome of each limiter: denials
// are fast and errors slow, so outcomes are never mixed. They are packed: an
// interval has few values, and a dense one takes as long to encode and to empty
// as if it had many.
type histograms struct {
	byTag map[string]*hdrhistogram.PackedHistogram
	tags  map[outcome]string
	order []string // tags in the order of the manifest's limiters and the outcomes' names
}

type outcome struct {
	limiter  string
	decision record.Decision
	key      record.KeyState
}

func newHistograms() *histograms {
	return &histograms{byTag: map[string]*hdrhistogram.PackedHistogram{}, tags: map[outcome]string{}}
}

// timed tells whether the observation has a latency that counts.
func timed(o *record.Observation, m *record.Manifest) bool {
	return o.Decision != record.Dropped && o.Sent >= 0 && o.Done >= 0 && o.Intended >= m.Warmup.Nanoseconds()
}

// add counts a time of an observation.
func (h *histograms) add(o *record.Observation, ns int64) error {
	hist := h.of(outcome{o.Limiter, o.Decision, o.Key})
	if err := hist.RecordValue(min(max(0, ns), longest)); err != nil {
		return fmt.Errorf("a time of observation %d: %w", o.Seq, err)
	}
	return nil
}

func (h *histograms) of(o outcome) *hdrhistogram.PackedHistogram {
	tag, ok := h.tags[o]
	if !ok {
		tag = tagOf(o)
		h.tags[o] = tag
	}
	hist, ok := h.byTag[tag]
	if !ok {
		hist = hdrhistogram.NewPacked(1, longest, 3)
		hist.SetTag(tag)
		h.byTag[tag] = hist
		i, _ := slices.BinarySearch(h.order, tag)
		h.order = slices.Insert(h.order, i, tag)
	}
	return hist
}

// tagOf returns the tag of an outcome: boulder.denied.found. The log's format forbids commas
// and white space in tags.
func tagOf(o outcome) string {
	clean := func(r rune) rune {
		if r == ',' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}
	return strings.Map(clean, o.limiter+"."+string(o.decision)+"."+string(o.key))
}

// Logs are HDR interval logs as HLog writes them, of latency, lag and
// sojourn, one file each, written while a run goes on. Add and Close are for
// one goroutine at a time; intervals are encoded and written on another.
type Logs struct {
	manifest record.Manifest
	logs     [len(kinds)]*keptLog

	filling *set
	empty   chan *set
	full    chan *set
	done    chan error
}

// keptLog is a log and its file.
type keptLog struct {
	*intervalLog
	file *os.File
	buf  *bufio.Writer
}

// set is the histograms of an interval, by kind of time.
type set struct {
	hists    [len(kinds)]*histograms
	interval int64
}

// sets go round: one is filled while another may be written.
const sets = 2

// NewLogs begins the logs of a run in dir. Intervals are a second in real
// time; of a run in virtual time they are as HLog's.
func NewLogs(dir string, m record.Manifest) (_ *Logs, err error) {
	length := time.Second
	if m.Clock != "real" {
		length = interval(&m)
	}
	l := &Logs{manifest: m, empty: make(chan *set, sets), full: make(chan *set, sets), done: make(chan error, 1)}
	for i, k := range kinds {
		f, err := os.OpenFile(k.file(dir), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("beginning an interval log: %w", err), l.closeFiles())
		}
		buf := bufio.NewWriter(f)
		l.logs[i] = &keptLog{newIntervalLog(buf, &m, k, length), f, buf}
		if err := errors.Join(l.logs[i].header(&m), buf.Flush()); err != nil {
			return nil, errors.Join(fmt.Errorf("beginning %s: %w", f.Name(), err), l.closeFiles())
		}
	}
	for range sets {
		s := &set{}
		for i := range s.hists {
			s.hists[i] = newHistograms()
		}
		l.empty <- s
	}
	l.filling = <-l.empty
	go func() { l.done <- l.writeAll() }()
	return l, nil
}

// Add counts an observation in the interval in which it was done; one that comes
// late counts as of the current one.
func (l *Logs) Add(o *record.Observation) error {
	if !timed(o, &l.manifest) {
		return nil
	}
	if n := o.Done / l.logs[0].length; n > l.filling.interval {
		l.full <- l.filling
		l.filling = <-l.empty
		l.filling.interval = n
	}
	for i, k := range kinds {
		if err := l.filling.hists[i].add(o, k.of(o)); err != nil {
			return fmt.Errorf("adding to the interval logs: %w", err)
		}
	}
	return nil
}

// Close writes the last interval, closes the files and notes their hashes in m. The error
// may be an earlier interval's.
func (l *Logs) Close(m *record.Manifest) error {
	l.full <- l.filling
	close(l.full)
	err := errors.Join(<-l.done, l.closeFiles())
	for _, log := range l.logs {
		if err == nil {
			err = m.Enter(filepath.Dir(log.file.Name()), filepath.Base(log.file.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("writing the interval logs: %w", err)
	}
	return nil
}

// writeAll is the goroutine. After a failure it keeps taking sets, so that
// Add never waits for one that nobody returns.
func (l *Logs) writeAll() (err error) {
	for s := range l.full {
		if err == nil {
			err = l.write(s)
		}
		l.empty <- s
	}
	return err
}

// write puts out an interval of all logs; then it is in the files, whatever becomes of
// the run.
func (l *Logs) write(s *set) error {
	for i, log := range l.logs {
		if err := errors.Join(log.intervalLog.write(s.hists[i], s.interval), log.buf.Flush()); err != nil {
			return err
		}
	}
	return nil
}

func (l *Logs) closeFiles() error {
	var errs []error
	for _, log := range l.logs {
		if log != nil {
			errs = append(errs, log.file.Close())
		}
	}
	return errors.Join(errs...)
}
