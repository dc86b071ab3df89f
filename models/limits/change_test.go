package limits

import (
	"testing"
	"time"
)

// An account has used up 10 tokens that come back one a day; then its limit
// becomes 300 in 3 hours. What is stored denies it for almost ten days, the
// tokens used are few of the new limit, and a reset forgets them.
func TestChangeInClosedForm(t *testing.T) {
	const day = int64(24 * time.Hour)
	before, after := Limit{1, 24 * time.Hour, 10}, Limit{300, 3 * time.Hour, 300}
	for _, tt := range []struct {
		how       Transition
		algorithm string
		remaining int64
		wait      time.Duration
	}{
		{Keep, "gcra", -79700, 10*24*time.Hour - 3*time.Hour + 36*time.Second},
		{Keep, "gcra_float", -23700, 10*24*time.Hour - 3*time.Hour + 36*time.Second},
		{Rescale, "gcra", 289, 0},
		{Rescale, "token_bucket", 289, 0},
		{Keep, "token_bucket", 289, 0}, // which stores the tokens
		{Afresh, "gcra", 299, 0},
		{Afresh, "leaky_bucket", 299, 0},
	} {
		p := NewPromise(mustNew(t, tt.algorithm, before), 0)
		for range 12 { // two too many, so that the promise is split
			j := p.Judge(0, 1)
			p.Settle(0, 1, j.Free.Allowed, true, j.Kept.Allowed, j.Fits)
		}
		p.Change(0, before.Burst, NewPromise(mustNew(t, tt.algorithm, after), 0), tt.how)
		d := p.Judge(0, 1).Free
		if tt.wait == 0 && (!d.Allowed || d.Remaining != tt.remaining) || tt.wait > 0 && (d.Allowed || d.RetryAfter != tt.wait) {
			t.Errorf("%s of %s: %+v, expected %d left, wait %v", tt.how, tt.algorithm, d, tt.remaining, tt.wait)
		}
		if tt.how == Keep && tt.algorithm == "gcra" && p.Judge(12*day, 300).Free.Allowed != true {
			t.Errorf("%s: not full two days after the old bucket was", tt.how)
		}
		if given := p.Judge(0, 1).Given; tt.how == Rescale && given.Remaining != d.Remaining-2 {
			t.Errorf("%s of %s: %d left of all that was given, expected two less than %d", tt.how, tt.algorithm, given.Remaining, d.Remaining)
		}
	}
}
