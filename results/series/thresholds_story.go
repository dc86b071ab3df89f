package series

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// story of the account that was found; nil if there is none to tell.
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
		s.At, s.Level, s.Verdict, s.Cause = w.seconds(o.Crossing), o.Threshold, string(o.Verdict), audit.Joined(o.Causes)
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

// scene of a story: Unix nanoseconds.
type scene struct{ epoch, from, until, last int64 }

func (w scene) seconds(at int64) float64 { return inSeconds(at - w.epoch) }
func (w scene) holds(at int64) bool      { return w.from <= at && at <= w.until }

// windowOf a story: the period of the crossing, or the window before and the
// whole of its excursion, with some time around it in which an engine may have
// told of it. What an earlier period is to blame for begins with that.
func windowOf(m *record.Manifest, a *record.Account, engine string, o *audit.ObligationVerdict) scene {
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
	if joined := audit.Joined(o.Causes); strings.Contains(joined, "earlier") || strings.Contains(joined, string(audit.SpuriousRecord)) {
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
				Until: w.seconds(until), Cause: audit.Joined(o.Causes)})
		}
		for _, n := range c.of[i].Notices {
			if w.holds(n.At) {
				s.Notices = append(s.Notices, Mark{At: w.seconds(n.At), Level: n.Threshold, Text: string(n.Kind())})
			}
		}
	}
	return s
}

// looks of an engine at an account, thinned evenly; the first and the last are kept.
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
