package present

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// observationColumns of CSV, in order.
var observationColumns = []string{"seq", "intended", "sent_s", "done_s", "lag_s", "latency_s", "traffic", "arrival", "client", "limiter", "step", "attempt",
	"decision", "key_state", "round_trips", "remaining", "retry_after_s", "error", "message", "judged_s", "effect_s", "order", "limit", "key", "cost", "mode", "shard"}

// CSV writes the observations that are recorded, the warm-up too: one line for each limit
// that one took from (so a batch has several), under a header. intended is a
// point in time, other times are seconds after the epoch or spans; what is
// not known is empty. By judged_s, effect_s and order decisions can be audited
// without the record. A text that begins like a formula has an apostrophe in front.
func CSV(w io.Writer, r *record.Reader) error {
	m := r.Manifest()
	out := csv.NewWriter(w)
	err := out.Write(observationColumns)
	for o, rerr := range r.Observations() {
		if err = errors.Join(err, rerr); err != nil {
			break
		}
		err = writeObservation(out, o, m.Epoch)
	}
	out.Flush()
	if err = cmp.Or(err, out.Error()); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}

func writeObservation(out *csv.Writer, o *record.Observation, epoch time.Time) error {
	lag, latency := "", ""
	if o.Sent >= 0 {
		lag, latency = span(o.Sent-o.Intended), span(o.Done-o.Sent)
	}
	row := []string{whole(o.Seq), epoch.Add(time.Duration(o.Intended)).UTC().Format(time.RFC3339Nano), known(o.Sent, span), known(o.Done, span), lag, latency,
		o.Traffic, whole(o.Arrival), o.Client, o.Limiter, whole(int64(o.Step)), whole(int64(o.Attempt)),
		string(o.Decision), string(o.Key), known(int64(o.RoundTrips), whole), known(o.Remaining, whole), known(o.RetryAfter, span), o.Error, o.Message,
		known(o.Judged, span), known(o.Effect, span), known(o.Order, whole)}
	if len(o.Takes) == 0 {
		return out.Write(spreadsheets(append(row, "", "", "", "", "")))
	}
	for _, t := range o.Takes {
		if err := out.Write(spreadsheets(append(row[:len(row):len(row)], t.Limit, t.Key, whole(t.Cost), string(t.Mode), t.Shard))); err != nil {
			return err
		}
	}
	return nil
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

// span writes nanoseconds as seconds, exactly.
func span(ns int64) string {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	return fmt.Sprintf("%s%d.%09d", sign, ns/1e9, ns%1e9)
}

func known(n int64, write func(int64) string) string {
	if n < 0 {
		return ""
	}
	return write(n)
}

// tagColumns are all tags that a metric can have, in the catalogue's order.
func tagColumns() (names []string) {
	seen := map[string]bool{}
	for _, m := range metric.Catalogue() {
		for _, t := range m.Tags {
			if !seen[t] {
				seen[t] = true
				names = append(names, t)
			}
		}
	}
	return names
}

// MetricsCSV writes the metrics: one line a series, under a header. A column
// for each tag; what a metric does not have is empty.
func MetricsCSV(w io.Writer, s *summary.Summary) error {
	names := tagColumns()
	t := NewTable("", "", slices.Concat([]string{"metric"}, names, []string{"unit", "count", "value", "min", "avg", "med", "p90", "p95", "p99", "p999", "max"})...)
	for _, m := range s.Metrics {
		row := []string{m.Name}
		for _, n := range names {
			row = append(row, m.Tags[n])
		}
		row = append(row, m.Unit, whole(m.Count))
		for _, v := range []*float64{m.Value, m.Min, m.Avg, m.Med, m.P90, m.P95, m.P99, m.P999, m.Max} {
			text := ""
			if v != nil {
				text = number(*v)
			}
			row = append(row, text)
		}
		t.AddWords(row...)
	}
	return t.CSV(w)
}

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
	for v, verr := range quotaaudit.Verdicts(r) {
		if err = errors.Join(err, verr); err != nil {
			break
		}
		err = writeVerdicts(out, v)
	}
	out.Flush()
	if err = cmp.Or(err, out.Error()); err != nil {
		return fmt.Errorf("writing verdicts: %w", err)
	}
	return nil
}

func writeVerdicts(out *csv.Writer, v *quotaaudit.AccountVerdicts) error {
	begin := spreadsheets([]string{v.Engine.Name, whole(v.Account), v.Group})
	for i := range v.Obligations {
		o := &v.Obligations[i]
		start := ""
		if !o.Rolling {
			start = instant(o.Start)
		}
		if err := out.Write(append(begin[:len(begin):len(begin)], "crossing", whole(o.Threshold), string(o.Verdict), quotaaudit.Joined(o.Causes), instant(o.Crossing), known(o.Delay, span),
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
