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

// What has begun goes on: a window ends, and tokens leave a log or come back, when they
// would have without the change.
func TestChangeKeepsWhatHasBegun(t *testing.T) {
	const second = int64(time.Second)
	before, after := Limit{10, 10 * time.Second, 10}, Limit{20, 10 * time.Second, 20}
	for _, tt := range []struct {
		algorithm     string
		at6, from10   int64 // remaining after the change at 5 s, and at 10 s
		firstAdmitted int64 // second in which the 10 tokens were taken
	}{
		{"fixed_window", 10, 20, 2},
		{"fixed_window_first_hit", 10, 10, 2}, // until 12 s
		{"sliding_log", 10, 10, 2},
		{"sliding_counter", 10, 10, 2}, // all of the window before still counts
		{"token_bucket_interval", 10, 10, 2},
		{"leaky_bucket", 15, 20, 2}, // as the token bucket
		{"token_bucket", 15, 20, 2}, // three came back before, two and eight after
	} {
		p := NewPromise(mustNew(t, tt.algorithm, before), 0)
		j := p.Judge(tt.firstAdmitted*second, 10)
		p.Settle(tt.firstAdmitted*second, 10, j.Free.Allowed, true, j.Kept.Allowed, j.Fits)
		p.Change(5*second, before.Burst, NewPromise(mustNew(t, tt.algorithm, after), 0), Rescale)
		for at, want := range map[int64]int64{6: tt.at6, 10: tt.from10} {
			if got := p.Judge(at*second, 0).Free.Remaining; got != want {
				t.Errorf("%s: %d left at %d s, expected %d", tt.algorithm, got, at, want)
			}
		}
	}
}
