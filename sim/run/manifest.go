package run

import (
	"maps"
	"slices"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
)

// Manifest returns what a record of the plan says of it before it has run.
func Manifest(p *plan.Plan) record.Manifest {
	m := record.Manifest{
		Scenario: p.Scenario.Name, About: p.Scenario.About, Seed: p.Seed, Clock: p.Scenario.Clock, PlanHash: p.Hash(),
		Epoch: p.Epoch, Horizon: p.Horizon, Warmup: p.Warmup, Shards: p.AllShards(), Faults: p.RecordFaults(), Asserts: p.Asserts, Warnings: p.Warnings,
	}
	sc := p.Scenario
	m.Recorded, m.MaxLag = record.Recorded(sc.Observations), time.Duration(sc.MaxLag)
	if m.Recorded == record.Sampled {
		m.SampleRate = float64(sc.SampleRate)
	}
	for _, c := range p.Clients {
		client := c.Client
		if sc.Clock == "real" && c.Connection.Pipelining == "auto" {
			client.Pipelining = c.Connection.Pipelining
		}
		m.Clients = append(m.Clients, client)
	}
	for _, l := range p.Limiters {
		m.Limiters = append(m.Limiters, l.Limiter)
	}
	for i := range p.Sources {
		m.Traffic = append(m.Traffic, traffic(p, i))
	}
	return m
}

// traffic returns what a record says of a source before it has run.
func traffic(p *plan.Plan, i int) record.Traffic {
	s := &p.Sources[i]
	return record.Traffic{Name: s.Name, Settles: s.Settle != nil, UserBits: p.UserBits(s)}
}

// Apply completes a manifest with what the run found.
func (r Result) Apply(m *record.Manifest) {
	m.Traffic, m.Telemetry, m.Engines, m.Aborted = r.Traffic, r.Telemetry, r.Engines, r.Aborted
	m.Memory, m.Servers, m.Pacing, m.Processes, m.Generators = r.Memory, r.Servers, r.Pacing, r.Processes, r.Generators
	if len(r.Versions) > 0 {
		m.Versions = maps.Clone(m.Versions)
		maps.Copy(m.Versions, r.Versions)
	}
	m.Warnings = append(slices.Clip(m.Warnings), r.Warnings...)
	m.Limiters = slices.Clone(m.Limiters)
	for i := range m.Limiters {
		m.Limiters[i].ReadsClock = slices.Contains(r.ReadClock, m.Limiters[i].Name)
	}
	m.Complete = r.Aborted == ""
}
