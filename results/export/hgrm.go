package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/quotalab/quotalab/results/record"
)

// HGRM writes the percentiles of latency as the text that HdrHistogram's
// tools plot, in milliseconds: one distribution for each outcome, one after
// another, each under a line "# limiter.decision.key". The warm-up and drops
// are left out.
func HGRM(w io.Writer, r *record.Reader) error {
	m := r.Manifest()
	hists := newHistograms()
	for o, err := range r.Observations() {
		if err == nil && timed(o, &m) {
			err = hists.add(o)
		}
		if err != nil {
			return fmt.Errorf("writing percentiles: %w", err)
		}
	}
	buf := bufio.NewWriter(w)
	var err error
	for i, tag := range hists.order {
		if i > 0 {
			_, e := fmt.Fprintln(buf)
			err = errors.Join(err, e)
		}
		_, e := fmt.Fprintf(buf, "# %s\n", tag)
		_, p := hists.byTag[tag].PercentilesPrint(buf, 5, 1e6)
		err = errors.Join(err, e, p)
	}
	if err = errors.Join(err, buf.Flush()); err != nil {
		return fmt.Errorf("writing percentiles: %w", err)
	}
	return nil
}

// oneLine makes a text fit for a comment line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
