package certify

import (
	"time"

	"github.com/quotalab/quotalab/scenarios"
)

type scenario = scenarios.Scenario

// part adds something to a scenario.
type part func(*scenario)

func constant(d time.Duration) scenarios.Distribution {
	return scenarios.Distribution{Constant: new(scenarios.Duration(d))}
}

// keys adds a population of n keys that come in turn.
func keys(name string, n int) part {
	return func(s *scenario) {
		s.Keys = append(s.Keys, scenarios.Entry[scenarios.Population]{Name: name, Value: scenarios.Population{Sequence: &scenarios.SequenceKeys{N: scenarios.Count(n)}}})
	}
}

// source is a traffic source under construction.
type source struct {
	name   string
	keys   string
	rate   scenarios.RatePattern
	cost   int64 // 0: 1
	via    string
	random bool // Poisson, where it is even otherwise
}

// free is the cost of requests that take nothing.
const free = -1

func traffic(list ...source) part {
	return func(s *scenario) {
		for _, x := range list {
			t := scenarios.Traffic{Rate: x.rate, Keys: x.keys, Gaps: scenarios.Gaps{Even: !x.random, Poisson: x.random}}
			if x.cost != 0 {
				t.Cost.Constant = new(scenarios.Count(max(0, x.cost)))
			}
			if x.via != "" {
				t.Via = []string{x.via}
			}
			s.Traffic = append(s.Traffic, scenarios.Entry[scenarios.Traffic]{Name: x.name, Value: t})
		}
	}
}

func shards(n int) part { return func(s *scenario) { s.Shards.Count = scenarios.Count(n) } }

func client(name string, c scenarios.Client) part {
	return func(s *scenario) {
		s.Clients = append(s.Clients, scenarios.Entry[scenarios.Client]{Name: name, Value: c})
	}
}

// faults adds what goes wrong.
func faults(list ...scenarios.Fault) part {
	return func(s *scenario) { s.Faults = append(s.Faults, list...) }
}

// Rates over time.

func constantly(perSecond float64) scenarios.RatePattern {
	return scenarios.RatePattern{Constant: new(scenarios.Rate(perSecond))}
}

// atOnce is n requests at one instant, and again after every so long.
func atOnce(n int, every time.Duration) scenarios.RatePattern {
	return scenarios.RatePattern{Herd: &scenarios.Herd{Size: scenarios.Count(n), Every: scenarios.Duration(every)}}
}

// within is n requests, evenly spread over a time.
func within(n int, d time.Duration) scenarios.RatePattern {
	return scenarios.RatePattern{Herd: &scenarios.Herd{Size: scenarios.Count(n), Every: never, Jitter: scenarios.Duration(d)}}
}

// never is later than any horizon of the battery.
const never = scenarios.Duration(100 * 365 * 24 * time.Hour)

// silence is no request: the language wants a rate in one of its steps.
var silence = scenarios.RatePattern{Steps: []scenarios.Step{{For: never}, {Rate: 1}}}

// from delays a rate.
func from(at time.Duration, r scenarios.RatePattern) scenarios.RatePattern {
	if at == 0 {
		return r
	}
	return scenarios.RatePattern{Then: []scenarios.ThenPattern{{Rate: silence, For: scenarios.Duration(at)}, {Rate: r}}}
}

// between has a rate from one instant to another.
func between(at, until time.Duration, r scenarios.RatePattern) scenarios.RatePattern {
	parts := []scenarios.ThenPattern{{Rate: r, For: scenarios.Duration(until - at)}, {Rate: silence}}
	if at > 0 {
		parts = append([]scenarios.ThenPattern{{Rate: silence, For: scenarios.Duration(at)}}, parts...)
	}
	return scenarios.RatePattern{Then: parts}
}

// once is n requests at an instant.
func once(at time.Duration, n int) scenarios.RatePattern {
	return from(at, atOnce(n, time.Duration(never)))
}

// onOff has a rate for a while and none for another, in turns.
func onOff(perSecond float64, on, off time.Duration) scenarios.RatePattern {
	return scenarios.RatePattern{OnOff: &scenarios.OnOff{On: scenarios.Rate(perSecond), OnFor: scenarios.Duration(on), OffFor: scenarios.Duration(off)}}
}
