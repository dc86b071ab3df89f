package usage

import "math"

// Hysteresis is by how many points of percent usage in a rolling window must
// fall below a threshold before reaching it again is a new excursion.
const Hysteresis = 5

// Never is the End of an excursion that has not ended.
const Never = math.MaxInt64

// Obligation is one notice that an account is due: one for each period and
// threshold, or for each excursion above a threshold in a rolling window.
type Obligation struct {
	Threshold int64 // percent
	Crossing  int64 // the first instant at which the threshold was reached
	Rolling   bool  // an excursion; else of a period
	Start     int64 // of the period; of an excursion its crossing
	End       int64 // of the period, or a contract change that ends it early; of an excursion its end or Never
}

// Need is the least usage that reaches threshold percent of limit:
// U ≥ ⌈threshold·limit/100⌉ is 100·U ≥ threshold·limit without the product,
// which could overflow. Negative arguments count as 0. A need beyond the range of
// int64, or of a threshold beyond 10¹⁶, is the range's upper bound.
func Need(threshold, limit int64) int64 {
	threshold, limit = max(threshold, 0), max(limit, 0)
	if threshold > math.MaxInt64/100-1 {
		if limit == 0 {
			return 0
		}
		return math.MaxInt64
	}
	whole, part := limit/100, (threshold*(limit%100)+99)/100
	if threshold > 0 && whole > (math.MaxInt64-part)/threshold {
		return math.MaxInt64
	}
	return threshold*whole + part
}
