package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/results/record"
)

// HGRM writes the percentiles of latency as the text that HdrHistogram's
// tools plot, in milliseconds: one distribution for each outcome, one after
// another, each under a line "# limiter.decision.key". The warm-up and drops
// are left out.
func HGRM(w io.Writer, r *record.Reader) error {
	hists, err := latencies(r)
	if err != nil {
		return fmt.Errorf("writing percentiles: %w", err)
	}
	buf := bufio.NewWriter(w)
	for i, tag := range hists.order {
		if i > 0 {
			_, e := fmt.Fprintln(buf)
			err = errors.Join(err, e)
		}
		_, e := fmt.Fprintf(buf, "# %s\n", tag)
		dense := hdrhistogram.New(1, longest, 3)
		hists.byTag[tag].MergeInto(dense)
		_, p := dense.PercentilesPrint(buf, 5, 1e6)
		err = errors.Join(err, e, p)
	}
	if err = errors.Join(err, buf.Flush()); err != nil {
		return fmt.Errorf("writing percentiles: %w", err)
	}
	return nil
}

// latencies of a record: of its observations, or of the log that was kept of
// them if it does not hold all.
func latencies(r *record.Reader) (*histograms, error) {
	m := r.Manifest()
	if !m.Whole() {
		return keptLatencies(r)
	}
	hists := newHistograms()
	for o, err := range r.Observations() {
		if err == nil && timed(o, &m) {
			err = hists.add(o, kinds[0].of(o))
		}
		if err != nil {
			return nil, err
		}
	}
	return hists, nil
}

func keptLatencies(r *record.Reader) (hists *histograms, err error) {
	f, err := openKept(r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hists = newHistograms()
	for log := hdrhistogram.NewHistogramLogReader(f); ; {
		h, err := log.NextIntervalHistogram()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if h == nil {
			return hists, nil
		}
		hists.tagged(h.Tag()).MergeFrom(h)
	}
}

// oneLine makes a text fit for a comment line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
