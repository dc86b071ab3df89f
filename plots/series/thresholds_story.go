package series

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// story returns that of the account that was found; nil if there is none to tell.
func (c *cast) story(r *record.Reader) (*AccountStory, error) {
	if !c.asked && len(c.of) == 0 {
		return nil, nil
	}
	if !c.known {
		c.id = c.of[0].Account
	}
	account, err := findAccount(r, c.id)
	if err != nil {
		return nil, err
	}
	m := r.Manifest()
	s := &AccountStory{ID: account.ID, Group: account.Group}
	engine, o := c.focus(m.Engines[0].Name)
	s.Engine = engine
	w := windowOf(&m, account, engine, o)
	if o != nil {
		s.At, s.Level, s.Verdict, s.Cause = w.seconds(o.Crossing), o.Threshold, string(o.Verdict), quotaaudit.Joined(o.Causes)
	}
	s.From, s.Until = w.seconds(w.from), w.seconds(w.until)
	s.Usage, s.Limit = w.usage(account)
	for _, e := range m.Engines {
		s.Engines = append(s.Engines, c.did(e.Name, w))
	}
	s.Looks, s.LooksMade, err = w.looks(r, engine, account.ID)
	return s, err
}

// findAccount reads accounts as far as that one.
func findAccount(r *record.Reader, id int64) (*record.Account, error) {
	n := int64(0)
	for a, err := range r.Accounts() {
		if err != nil {
			return nil, err
		}
		if n++; a.ID == id {
			one := *a
			one.Contract, one.At, one.Units = slices.Clone(a.Contract), slices.Clone(a.At), slices.Clone(a.Units)
			return &one, nil
		}
	}
	return nil, fmt.Errorf("the story of account %d: expected one of the %d accounts of the record", id, n)
}

// scene is the time of a story, in Unix nanoseconds.
type scene struct{ epoch, from, until, last int64 }

func (w scene) seconds(at int64) float64 { return inSeconds(at - w.epoch) }
func (w scene) holds(at int64) bool      { return w.from <= at && at <= w.until }

// windowOf returns the time of a story: the period of the crossing, or the window before and the
// whole of its excursion, with some time around it in which an engine may have
// told it. What an earlier period is to blame for begins with that.
func windowOf(m *record.Manifest, a *record.Account, engine string, o *quotaaudit.ObligationVerdict) scene {
	w := scene{epoch: m.Epoch.UnixNano()}
	w.last = w.epoch
	if m.Complete {
		w.last += m.Horizon.Nanoseconds()
	}
	bound := int64(0)
	for _, e := range m.Engines {
		w.last = max(w.last, e.Last)
		if e.Name == engine {
			bound = e.Gap + e.Slack
		}
	}
	w.from, w.until = w.epoch, w.last
	if o == nil {
		return w
	}
	start, end := o.Start, o.End
	if o.Rolling {
		start, end = o.Crossing-usage.Window, min(o.End, o.Crossing+usage.Window)
	}
	around := max((end-start)/20, min(bound, (end-start)/2))
	if joined := quotaaudit.Joined(o.Causes); strings.Contains(joined, "earlier") || strings.Contains(joined, string(quotaaudit.SpuriousRecord)) {
		if start -= usage.Window; !o.Rolling {
			start, _ = contractOf(a).PeriodAt(o.Start - 1)
		}
	}
	w.from, w.until = max(w.from, start-around), min(w.until, end+around)
	return w
}

// did is what an engine was due to do about the account and did.
func (c *cast) did(engine string, w scene) EngineStory {
	s := EngineStory{Engine: engine}
	for i := range c.of {
		if c.of[i].Engine.Name != engine {
			continue
		}
		for _, o := range c.of[i].Obligations {
			if !w.holds(o.Crossing) {
				continue
			}
			until := min(o.End, w.last)
			if o.Delay >= 0 {
				until = o.Crossing + o.Delay
			}
			s.Crossings = append(s.Crossings, Crossing{At: w.seconds(o.Crossing), Level: o.Threshold, Verdict: string(o.Verdict),
				Until: w.seconds(until), Cause: quotaaudit.Joined(o.Causes)})
		}
		for _, n := range c.of[i].Notices {
			if w.holds(n.At) {
				s.Notices = append(s.Notices, Mark{At: w.seconds(n.At), Level: n.Threshold, Text: string(n.Kind())})
			}
		}
	}
	return s
}

// looks lists those of an engine at an account, thinned evenly; the first and the last are kept.
func (w scene) looks(r *record.Reader, engine string, account int64) (list []Look, made int64, err error) {
	for e, err := range r.Evaluations() {
		switch {
		case err != nil:
			return nil, 0, err
		case e.Account == account && e.Engine == engine && w.holds(e.At):
			list = append(list, w.look(e))
		}
	}
	slices.SortStableFunc(list, func(a, b Look) int { return cmp.Compare(a.At, b.At) })
	made = int64(len(list))
	if len(list) <= MaxPoints {
		return list, made, nil
	}
	thin := make([]Look, MaxPoints)
	for i := range thin {
		thin[i] = list[i*(len(list)-1)/(MaxPoints-1)]
	}
	return thin, made, nil
}

