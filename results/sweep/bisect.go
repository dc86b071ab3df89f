package sweep

import "math"

// Bisection looks for the highest number from From to To that passes. It takes
// for granted that if a number passes, all below it do.
type Bisection struct {
	From, To  float64 // From < To
	Tolerance float64 // how far the last number that passes and the first that fails may lie apart, as a share of the latter
	// Round gives the number that is probed instead of one, not above it; nil: the number itself.
	Round func(float64) float64
}

// finest is the share of the range below which no bisection goes: with a From
// of 0, nothing is near enough to what fails by a share of that.
const finest = 1e-9

// Outcome says how a search ended.
type Outcome string

// The outcomes. Of all but Capacity only the ends were probed.
const (
	Capacity    Outcome = "found"
	AllPass     Outcome = "all pass"     // From and To do
	NonePasses  Outcome = "none passes"  // neither From nor To
	NotMonotone Outcome = "not monotone" // To passes, From does not
)

// Bisected is what a bisection found.
type Bisected struct {
	Outcome Outcome
	Passes  float64   // highest that passed: of Capacity and AllPass
	Fails   float64   // lowest that failed: of Capacity, NonePasses and NotMonotone
	Probes  []float64 // in the order in which they were made
}

// Find probes the ends first, From before To, and then between the highest
// number that passed and the lowest that failed, until they are near enough or
// there is nothing between them. An error of probe ends it.
func (b Bisection) Find(probe func(x float64) (pass bool, err error)) (Bisected, error) {
	var out Bisected
	try := func(x float64) (bool, error) {
		out.Probes = append(out.Probes, x)
		return probe(x)
	}
	low, err := try(b.From)
	if err != nil {
		return out, err
	}
	high, err := try(b.To)
	if err != nil {
		return out, err
	}
	switch {
	case low && high:
		out.Outcome, out.Passes = AllPass, b.To
	case high:
		out.Outcome, out.Fails = NotMonotone, b.From
	case !low:
		out.Outcome, out.Fails = NonePasses, b.From
	default:
		out.Outcome = Capacity
		out.Passes, out.Fails, err = b.between(try)
	}
	return out, err
}

func (b Bisection) between(try func(float64) (bool, error)) (passes, fails float64, err error) {
	passes, fails = b.From, b.To
	for fails-passes > max(b.Tolerance*math.Abs(fails), finest*(b.To-b.From)) {
		x := passes + (fails-passes)/2
		if b.Round != nil {
			x = b.Round(x)
		}
		if x <= passes || x >= fails {
			break
		}
		pass, err := try(x)
		if err != nil {
			return passes, fails, err
		}
		if pass {
			passes = x
		} else {
			fails = x
		}
	}
	return passes, fails, nil
}
