package run

import (
	"errors"
	"fmt"

	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// arrival is one arrival of the plan with what its requests take.
type arrival struct {
	at     int64
	source int
	n      int64
	key    uint64 // number of the first take's key, by which its usage belongs to an account
	takes  []limiter.Take
	places []place // by limiter of the source; nil where no limiter is split by shard
}

// place is where the requests of an arrival to one limiter go.
type place struct {
	shard int    // 0 of a limiter that is not split by shard
	key   string // in Redis, of one that is
}

// feed makes the plan's arrivals, one after another.
type feed struct {
	plan    *plan.Plan
	seq     *plan.Arrivals
	routers []*fakeredis.Router // by limiter, of those that are split by shard
	split   bool                // there are some
	arrived []int64             // by source

	past   *arrival       // that nobody needs any more
	takes  []limiter.Take // room for those of more arrivals
	places []place
}

// newFeed begins the arrivals. Close it.
func newFeed(p *plan.Plan) (*feed, error) {
	f := &feed{plan: p, seq: p.Arrivals(), routers: make([]*fakeredis.Router, len(p.Limiters)), arrived: make([]int64, len(p.Sources))}
	for i := range p.Sources {
		for _, l := range p.Sources[i].Limiters {
			if !p.Limiters[l].ByShard || f.routers[l] != nil {
				continue
			}
			f.split = true
			// All clients of the limiter name the shards alike, or else it would not be split.
			var err error
			if f.routers[l], err = fakeredis.NewRouter(p.Clients[p.Sources[i].Via[0]].ShardNames, p.Limiters[l].Cluster); err != nil {
				return nil, errors.Join(fmt.Errorf("limiter %s: %w", p.Limiters[l].Name, err), f.close())
			}
		}
	}
	return f, nil
}

func (f *feed) close() error {
	f.seq.Close()
	var errs []error
	for _, r := range f.routers {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}

// arena is how many takes, or places, are made room for at once.
const arena = 256

// room returns room for n more.
func room[E any](free *[]E, n int) []E {
	if len(*free) < n {
		*free = make([]E, max(n, arena))
	}
	list := (*free)[:n:n]
	*free = (*free)[n:]
	return list
}

// next returns the next arrival, nil at the end.
func (f *feed) next() *arrival {
	e, ok := f.seq.Next()
	if !ok {
		return nil
	}
	source := &f.plan.Sources[e.Source]
	a := f.past
	if a != nil && len(a.takes) == len(source.Takes) {
		*a, f.past = arrival{takes: a.takes}, nil
	} else {
		a = &arrival{takes: room(&f.takes, len(source.Takes))}
	}
	a.at, a.source, a.n = e.At, e.Source, e.N
	if len(e.Keys) > 0 {
		a.key = e.Keys[0]
	}
	for i, t := range source.Takes {
		a.takes[i] = limiter.Take{Limit: t.Limit, Key: f.plan.Key(e, i), Cost: e.Costs[i]}
	}
	if f.split {
		f.route(a, source)
	}
	return a
}

// route finds out where the requests of an arrival go.
func (f *feed) route(a *arrival, source *plan.Source) {
	a.places = room(&f.places, len(source.Limiters))
	for i, l := range source.Limiters {
		if r := f.routers[l]; r != nil {
			key := f.plan.Limiters[l].Kind.OneKey(f.plan.Limiters[l].Limiter, a.takes[0])
			a.places[i] = place{r.Shard(key), key}
		}
	}
}
