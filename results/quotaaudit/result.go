package quotaaudit

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// Result is how the usage-threshold engines of a record did.
type Result struct {
	Accounts int64          // in the record
	Unknown  int64          // evaluations of accounts or engines that are not: the run died before it wrote them
	Engines  []EngineResult // in the manifest's order
}

// EngineResult is how one engine did.
type EngineResult struct {
	Name, Kind string
	Bound      int64            // ns: D, the delay that the engine can promise; a notice that comes later is late
	Thresholds []ThresholdTally // ascending; the engine's own, and others that it sent
	Findings   []FindingTally   // what it noticed about its own state, in the order of the first of a kind
}

// ThresholdTally counts the verdicts of one engine and threshold.
type ThresholdTally struct {
	Threshold int64 // percent

	Crossings int64 // obligations judged: on time, late or missed
	OnTime    int64
	Late      int64
	Missed    int64
	Covered   int64 // of the missed: a higher threshold was told of instead
	Censored  int64 // not among the crossings: too close to the end to judge

	Notices map[Verdict]int64 // by what they were; see NoticeVerdict.Kind
	Delays  []int64           // ns from each crossing that was met, on time or late, to its notice; ascending
	Causes  []CauseTally      // of missed, late, duplicate and spurious, in this order; the most frequent first
}

// CauseTally counts one cause of one verdict.
type CauseTally struct {
	Verdict Verdict // Missed, Late, Duplicate or Spurious
	Cause   string  // causes in their order, joined by ">"
	Count   int64

	// The first example: an account, and its crossing or (of a notice) when
	// it was sent.
	Account int64
	Group   string
	At      int64 // Unix ns
}

// FindingTally counts one thing that an engine noticed.
type FindingTally struct {
	What     record.FindingKind
	Count    int64
	Accounts int64  // of how many accounts; one that is of no single account counts none
	Account  int64  // the first
	At       int64  // Unix ns
	Error    string // the first, if there was any
}

// OutOfOrder is the verdict on a first notice that comes after one of a
// higher threshold.
const OutOfOrder Verdict = "out-of-order"

// Kind is what the notice was, each notice one thing: its Verdict, but
// OutOfOrder where it is a first one in the wrong order.
func (n *NoticeVerdict) Kind() Verdict {
	if n.Verdict == First && n.OutOfOrder {
		return OutOfOrder
	}
	return n.Verdict
}

// Joined writes causes in their order: prefilter>overtaken.
func Joined(causes []Cause) string {
	if len(causes) == 1 {
		return string(causes[0])
	}
	var b strings.Builder
	for i, c := range causes {
		if i > 0 {
			b.WriteByte('>')
		}
		b.WriteString(string(c))
	}
	return b.String()
}

// NoticeKinds lists what notices can be.
func NoticeKinds() []Verdict {
	return []Verdict{First, OutOfOrder, Duplicate, Undelivered, Spurious, WarmUp}
}

// Replay judges the engines of a record and counts the verdicts; see
// Verdicts. A record of a run that died may lack accounts: it tells nothing of
// them.
func Replay(r *record.Reader) (*Result, error) {
	m := r.Manifest()
	tallies := make(map[string]*engineTally, len(m.Engines))
	for i := range m.Engines {
		tallies[m.Engines[i].Name] = newEngineTally(&m.Engines[i])
	}
	h, err := eachVerdicts(r, func(v *AccountVerdicts) bool {
		tallies[v.Engine.Name].add(v)
		return true
	})
	if err != nil {
		return nil, err
	}
	result := &Result{Accounts: int64(len(h.ledger.ids)), Unknown: h.unknown}
	for _, e := range m.Engines {
		result.Engines = append(result.Engines, tallies[e.Name].finish())
	}
	return result, nil
}

// engineTally counts the verdicts of one engine.
type engineTally struct {
	engine     *record.Engine
	thresholds map[int64]*thresholdTally
}

type thresholdTally struct {
	ThresholdTally
	causes map[causeKey]*CauseTally
}

type causeKey struct {
	verdict Verdict
	cause   string
}

func newEngineTally(e *record.Engine) *engineTally {
	t := &engineTally{e, map[int64]*thresholdTally{}}
	for _, threshold := range e.Thresholds {
		t.of(threshold)
	}
	return t
}

func (t *engineTally) of(threshold int64) *thresholdTally {
	if t.thresholds[threshold] == nil {
		t.thresholds[threshold] = &thresholdTally{ThresholdTally{Threshold: threshold, Notices: map[Verdict]int64{}}, map[causeKey]*CauseTally{}}
	}
	return t.thresholds[threshold]
}

func (t *engineTally) add(v *AccountVerdicts) {
	for i := range v.Obligations {
		t.of(v.Obligations[i].Threshold).obligation(v, &v.Obligations[i])
	}
	for i := range v.Notices {
		t.of(v.Notices[i].Threshold).notice(v, &v.Notices[i])
	}
}

