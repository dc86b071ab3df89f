package redisdata

import (
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

var zstoreCommands = map[string]func(*Store, []string){
	"zunion":      func(s *Store, w []string) { s.zcombine(w[1:], either) },
	"zinter":      func(s *Store, w []string) { s.zcombine(w[1:], both) },
	"zdiff":       func(s *Store, w []string) { s.zcombine(w[1:], less) },
	"zunionstore": func(s *Store, w []string) { s.zcombineTo(w, either) },
	"zinterstore": func(s *Store, w []string) { s.zcombineTo(w, both) },
	"zdiffstore":  func(s *Store, w []string) { s.zcombineTo(w, less) },
	"zintercard":  (*Store).zintercard,
}

// operand is a sorted set, or a set with scores of 1, and its weight.
type operand struct {
	zset   *zset
	weight float64
}

// operands reads the number of keys and the keys. Words behind them are left.
func (s *Store) operands(w []string) (all []operand, rest []string) {
	n, ok := rediscmd.Integer(w[0])
	switch {
	case !ok:
		s.fail(notInteger)
	case n < 1:
		s.fail("ERR at least 1 input key is needed")
	case n > int64(len(w)-1):
		s.fail(syntax)
	}
	for _, key := range w[1 : 1+n] {
		z := noScores
		if e := s.find(key); e != nil {
			switch v := e.value.(type) {
			case *zset:
				z = v
			case *set:
				z = newZset()
				for _, m := range v.members() {
					z.set(m, 1)
				}
			default:
				s.fail(wrongType)
			}
		}
		all = append(all, operand{z, 1})
	}
	return all, w[1+n:]
}

// combineOptions are what stands behind the keys.
type combineOptions struct {
	aggregate  string
	withScores bool
}

func (s *Store) combineOptions(w []string, all []operand, how combination, store bool) (o combineOptions) {
	o.aggregate = "sum"
	for i := 0; i < len(w); {
		left := len(w) - i - 1
		switch word := strings.ToLower(w[i]); {
		case word == "weights" && how != less && left >= len(all):
			for k := range all {
				f, ok := parseFloat(w[i+1+k])
				if !ok {
					s.fail("ERR weight value is not a float")
				}
				all[k].weight = f
			}
			i += 1 + len(all)
		case word == "aggregate" && how != less && left >= 1:
			o.aggregate = strings.ToLower(w[i+1])
			if !slices.Contains([]string{"sum", "min", "max"}, o.aggregate) {
				s.fail(syntax)
			}
			i += 2
		case word == "withscores" && !store:
			o.withScores = true
			i++
		default:
			s.fail(syntax)
		}
	}
	return o
}

func (s *Store) zcombine(w []string, how combination) {
	all, rest := s.operands(w)
	o := s.combineOptions(rest, all, how, false)
	s.scoredList(combineScores(all, how, o.aggregate).order, o.withScores)
}

func (s *Store) zcombineTo(w []string, how combination) {
	all, rest := s.operands(w[2:])
	o := s.combineOptions(rest, all, how, true)
	z := combineScores(all, how, o.aggregate)
	z.pack()
	s.store(w[1], z, z.size())
}

// combineScores returns a sorted set that is not packed yet, as it is answered.
func combineScores(all []operand, how combination, aggregate string) *zset {
	out := newZset()
	out.large = true
	if how == less {
		for _, x := range all[0].zset.order {
			if !slices.ContainsFunc(all[1:], func(o operand) bool { _, has := o.zset.scores[x.member]; return has }) {
				out.set(x.member, x.score)
			}
		}
		return out
	}
	// Redis begins with the smallest one, which decides how sums are rounded.
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b operand) int { return len(a.zset.order) - len(b.zset.order) })
	scores := map[string]float64{}
	for i, o := range sorted {
		for _, x := range o.zset.order {
			score := weigh(o.weight, x.score)
			old, seen := scores[x.member]
			switch {
			case seen:
				scores[x.member] = aggregated(aggregate, old, score)
			case how == either || i == 0 && inAll(sorted, x.member):
				scores[x.member] = score
			}
		}
	}
	for member, score := range scores {
		out.scores[member] = score
		out.order = append(out.order, scored{score, member})
	}
	slices.SortFunc(out.order, scored.compare)
	return out
}

// pack packs a sorted set that is small enough, in which −0 becomes 0.
func (z *zset) pack() {
	z.large = len(z.order) > packedItems
	for _, x := range z.order {
		z.large = z.large || len(x.member) > packedText
	}
	for i := range z.order {
		if x := &z.order[i]; !z.large && x.score == 0 {
			x.score = 0 // also −0
			z.scores[x.member] = 0
		}
	}
}

func inAll(all []operand, member string) bool {
	return !slices.ContainsFunc(all, func(o operand) bool { _, has := o.zset.scores[member]; return !has })
}

func weigh(weight, score float64) float64 {
	if f := weight * score; !math.IsNaN(f) {
		return f
	}
	return 0
}

func aggregated(how string, a, b float64) float64 {
	switch how {
	case "min":
		return min(a, b)
	case "max":
		return max(a, b)
	}
	if sum := a + b; !math.IsNaN(sum) {
		return sum
	}
	return 0 // of infinities
}

func (s *Store) zintercard(w []string) {
	all, rest := s.operands(w[1:])
	most := s.limitOption(rest)
	s.count(min(len(combineScores(all, both, "sum").order), most))
}
