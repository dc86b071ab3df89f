package present

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

const auditHelp = "Over-admission: the least number of admissions to take away so that the limit's promise holds. Under-admission: denials that would have fitted, given what was admitted. Worst excess: tokens above the promise in the worst window of any key. Ambiguous: too close to the limit to tell. Divergence: decisions that a reference running free decides otherwise, a diagnostic and no measure of harm."

// audit builds the section of how each limiter's decisions were judged: what
// its promise is, and how far it was broken.
func (b *sections) audit() *Table {
	t := NewTable("audit", "Audit against the promise of each limit", "limiter", "reference", ">over-admission", "unit", ">under-admission", ">worst excess (tokens)", "key", "window", ">ambiguous", ">decisions judged", ">divergence (diagnostic)")
	t.Help = auditHelp
	total := func(metric, limiter string) Cell {
		if g, ok := Find(Groups(b.s, metric, "limiter"), limiter); ok {
			return Count(g.Count)
		}
		return None
	}
	for _, a := range b.s.Audit {
		reference, of := a.Reference, "requests"
		if a.Algorithm == "" {
			reference += " (none declared)"
		}
		if a.Tokens {
			of = "tokens"
		}
		over := total("over_admission", a.Limiter)
		if over == None {
			of = ""
		}
		excess, key, window := Cell{Text: "0"}, None, None
		if w := a.Worst; w != nil {
			excess, key, window = General(w.Excess), Words(metric.Printable(w.Key)), Words(unit.Lasting(w.FromSeconds)+" to "+unit.Lasting(w.UntilSeconds))
		}
		t.Add(Words(a.Limiter), Words(reference), over, Words(of), total("under_admission", a.Limiter), excess, key, window,
			total("ambiguous", a.Limiter), Count(a.Compared), total("divergence", a.Limiter))
		if a.ChecksAllowed > 0 {
			t.Note(fmt.Sprintf("%s: checks that were told yes without room: %s. They take nothing and are in no other count.", a.Limiter, unit.Thousands(a.ChecksAllowed)))
		}
	}
	if len(t.Rows) > 0 && b.s.Clock == "real" {
		t.Note("In real time a count is a lower bound: what is certain whatever the order of the requests under way together was. What depends on the order is ambiguous.")
	}
	return t
}

// admissionCauses builds what the record proves to have caused over- and
// under-admission.
func (b *sections) admissionCauses() *Table {
	t := NewTable("admission causes", "Causes of over- and under-admission, as far as the record proves them", "limiter", "of", "cause", ">explains", ">of all")
	for _, a := range b.s.Audit {
		explained, total := int64(0), int64(0)
		for _, c := range a.Causes {
			t.Add(Words(a.Limiter), Words(strings.ReplaceAll(c.Of, "_", "-")), Words(c.Cause), Count(c.Explains), Count(c.Total))
			if c.Of == "over_admission" {
				explained, total = explained+c.Explains, c.Total
			}
		}
		if explained > total {
			t.Note(fmt.Sprintf("%s: each cause has what would not be over without it, and causes share some.", a.Limiter))
		}
	}
	return t
}

// retryAfter builds by how much the waits that denied clients were told were
// off, early and late apart.
func (b *sections) retryAfter() *Table {
	t := NewTable("retry after", "Retry-after: when denied clients were told to come back", "limiter", "told", ">denials", ">of", ">share|%", ">off by p50|s", ">max|s", ">unit|s")
	t.Help = "Unit: in which the limiter speaks; rounding up to it is right."
	for _, a := range b.s.Audit {
		r := a.RetryAfter
		if r == nil {
			continue
		}
		if r.Early+r.Late == 0 {
			within := ""
			if r.UnitSeconds > 0 {
				within = ", within its unit of " + unit.Lasting(r.UnitSeconds) + ","
			}
			t.Note(fmt.Sprintf("%s: retry-after is right%s in %s with a known wait.", a.Limiter, within, unit.Counted(r.Compared, "denial")))
			continue
		}
		add := func(told string, n int64, med, most float64) {
			p50, max := None, None
			if n > 0 {
				p50, max = Lasting(med), Lasting(most)
			}
			t.Add(Words(a.Limiter), Words(told), Count(n), Count(r.Compared), Share(n, r.Compared), p50, max, Lasting(r.UnitSeconds))
		}
		add("too early", r.Early, r.EarlyMed, r.EarlyMax)
		add("too late", r.Late, r.LateMed, r.LateMax)
	}
	return t
}

// sampledAudit is the audit of the keys that are recorded.
func (b *sections) sampledAudit() *Table {
	t := NewTable("sampled audit", "Audit of the sampled keys alone ("+unit.Percent(b.s.SampleRate)+" of the keys; of the others nothing is known)",
		"limiter", ">over-admission", ">under-admission", ">worst excess (tokens)", ">ambiguous", ">decisions judged")
	t.Help = auditHelp
	for _, a := range b.s.SampledAudit {
		t.Add(Words(a.Limiter), Count(a.Over), Count(a.Under), General(a.WorstExcess), Count(a.Ambiguous), Count(a.Compared))
	}
	return t
}

// compactKeys is how many keys of a limiter the compact summary shows.
const compactKeys = 5

