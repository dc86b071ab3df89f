package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/results/record"
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
	if err = errors.Join(err, buf.Flush()); err != nil {
		return fmt.Errorf("writing the interval log: %w", err)
	}
	return nil
}

// interval of a log that is made of a whole record.
func interval(m *record.Manifest) time.Duration {
	return max(1, (m.Horizon/mostIntervals+time.Second-1)/time.Second) * time.Second
}

// kind of time that a log is of.
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

func (k kind) file(dir string) string { return filepath.Join(dir, k.name+".hlog") }

// copyKept writes the log of latency that was kept beside the record.
func copyKept(w io.Writer, r *record.Reader) (err error) {
	f, err := openKept(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("writing the interval log: %w", err)
	}
	return nil
}

func openKept(r *record.Reader) (*os.File, error) {
	f, err := os.Open(kinds[0].file(r.Dir()))
	if err != nil {
		return nil, fmt.Errorf("the record does not hold all observations, and the log that was kept of them is not there: %w", err)
	}
	return f, nil
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

// add one observation to the interval in which it was done; one that is
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

// write an interval, and empty its histograms.
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
