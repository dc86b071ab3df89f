package export

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// verdictColumns of Verdicts, in order.
var verdictColumns = []string{"engine", "account", "group", "of", "threshold", "verdict", "cause", "at", "delay_s", "covered", "rolling", "period_start", "end", "run", "out_of_order"}

// Verdicts writes the verdicts on usage-threshold engines as CSV: engine by
// engine and account by account a line for each crossing, then one for each
// notice, under a header. at is the crossing, or when the notice was sent;
// end is that of the period or of the excursion. What is not known or does not
// apply is empty.
func Verdicts(w io.Writer, r *record.Reader) error {
	out := csv.NewWriter(w)
	err := out.Write(verdictColumns)
	for v, verr := range audit.Verdicts(r) {
		if err = errors.Join(err, verr); err != nil {
			break
		}
		err = writeVerdicts(out, v)
	}
	out.Flush()
	if err = errors.Join(err, out.Error()); err != nil {
		return fmt.Errorf("writing verdicts: %w", err)
	}
	return nil
}

func writeVerdicts(out *csv.Writer, v *audit.AccountVerdicts) error {
	begin := []string{v.Engine.Name, whole(v.Account), v.Group}
	for i := range v.Obligations {
		o := &v.Obligations[i]
		start := ""
		if !o.Rolling {
			start = instant(o.Start)
		}
		if err := out.Write(append(begin[:len(begin):len(begin)], "crossing", whole(o.Threshold), string(o.Verdict), audit.Joined(o.Causes), instant(o.Crossing), known(o.Delay, span),
			strconv.FormatBool(o.Covered), strconv.FormatBool(o.Rolling), start, instant(o.End), "", "")); err != nil {
			return err
		}
	}
	for i := range v.Notices {
		n := &v.Notices[i]
		run := ""
		if n.Run != 0 {
			run = instant(n.Run)
		}
		if err := out.Write(append(begin[:len(begin):len(begin)], "notice", whole(n.Threshold), string(n.Verdict), string(n.Cause), instant(n.At), "",
			"", "", "", "", run, strconv.FormatBool(n.OutOfOrder))); err != nil {
			return err
		}
	}
	return nil
}

// instant writes Unix nanoseconds as a point in time; none for one that never
// comes.
func instant(ns int64) string {
	if ns == math.MaxInt64 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}
