package traffic

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// check collects everything that is wrong with a constructor's parameters.
type check struct {
	of       string
	problems []error
}

func (c *check) fail(parameter, expected string, found any) {
	c.problems = append(c.problems, fmt.Errorf("traffic: %s: %s: expected %s, found %v", c.of, parameter, expected, found))
}

func (c *check) err() error { return errors.Join(c.problems...) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (c *check) rate(parameter string, perSecond float64) {
	if !finite(perSecond) || perSecond < 0 {
		c.fail(parameter, "a finite rate of at least 0 per second", perSecond)
	}
}

func (c *check) positiveRate(parameter string, perSecond float64) {
	if !finite(perSecond) || perSecond <= 0 {
		c.fail(parameter, "a finite rate above 0 per second", perSecond)
	}
}

func (c *check) between(parameter string, x, low, high float64) {
	if !(low <= x && x <= high) {
		c.fail(parameter, fmt.Sprintf("a number from %g to %g", low, high), x)
	}
}

func (c *check) period(parameter string, d time.Duration) {
	if d <= 0 {
		c.fail(parameter, "a duration above 0", d)
	}
}

func (c *check) duration(parameter string, d time.Duration) {
	if d < 0 {
		c.fail(parameter, "a duration of at least 0", d)
	}
}
