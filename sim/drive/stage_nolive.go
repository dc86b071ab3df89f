//go:build !livenow

package drive

import (
	"context"
	"errors"
	"time"

	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

// Live is temporary.
type Live struct{ Prefix string }
type onServers struct {
	embedded
	real *vtime.Real
}

func newOnServers(context.Context, *plan.Plan, Live) (*onServers, error) {
	return nil, errors.New("not yet")
}


var _ time.Duration