func (w scene) look(e *record.Evaluation) Look {
	l := Look{At: w.seconds(e.At), Outcome: strings.ReplaceAll(string(e.Outcome), "_", " "), Percent: math.NaN()}
	switch e.Outcome {
	case record.Suppressed:
		l.By, l.Level = e.RowAccount, e.Threshold
	case record.SentNotice:
		l.Level = e.Threshold
	case record.Below:
	default:
		return l
	}
	l.Percent = float64(e.Percent)
	if e.Limit > 0 {
		l.Percent = 100 * float64(e.Usage) / float64(e.Limit)
	}
	return l
}

// cast finds the account whose story is told, and keeps what each engine did
// about it.
//
// The most instructive is a miss: of the engine that missed most, by the cause
// that it missed most by, of the account with the least id. Where nothing was
// missed it is a late notice found alike, and where none was late the account
// that was due most notices.
type cast struct {
	asked bool // for that account
	known bool // id is; else it is sought
	id    int64

	// What the story is about; "" what was worst.
	engine  string
	verdict quotaaudit.Verdict
	cause   string

	of []quotaaudit.AccountVerdicts // of the account, by engine
}

func newCast(result *quotaaudit.Result, o Options) *cast {
	if o.Account != 0 {
		return &cast{asked: true, known: true, id: o.Account}
	}
	for _, verdict := range []quotaaudit.Verdict{quotaaudit.Missed, quotaaudit.Late} {
		if c := worst(result, verdict); c != nil {
			return c
		}
	}
	return &cast{}
}

// worst returns the worst engine by a verdict, its most frequent cause, and the first account.
// Of equals the first is.
func worst(result *quotaaudit.Result, verdict quotaaudit.Verdict) *cast {
	var engine *quotaaudit.EngineResult
	var causes []quotaaudit.CauseTally
	most := int64(0)
	for i := range result.Engines {
		list := joined(&result.Engines[i], verdict)
		total := int64(0)
		for _, c := range list {
			total += c.Count
		}
		if total > most {
			most, engine, causes = total, &result.Engines[i], list
		}
	}
	if engine == nil {
		return nil
	}
	top := causes[0]
	for _, c := range causes {
		if c.Count > top.Count {
			top = c
		}
	}
	return &cast{known: true, id: top.Account, engine: engine.Name, verdict: verdict, cause: top.Cause}
}

// joined are an engine's causes of a verdict, over all thresholds, each with
// the least account.
func joined(e *quotaaudit.EngineResult, verdict quotaaudit.Verdict) (list []quotaaudit.CauseTally) {
	for _, t := range e.Thresholds {
		for _, c := range t.Causes {
			i := slices.IndexFunc(list, func(other quotaaudit.CauseTally) bool { return other.Cause == c.Cause })
			switch {
			case c.Verdict != verdict:
			case i < 0:
				list = append(list, c)
			default:
				list[i].Count += c.Count
				list[i].Account = min(list[i].Account, c.Account)
			}
		}
	}
	return list
}

// add takes what an engine did about an account.
func (c *cast) add(v *quotaaudit.AccountVerdicts) {
	switch {
	case c.known && v.Account == c.id:
		c.of = append(c.of, kept(v))
	case c.known || len(v.Obligations) == 0:
	case len(c.of) == 0: // the first that was due any
		c.of = []quotaaudit.AccountVerdicts{kept(v)}
	case v.Engine != c.of[0].Engine: // all accounts were compared by one engine
		c.known, c.id = true, c.of[0].Account
		c.add(v)
	case len(v.Obligations) > len(c.of[0].Obligations):
		c.of[0] = kept(v)
	}
}

// kept is a copy, since the next step overwrites what v leads to.
func kept(v *quotaaudit.AccountVerdicts) quotaaudit.AccountVerdicts {
	one := *v
	one.Obligations, one.Notices = slices.Clone(v.Obligations), slices.Clone(v.Notices)
	return one
}

// focus is the engine and the crossing that the story is about; o is nil if
// the account crossed nothing that can be judged.
func (c *cast) focus(first string) (engine string, o *quotaaudit.ObligationVerdict) {
	engine = c.engine
	if engine == "" {
		engine = c.worstEngine(first)
	}
	best := 0
	for i := range c.of {
		for k := range c.of[i].Obligations {
			one := &c.of[i].Obligations[k]
			if n := c.weight(one); c.of[i].Engine.Name == engine && n > best {
				best, o = n, one
			}
		}
	}
	return engine, o
}

// worstEngine is the one that missed most of the account's crossings, else was
// late with most, else the first.
func (c *cast) worstEngine(first string) string {
	name, most := first, 0
	if len(c.of) > 0 {
		name = c.of[0].Engine.Name
	}
	for i := range c.of {
		n := 0
		for _, o := range c.of[i].Obligations {
			switch o.Verdict {
			case quotaaudit.Missed:
				n += 1 + len(c.of[i].Obligations) // more than all that are late
			case quotaaudit.Late:
				n++
			}
		}
		if n > most {
			most, name = n, c.of[i].Engine.Name
		}
	}
	return name
}

// weight is how much a crossing is worth as the one that the story is about.
func (c *cast) weight(o *quotaaudit.ObligationVerdict) int {
	if c.cause != "" && o.Verdict == c.verdict && quotaaudit.Joined(o.Causes) == c.cause {
		return 5
	}
	switch o.Verdict {
	case quotaaudit.Missed:
		return 4
	case quotaaudit.Late:
		return 3
	case quotaaudit.OnTime:
		return 2
	}
	return 1
}
