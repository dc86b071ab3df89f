package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/quotalab/quotalab/scenarios/decode"
)

// DefaultZone is the zone of clients and shards that have no other.
const DefaultZone = "default"

// defaultClient is the client of a scenario that names none.
const defaultClient = "default"

// fill writes out the defaults that depend on other fields, so that nobody
// after the decoder has to know them.
func fill(s *Scenario) {
	fillShards(&s.Shards, s.Written("shards.count"))
	if len(s.Clients) == 0 {
		s.Clients = Named[Client]{{Name: defaultClient, Value: decode.Default[Client](&language)}}
	}
	for i := range s.Clients {
		if c := &s.Clients[i].Value; len(c.ShardNames) == 0 {
			c.ShardNames = s.Shards.Names
		}
		s.Clients[i].Value.Connection.Pooled = s.Clock == "virtual" && slices.ContainsFunc(pooled, func(field string) bool {
			return s.Written("clients." + s.Clients[i].Name + ".connection." + field)
		})
	}
	for i := range s.Traffic {
		fillTraffic(s, &s.Traffic[i].Value)
	}
	for i := range s.Limiters {
		fillLimiter(&s.Limiters[i].Value)
	}
	for i := range s.Accounts {
		fillAccounts(s, &s.Accounts[i].Value)
	}
	for i := range s.Engines {
		if e := &s.Engines[i].Value; e.Overlap.Daily && e.Every > 0 {
			e.Overlap.Every = max(1, Count(24*Duration(time.Hour)/e.Every))
		}
	}
}

// pooled are fields of a connection; where one is given, virtual time plays them all.
var pooled = []string{"pool_size", "min_idle", "pool_timeout", "dial_timeout", "max_retries", "dialer_retries"}

func fillShards(sh *Shards, counted bool) {
	if len(sh.Names) > 0 && !counted {
		sh.Count = Count(len(sh.Names))
	}
	if len(sh.Names) == 0 {
		for i := range min(int(sh.Count), maxShards) {
			sh.Names = append(sh.Names, fmt.Sprintf("shard-%d", i+1))
		}
	}
	if len(sh.Zones) == 0 {
		for range sh.Names {
			sh.Zones = append(sh.Zones, DefaultZone)
		}
	}
	if reflect.ValueOf(sh.Scripts).IsZero() {
		sh.Scripts = sh.Service
	}
}

// engineEmbedded is the engine of shards that need no program.
const engineEmbedded = "embedded"

// maxShards is the bound of shards.count, again for a scenario that breaks it.
const maxShards = 1024

func fillTraffic(s *Scenario, t *Traffic) {
	if len(t.Limiters) == 0 {
		t.Limiters = s.Limiters.Names()
	}
	if len(t.Via) == 0 && len(s.Clients) == 1 {
		t.Via = s.Clients.Names()
	}
	fillPattern(&t.Rate, s.Horizon)
}

func fillPattern(p *RatePattern, span Duration) {
	if p.Ramp != nil && p.Ramp.Over == 0 {
		p.Ramp.Over = span
	}
	if p.Exponential != nil && p.Exponential.Over == 0 {
		p.Exponential.Over = span
	}
	for i := range p.Sum {
		fillPattern(&p.Sum[i], span)
	}
	for i := range p.Product {
		fillPattern(&p.Product[i], span)
	}
	for i, length := range partLengths(p.Then, span) {
		fillPattern(&p.Then[i].Rate, length)
	}
}

// partLengths says how long each part of a then lasts: one that does not say
// lasts for what the ones before it leave of span.
func partLengths(parts []ThenPattern, span Duration) []Duration {
	lengths := make([]Duration, len(parts))
	for i, p := range parts {
		lengths[i] = p.For
		if p.For == 0 {
			lengths[i] = max(span, 1)
		}
		span -= min(lengths[i], span)
	}
	return lengths
}

func fillLimiter(l *Limiter) {
	if l.Limit != nil && l.Limit.Burst == 0 {
		l.Limit.Burst = l.Limit.Count
	}
	for i := range l.Limits {
		if n := &l.Limits[i].Value; n.Burst == 0 {
			n.Burst = n.Count
		}
	}
	for i := range l.Changes {
		if ch := &l.Changes[i]; ch.Burst == 0 {
			ch.Burst = ch.Count
		}
	}
	for i := range l.Overrides {
		if o := &l.Overrides[i]; o.Burst == 0 {
			o.Burst = o.Count
		}
	}
}

func fillAccounts(s *Scenario, g *AccountGroup) {
	if g.Plan == "paid" && g.Anchor == (Anchor{}) {
		g.Anchor.Spread = &AnchorSpread{From: monthBefore(s.Epoch), To: s.Epoch}
	}
	fillPattern(&g.Usage.Shape, s.Horizon)
	if source, ok := s.Traffic.Get(g.Usage.From); ok && g.Usage.Limiter == "" && len(source.Limiters) > 0 {
		g.Usage.Limiter = source.Limiters[0] // the only one: the checks have seen to it
	}
}

// monthBefore is the same time of the same day of the month before, or of
// that month's last day if it is shorter.
func monthBefore(t time.Time) time.Time {
	last := time.Date(t.Year(), t.Month(), 0, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return last.AddDate(0, 0, min(t.Day()-last.Day(), 0))
}