func (t *thresholdTally) obligation(v *AccountVerdicts, o *ObligationVerdict) {
	switch o.Verdict {
	case Censored:
		t.Censored++
		return
	case OnTime:
		t.OnTime++
	case Late:
		t.Late++
	case Missed:
		t.Missed++
	}
	t.Crossings++
	if o.Covered {
		t.Covered++
	}
	if o.Delay >= 0 {
		t.Delays = append(t.Delays, o.Delay)
	}
	if len(o.Causes) > 0 {
		t.because(o.Verdict, Joined(o.Causes), v, o.Crossing)
	}
}

func (t *thresholdTally) notice(v *AccountVerdicts, n *NoticeVerdict) {
	t.Notices[n.Kind()]++
	if n.Cause != "" {
		t.because(n.Verdict, string(n.Cause), v, n.At)
	}
}

func (t *thresholdTally) because(verdict Verdict, cause string, v *AccountVerdicts, at int64) {
	c := t.causes[causeKey{verdict, cause}]
	if c == nil {
		c = &CauseTally{Verdict: verdict, Cause: cause, Account: v.Account, Group: v.Group, At: at}
		t.causes[causeKey{verdict, cause}] = c
	}
	c.Count++
}

func (t *engineTally) finish() EngineResult {
	result := EngineResult{Name: t.engine.Name, Kind: t.engine.Kind, Bound: t.engine.Gap + t.engine.Slack, Findings: tallyFindings(t.engine.Findings)}
	for _, one := range t.thresholds {
		slices.Sort(one.Delays)
		for _, c := range one.causes {
			one.Causes = append(one.Causes, *c)
		}
		slices.SortFunc(one.Causes, CauseTally.compare)
		result.Thresholds = append(result.Thresholds, one.ThresholdTally)
	}
	slices.SortFunc(result.Thresholds, func(a, b ThresholdTally) int { return cmp.Compare(a.Threshold, b.Threshold) })
	return result
}

func (c CauseTally) compare(d CauseTally) int {
	order := []Verdict{Missed, Late, Duplicate, Spurious}
	return cmp.Or(cmp.Compare(slices.Index(order, c.Verdict), slices.Index(order, d.Verdict)), cmp.Compare(d.Count, c.Count), cmp.Compare(c.Cause, d.Cause))
}

func tallyFindings(list []record.Finding) (tallies []FindingTally) {
	for _, f := range list {
		i := slices.IndexFunc(tallies, func(t FindingTally) bool { return t.What == f.What })
		if i < 0 {
			i = len(tallies)
			tallies = append(tallies, FindingTally{What: f.What, Account: f.Account, At: f.At})
		}
		if tallies[i].Error == "" {
			tallies[i].Error = f.Error
		}
		tallies[i].Count += f.Count
		if f.Account != 0 {
			tallies[i].Accounts++
		}
	}
	return tallies
}

// findings are what an engine itself noticed about its state, by account. It
// is 0 of a finding that is of no single account.
type findings struct{ of map[int64][]record.Finding }

func newFindings(list []record.Finding) *findings {
	f := &findings{of: map[int64][]record.Finding{}}
	for _, one := range list {
		f.of[one.Account] = append(f.of[one.Account], one)
	}
	return f
}

// explain gives a late or missed obligation the causes that the engine
// noticed, where no evaluation has one: an engine that counts has no
// evaluations but its notices. That too little usage was read is explained by what became
// of its counter. The account's own findings come before those of no account.
func (f *findings) explain(account int64, v *ObligationVerdict) {
	if len(f.of) == 0 || len(v.Causes) != 1 || !slices.Contains([]Cause{NoEvaluation, ScheduleGap, UnderRead}, v.Causes[0]) {
		return
	}
	for _, id := range []int64{account, 0} {
		var causes []Cause
		for _, one := range f.of[id] {
			if v.Causes[0] == UnderRead && !slices.Contains([]record.FindingKind{record.CounterLost, record.CounterRegressed, record.UsageNotCounted}, one.What) {
				continue
			}
			if c := causeOf(one.What).known(); concerns(&one, v) && !slices.Contains(causes, c) {
				causes = append(causes, c)
			}
		}
		if len(causes) > 0 {
			v.Causes = causes
			return
		}
	}
}

// repeated gives duplicates that nothing else explains the loss of the account's counter, with
// which the engine forgets its notices, where that was between a notice and the one before.
func (f *findings) repeated(account int64, notices []NoticeVerdict) {
	before := map[int64]int64{} // when the last one was recorded, by threshold
	for i := range notices {
		n := &notices[i]
		if n.Cause == RecordOutsideWindow && slices.ContainsFunc(f.of[account], func(one record.Finding) bool {
			return one.What == record.CounterLost && max(one.At, one.Last) > before[n.Threshold] && one.At <= n.At
		}) {
			n.Cause = causeOf(record.CounterLost)
		}
		before[n.Threshold] = n.At
	}
}