func (b *sections) worstKeys() *Table {
	t := NewTable("worst keys", "Keys on which a limiter broke its promise, the worst first", "limiter", "limit", "key", ">over-admission", ">under-admission", ">worst excess (tokens)")
	shown := map[string]int{}
	for _, k := range b.s.Keys.OverAdmitted {
		if shown[k.Limiter]++; shown[k.Limiter] <= compactKeys || b.mode != Compact {
			t.Add(Words(k.Limiter), Words(k.Limit), Words(metric.Printable(k.Key)), Count(k.Over), Count(k.Under), General(k.Excess))
		}
	}
	return t
}

func (b *sections) denied() *Table {
	t := NewTable("denied", "Most denied keys", "limiter", "limit", "key", ">denied", ">decisions", ">share|%")
	for _, k := range b.s.Keys.MostDenied {
		t.Add(Words(k.Limiter), Words(k.Limit), Words(metric.Printable(k.Key)), Count(k.Denied), Count(k.Decisions), Share(k.Denied, k.Decisions))
	}
	return t
}

// thresholds builds how each engine did, by threshold, and what its notices
// were.
// Only the full summary has thresholds that nobody crossed or was notified of.
func (b *sections) thresholds() []*Table {
	crossings := NewTable("thresholds", "Thresholds (crossings that were due a notice, and what became of them)",
		"engine", ">threshold|%", ">crossings", ">promised|s", ">on time", ">late", ">missed", ">share|%", ">covered", ">delay med|s", ">p90|s", ">max|s")
	crossings.Help = "Of crossings that are not too close to the end to judge. Late: later than the promised delay after the crossing. Covered: of the missed, those where a higher threshold was announced instead."
	notices := NewTable("notices", "Notices, by what they were", "engine", ">threshold|%", ">first", ">out of order", ">duplicates", ">undelivered", ">spurious", ">in warm-up", ">crossings not judged")
	notices.Help = "Each notice is one of these. Spurious: of no crossing that stood. Not judged: too close to the end."
	delays := Groups(b.s, "notice_delay", "engine", "threshold")
	for _, one := range b.s.Thresholds {
		name := []Cell{Words(one.Engine), Threshold(one.Threshold)}
		if one.Crossings > 0 || b.mode == Full {
			d, _ := Find(delays, one.Engine, strconv.FormatInt(one.Threshold, 10))
			crossings.Add(row(name, []Cell{Count(one.Crossings), Lasting(one.Promised)}, Counts(one.OnTime, one.Late, one.Missed), []Cell{Share(one.Missed, one.Crossings), Count(one.Covered)},
				[]Cell{Maybe(d.Med, Lasting), Maybe(d.P90, Lasting), Maybe(d.Max, Lasting)})...)
		}
		if n := one.Notices; n != (summary.Notices{}) || one.Censored > 0 || b.mode == Full {
			notices.Add(row(name, Counts(n.First, n.OutOfOrder, n.Duplicate, n.Undelivered, n.Spurious, n.WarmUp, one.Censored))...)
		}
	}
	if len(b.s.Thresholds) > 0 && len(crossings.Rows)+len(notices.Rows) == 0 {
		crossings.Note("None of the " + unit.Counted(b.s.Accounts, "account") + " crossed a threshold, and no engine sent a notice.")
	}
	return []*Table{crossings, notices}
}

// causes builds why notices were not as they should be, with an account each as an
// example. Only the full summary tells thresholds apart.
func (b *sections) causes() *Table {
	t := NewTable("causes", "Why notices were missed, late, duplicate or spurious", "engine", "verdict", "cause", ">count", "thresholds", "for example")
	t.Help = "Causes in the order in which they showed, joined by >."
	for _, r := range joinCauses(b.s, b.mode == Full) {
		c := r.first
		group := ""
		if c.Group != "" {
			group = " (" + metric.Printable(c.Group) + ")"
		}
		t.Add(Words(c.Engine), Words(c.Verdict), Words(metric.Printable(c.Cause)), Count(r.count), Words(strings.Join(r.thresholds, ", ")+" %"),
			Words(fmt.Sprintf("account %d%s, %d %% at %s", c.Account, group, c.Threshold, c.At.UTC().Format(time.DateTime))))
	}
	for _, term := range b.s.Glossary() {
		t.Note(string(term.Cause) + ": " + term.Meaning + ".")
	}
	return t
}

// causeRow is one cause of one verdict of one engine.
type causeRow struct {
	first      summary.ThresholdCause
	thresholds []string
	count      int64
}

// joinCauses puts the thresholds of a cause together, unless they are to be told
// apart. The order is that of the engines, then of the verdicts, then the most
// frequent first.
func joinCauses(s *summary.Measured, apart bool) (rows []causeRow) {
	var engines []string
	for _, c := range s.Causes {
		i := slices.IndexFunc(rows, func(r causeRow) bool {
			return !apart && r.first.Engine == c.Engine && r.first.Verdict == c.Verdict && r.first.Cause == c.Cause
		})
		if i < 0 {
			i = len(rows)
			rows, engines = append(rows, causeRow{first: c}), append(engines, c.Engine)
		}
		rows[i].thresholds = append(rows[i].thresholds, strconv.FormatInt(c.Threshold, 10))
		rows[i].count += c.Count
	}
	if apart {
		return rows
	}
	verdicts := []string{"missed", "late", "duplicate", "spurious"}
	slices.SortStableFunc(rows, func(a, b causeRow) int {
		return cmp.Or(cmp.Compare(slices.Index(engines, a.first.Engine), slices.Index(engines, b.first.Engine)),
			cmp.Compare(slices.Index(verdicts, a.first.Verdict), slices.Index(verdicts, b.first.Verdict)), cmp.Compare(b.count, a.count))
	})
	return rows
}
