package vectors

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/sim/quota"
)

// defaultLimit of an organisation for which none is given.
const defaultLimit = 50_000

func (p *player) addOrganisations() {
	for _, o := range p.v.Organisations {
		p.accounts.Put(quota.Account{
			ID:           o.ID,
			Free:         o.Plan == "free",
			FreeLimit:    or(o.MaxAPICalls, defaultLimit),
			Cached:       o.Allowed != nil || o.BillingStart.Present,
			Allowed:      or(o.Allowed, defaultLimit),
			BillingStart: instant(o.BillingStart),
			BillingEnd:   instant(o.BillingEnd),
			Recent:       or(o.APICalls30d.Value, 0),
			Cancelled:    o.Cancellation.Known,
			Admins:       or(o.Admins, 1),
			Members:      or(o.Members, 1),
		})
	}
}

// change applies a change and tells the engine of a new limit that was saved.
func (p *player) change(c Change) error {
	a, ok := p.accounts.Account(c.Org)
	if !ok {
		return fmt.Errorf("change at %d: no organisation %d", c.T, c.Org)
	}
	s, before := c.Set, a.Allowed
	if s.Plan != nil {
		a.Free = *s.Plan == "free"
	}
	a.FreeLimit = or(s.MaxAPICalls, a.FreeLimit)
	a.Allowed = or(s.Allowed, a.Allowed)
	if s.Cancellation.Present {
		a.Cancelled = s.Cancellation.Known
	}
	if s.BillingStart.Present {
		a.BillingStart = instant(s.BillingStart)
		if !s.BillingStart.Known {
			a.BillingEnd = quota.Unknown
		}
	}
	if s.BillingEnd.Present {
		a.BillingEnd = instant(s.BillingEnd)
	}
	if s.Allowed != nil || s.BillingStart.Present || s.BillingEnd.Present || s.APICalls30d.Present {
		a.Cached = true
	}
	p.accounts.Put(a)
	if c.Via != "" && c.Via != "save" || a.Allowed == before {
		return nil
	}
	return p.engine.LimitSaved(p.ctx, a.ID)
}

// addUsage files all events, also those to come: a source shows them when
// they are due.
func (p *player) addUsage() {
	events := p.v.Events()
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	names := p.names()
	for _, e := range events {
		p.events.AddEvent(quota.Event{
			Usage: quota.Usage{Account: e.Org, At: e.At, Units: e.Units, Series: e.Series},
			Tag:   names[e.Org].at(e.At),
			Late:  e.Late, Arrive: e.Arrive,
		})
	}
}

// rename is a name that an organisation has from an instant on.
type rename struct {
	from int64
	name string
}

type renames []rename

func (r renames) at(t int64) string {
	name := ""
	for _, x := range r {
		if x.from <= t {
			name = x.name
		}
	}
	return name
}

func (p *player) names() map[int64]renames {
	names := map[int64]renames{}
	for _, o := range p.v.Organisations {
		names[o.ID] = renames{{quota.Unknown, or(o.Name, fmt.Sprintf("org%d", o.ID))}}
	}
	for _, c := range p.v.Changes {
		if c.Set.Name != nil {
			names[c.Org] = append(names[c.Org], rename{int64(c.T), *c.Set.Name})
		}
	}
	return names
}

// source returns that of the vector. Influx may be slow or down; what reaches the store is
// probed.
func (p *player) source() (quota.UsageSource, error) {
	o := p.v.Options
	kinds := map[string]quota.SourceKind{
		"": quota.Influx, "influx": quota.Influx, "influx_total": quota.InfluxTotal, "postgres": quota.Postgres,
	}
	kind, ok := kinds[o.UsageSource]
	if !ok {
		return nil, fmt.Errorf("usage_source: expected influx, influx_total or postgres, found %q", o.UsageSource)
	}
	view := &quota.View{Events: &p.events, Clock: p, Of: kind, Downsample: o.Downsample}
	probed := &probed{view, p}
	if kind == quota.Postgres {
		return probed, nil
	}
	return &quota.Unreliable{UsageSource: probed, Clock: p, Sleep: p.sleep, Latency: int64(o.QueryLatency), Down: spans(o.InfluxDown)}, nil
}

// probed notes each reading.
type probed struct {
	quota.UsageSource
	p *player
}

func (s *probed) Sum(ctx context.Context, account, from, to int64) ([]quota.SeriesUnits, error) {
	sums, err := s.UsageSource.Sum(ctx, account, from, to)
	if err != nil {
		return nil, err
	}
	probe := Probe{Run: Time(s.p.run), Org: account, Start: Time(from), Null: s.Kind() == quota.Postgres && len(sums) == 0}
	for _, x := range sums {
		probe.Usage += x.Units
	}
	s.p.result.Probes = append(s.p.result.Probes, probe)
	return sums, nil
}

func spans(pairs [][2]Time) quota.Spans {
	var s quota.Spans
	for _, p := range pairs {
		s = append(s, quota.Span{From: int64(p[0]), To: int64(p[1])})
	}
	return s
}

func instant(t Optional[Time]) int64 {
	if !t.Known {
		return quota.Unknown
	}
	return int64(t.Value)
}

func or[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
