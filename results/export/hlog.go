package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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
// drops are left out.
func HLog(w io.Writer, r *record.Reader) error {
	m := r.Manifest()
	buf := bufio.NewWriter(w)
	log := newIntervalLog(buf, &m)
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

type intervalLog struct {
	out    io.Writer
	log    *hdrhistogram.HistogramLogWriter
	hists  *histograms
	epoch  int64 // ms
	length int64 // of an interval, ns
	now    int64 // number of the current interval
}

func newIntervalLog(w io.Writer, m *record.Manifest) *intervalLog {
	seconds := max(1, (m.Horizon/mostIntervals+time.Second-1)/time.Second)
	l := &intervalLog{out: w, log: hdrhistogram.NewHistogramLogWriter(w), hists: newHistograms(),
		epoch: m.Epoch.UnixMilli(), length: int64(seconds * time.Second)}
	l.log.SetBaseTime(l.epoch)
	return l
}

// header writes the lines before the intervals. StartTime and BaseTime are
// written here, because hdrhistogram-go 1.4.0 cuts off their milliseconds,
// and then intervals are read back up to a second early.
func (l *intervalLog) header(m *record.Manifest) error {
	at := time.UnixMilli(l.epoch).UTC()
	_, err := fmt.Fprintf(l.out, "#[Latency of %s, in nanoseconds, by quotalab]\n", oneLine(m.Scenario))
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
	return l.hists.add(o)
}

// flush ends the current interval.
func (l *intervalLog) flush() error {
	start := l.epoch + l.now*l.length/1e6
	for _, tag := range l.hists.order {
		h := l.hists.byTag[tag]
		if h.TotalCount() == 0 {
			continue
		}
		h.SetStartTimeMs(start)
		h.SetEndTimeMs(start + l.length/1e6)
		if err := l.log.OutputIntervalHistogram(h); err != nil {
			return err
		}
		h.Reset()
		h.SetTag(tag) // Reset forgets it
	}
	return nil
}
