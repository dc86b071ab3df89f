package export

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

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

// Add an observation to the interval in which it was done; one that comes
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

// Close writes the last interval and closes the files. The error may be an
// earlier interval's.
func (l *Logs) Close() error {
	l.full <- l.filling
	close(l.full)
	if err := errors.Join(<-l.done, l.closeFiles()); err != nil {
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

// write an interval of all logs; then it is in the files, whatever becomes of
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
