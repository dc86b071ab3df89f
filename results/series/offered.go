package series

import (
	"maps"
	"slices"
)

// due is what arrived: first tries, at the first step of their way.
type due struct {
	tries map[sent][]int64 // by interval
	last  sent
	list  []int64
}

// sent is traffic to a limiter. Client is "" of drops, and where clients are not told
// apart.
type sent struct{ traffic, limiter, client string }

func (d *due) of(s sent, intervals int) []int64 {
	if d.list == nil || s != d.last {
		if d.tries[s] == nil {
			d.tries[s] = make([]int64, intervals)
		}
		d.last, d.list = s, d.tries[s]
	}
	return d.list
}

// series of what was offered, in all and by what it came to first.
func (d *due) series(t *timeline, out *Timeline) {
	if len(d.tries) == 0 {
		return
	}
	arrivals := d.arrivals(t.at.n)
	out.Offered = t.at.rates(added(t.at.n, maps.Values(arrivals)))
	to := map[Outcome]map[string]bool{} // traffic by limiter and client
	for s := range d.tries {
		o := Outcome{Limiter: s.limiter, Client: s.client}
		if t.clients.apart[s.limiter] && s.client == "" {
			continue // drops: sent by none of the clients
		}
		if to[o] == nil {
			to[o] = map[string]bool{}
		}
		to[o][s.traffic] = true
	}
	for _, o := range slices.SortedFunc(maps.Keys(to), newOrder(t.clients.manifest).compare) {
		all := added(t.at.n, func(yield func([]int64) bool) {
			for traffic := range to[o] {
				if !yield(arrivals[traffic]) {
					return
				}
			}
		})
		out.OfferedTo = append(out.OfferedTo, Offer{o.Limiter, o.Client, t.at.rates(all)})
	}
}

// arrivals by traffic. Limiters that traffic is sent to side by side all get all of
// it, each arrival for itself: it is counted once. One that stops early lacks the
// last arrivals, so those at the limiter that got most count.
func (d *due) arrivals(intervals int) map[string][]int64 {
	at := map[sent][]int64{} // by traffic and limiter
	for s, tries := range d.tries {
		s.client = ""
		if at[s] == nil {
			at[s] = make([]int64, intervals)
		}
		for i, n := range tries {
			at[s][i] += n
		}
	}
	of := map[string][]int64{}
	for s, tries := range at {
		if of[s.traffic] == nil {
			of[s.traffic] = make([]int64, intervals)
		}
		for i, n := range tries {
			of[s.traffic][i] = max(of[s.traffic][i], n)
		}
	}
	return of
}

// added counts.
func added(intervals int, lists func(yield func([]int64) bool)) []int64 {
	all := make([]int64, intervals)
	for list := range lists {
		for i, n := range list {
			all[i] += n
		}
	}
	return all
}
