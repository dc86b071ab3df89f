package series

import (
	"slices"

	"github.com/quotalab/quotalab/results/audit"
)

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
	verdict audit.Verdict
	cause   string

	of []audit.AccountVerdicts // of the account, by engine
}

func newCast(result *audit.ThresholdResult, o Options) *cast {
	if o.Account != 0 {
		return &cast{asked: true, known: true, id: o.Account}
	}
	for _, verdict := range []audit.Verdict{audit.Missed, audit.Late} {
		if c := worst(result, verdict); c != nil {
			return c
		}
	}
	return &cast{}
}

// worst engine by a verdict, its most frequent cause, and the first account.
// Of equals the first is.
func worst(result *audit.ThresholdResult, verdict audit.Verdict) *cast {
	var engine *audit.EngineResult
	var causes []audit.CauseTally
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
func joined(e *audit.EngineResult, verdict audit.Verdict) (list []audit.CauseTally) {
	for _, t := range e.Thresholds {
		for _, c := range t.Causes {
			i := slices.IndexFunc(list, func(other audit.CauseTally) bool { return other.Cause == c.Cause })
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

// add what an engine did about an account.
func (c *cast) add(v *audit.AccountVerdicts) {
	switch {
	case c.known && v.Account == c.id:
		c.of = append(c.of, kept(v))
	case c.known || len(v.Obligations) == 0:
	case len(c.of) == 0: // the first that was due any
		c.of = []audit.AccountVerdicts{kept(v)}
	case v.Engine != c.of[0].Engine: // all accounts were compared by one engine
		c.known, c.id = true, c.of[0].Account
		c.add(v)
	case len(v.Obligations) > len(c.of[0].Obligations):
		c.of[0] = kept(v)
	}
}

// kept is a copy, since the next step overwrites what v leads to.
func kept(v *audit.AccountVerdicts) audit.AccountVerdicts {
	one := *v
	one.Obligations, one.Notices = slices.Clone(v.Obligations), slices.Clone(v.Notices)
	return one
}

// focus is the engine and the crossing that the story is about; o is nil if
// the account crossed nothing that can be judged.
func (c *cast) focus(first string) (engine string, o *audit.ObligationVerdict) {
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
			case audit.Missed:
				n += 1 + len(c.of[i].Obligations) // more than all that are late
			case audit.Late:
				n++
			}
		}
		if n > most {
			most, name = n, c.of[i].Engine.Name
		}
	}
	return name
}

// weight of a crossing as the one to tell of.
func (c *cast) weight(o *audit.ObligationVerdict) int {
	if c.cause != "" && o.Verdict == c.verdict && audit.Joined(o.Causes) == c.cause {
		return 5
	}
	switch o.Verdict {
	case audit.Missed:
		return 4
	case audit.Late:
		return 3
	case audit.OnTime:
		return 2
	}
	return 1
}
