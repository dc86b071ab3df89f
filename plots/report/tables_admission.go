package report

import (
	"fmt"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

var auditColumns = []string{"limiter", ">over-admitted", ">under-admitted", ">ambiguous", ">worst excess (tokens)", ">decisions compared"}

const auditNote = "over-admitted: allowed where the exact reference denies; ambiguous: too close to the limit to tell; worst excess: tokens above burst + t/T in any window of length t."

func auditTable(s *measure.Summary) *table {
	t := newTable("Decisions against the exact reference", auditColumns...)
	t.Note = auditNote
	under, ambiguous, excess := groups(s, "under_admission", "limiter"), groups(s, "ambiguous", "limiter"), groups(s, "worst_excess", "limiter")
	for _, g := range groups(s, "over_admission", "limiter") {
		u, _ := find(under, g.tags...)
		a, _ := find(ambiguous, g.tags...)
		worst, compared := none, none
		if e, ok := find(excess, g.tags...); ok {
			worst, compared = maybe(e.Value, general), count(e.Count)
		}
		t.add(words(g.tags[0]), count(g.Count), count(u.Count), count(a.Count), worst, compared)
	}
	return t
}

func sampledTable(s *measure.Summary) *table {
	t := newTable("Decisions on the sampled keys alone against the exact reference", auditColumns...)
	t.Note = auditNote + " Of " + wording.Percent(s.SampleRate) + " of the keys; of the others nothing is known."
	for _, a := range s.SampledAudit {
		t.add(words(a.Limiter), count(a.Over), count(a.Under), count(a.Ambiguous), general(a.WorstExcess), count(a.Compared))
	}
	return t
}

func worstTable(s *measure.Summary) *table {
	t := newTable("Keys on which a limiter was wrong, the worst first", "limiter", "limit", "key", ">over-admitted", ">under-admitted", ">excess (tokens)")
	for _, k := range s.Keys.OverAdmitted {
		t.add(words(k.Limiter), words(k.Limit), words(wording.Printable(k.Key)), count(k.Over), count(k.Under), general(k.Excess))
	}
	return t
}

// envelopeTable says of what limits the keys in the figure of admission are.
func envelopeTable(set *series.Set) *table {
	t := newTable("The keys in the figure of what was admitted", "limiter", "limit", "key", "rate", ">burst", ">over-admitted", ">excess (tokens)", ">worst window from|s")
	for _, a := range set.Admission {
		for _, k := range a.Keys {
			t.add(words(a.Limiter), words(k.Limit), words(wording.Printable(k.Key)), words(fmt.Sprintf("%s per %s", wording.Thousands(k.Count), lasting(k.Period))),
				count(k.Burst), count(k.Over), general(k.Excess), duration(k.From))
		}
	}
	return t
}

func deniedTable(s *measure.Summary) *table {
	t := newTable("The most denied keys", "limiter", "limit", "key", ">denied", ">decisions", ">share|%")
	for _, k := range s.Keys.MostDenied {
		t.add(words(k.Limiter), words(k.Limit), words(wording.Printable(k.Key)), count(k.Denied), count(k.Decisions), share(k.Denied, k.Decisions))
	}
	return t
}