// concerns reports whether a finding can be the reason: whether it was made
// before the notice or the end, and after what the obligation counts began; one
// about notices after the crossing, when there was something to deliver.
func concerns(f *record.Finding, v *ObligationVerdict) bool {
	start, end := v.Start, v.End-1
	if v.Rolling {
		start = v.Crossing - usage.Window
	}
	switch f.What {
	case record.NoticeKept: // it was delivered
		return false
	case record.NoticeUndelivered, record.OutboxUnread, record.RunFailed:
		start = v.Crossing
	}
	if v.Delay >= 0 {
		end = v.Crossing + v.Delay
	}
	return f.At <= end && max(f.At, f.Last) >= start
}

// AccountVerdicts are the verdicts on what one engine did about one account.
type AccountVerdicts struct {
	Engine      *record.Engine
	Account     int64
	Group       string
	Obligations []ObligationVerdict // in the order of the crossings
	Notices     []NoticeVerdict     // in the order in which they were sent
}

// Verdicts judges the engines of a record: one after the other, as the
// manifest lists them, and of each the accounts by ascending id. Accounts
// without a verdict are passed over. What was due or sent in the warm-up is left
// out; notices for obligations from then are WarmUp. The pointer is valid until
// the next step. An error ends the sequence.
//
// It goes over the accounts and over the evaluations once each. In memory are
// the contracts and obligations of all accounts, and about twenty bytes for
// each evaluation that can matter.
func Verdicts(r *record.Reader) iter.Seq2[*AccountVerdicts, error] {
	return func(yield func(*AccountVerdicts, error) bool) {
		if _, err := eachVerdicts(r, func(v *AccountVerdicts) bool { return yield(v, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// eachVerdicts is Verdicts, and says what the record holds.
func eachVerdicts(r *record.Reader, yield func(*AccountVerdicts) bool) (*history, error) {
	l, err := readLedger(r)
	if err != nil {
		return nil, fmt.Errorf("auditing thresholds: %w", err)
	}
	h, err := readHistory(r, l)
	if err != nil {
		return nil, fmt.Errorf("auditing thresholds: %w", err)
	}
	m := r.Manifest()
	for i := range m.Engines {
		more, err := newBench(&m, i, h).judgeAll(yield)
		if err != nil {
			return nil, fmt.Errorf("auditing thresholds: engine %s: %w", m.Engines[i].Name, err)
		}
		if !more {
			break
		}
	}
	return h, nil
}

// bench judges one engine.
type bench struct {
	engine   *record.Engine
	ledger   *ledger
	history  *engineHistory
	findings *findings
	warm     int64 // end of the warm-up

	same        Input // what is the same for all accounts
	evaluations []record.Evaluation
	verdicts    AccountVerdicts
}

func newBench(m *record.Manifest, engine int, h *history) *bench {
	e := &m.Engines[engine]
	b := &bench{engine: e, ledger: h.ledger, history: &h.engines[engine], findings: newFindings(e.Findings)}
	b.same = Input{First: e.First, Last: e.Last, Gap: e.Gap, Slack: e.Slack, Downsampled: e.Downsampled, LooksBack: e.LooksBack}
	for _, s := range e.SourceDown {
		b.same.SourceDown = append(b.same.SourceDown, Span(s))
	}
	if m.Warmup > 0 {
		b.warm = m.Epoch.Add(m.Warmup).UnixNano()
		b.same.First = max(b.same.First, b.warm+e.Gap)
	}
	return b
}

// judgeAll yields the accounts; false when no more are wanted.
func (b *bench) judgeAll(yield func(*AccountVerdicts) bool) (more bool, err error) {
	for i := range b.ledger.ids {
		if len(b.history.set.of(i)) == 0 && len(b.history.accounts[i]) == 0 {
			continue
		}
		if err := b.judge(i); err != nil {
			return false, err
		}
		if len(b.verdicts.Obligations)+len(b.verdicts.Notices) > 0 && !yield(&b.verdicts) {
			return false, nil
		}
	}
	return true, nil
}

func (b *bench) judge(account int) error {
	var err error
	if b.evaluations, err = b.history.of(account, b.evaluations[:0]); err != nil {
		return err
	}
	a := &b.ledger.accounts[account]
	in := b.same
	in.Account, in.Contract, in.LimitChanged = b.ledger.ids[account], a.contract, a.saved
	in.Obligations, in.Evaluations = b.history.set.of(account), b.evaluations
	due, notices := Judge(in)
	for i := range due {
		b.findings.explain(in.Account, &due[i])
		if v := &due[i]; (b.engine.Gap == 0 || b.engine.Opaque) && len(v.Causes) == 1 && (v.Causes[0] == NoEvaluation || v.Causes[0] == ScheduleGap) {
			v.Causes[0] = UnknownCause // evaluations are not missing: it has no runs, or reports none
		}
	}
	b.findings.repeated(in.Account, notices)
	b.verdicts = AccountVerdicts{Engine: b.engine, Account: in.Account, Group: a.group, Obligations: due, Notices: notices[:0]}
	for _, n := range notices {
		if n.At >= b.warm {
			b.verdicts.Notices = append(b.verdicts.Notices, n)
		}
	}
	return nil
}
