package run

import (
	"maps"
	"runtime/debug"
	"slices"
	"strings"
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

// quotalabModule is where quotalab itself comes from: the main module, or a
// dependency of a binary of one's own.
const quotalabModule = "github.com/quotalab/quotalab"

// modulesUnderTest are told by their short names in the manifest of a run.
var modulesUnderTest = map[string]string{
	quotalabModule:                       "quotalab",
	"github.com/letsencrypt/boulder":     "boulder",
	"github.com/redis/go-redis/v9":       "go-redis",
	"github.com/go-redis/redis_rate/v10": "redis_rate",
	"github.com/throttled/throttled/v2":  "throttled",
	"github.com/ulule/limiter/v3":        "ulule",
}

// Versions returns the versions of what this binary was made of: Go, quotalab and
// the modules under test.
func Versions() map[string]string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return map[string]string{}
	}
	return versions(info)
}

// versions lists those of Go, of quotalab and of the modules under test.
func versions(info *debug.BuildInfo) map[string]string {
	out := map[string]string{"go": info.GoVersion}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		name, wanted := modulesUnderTest[m.Path]
		if !wanted {
			continue
		}
		out[name] = m.Version
		if m.Replace != nil {
			out[name] += " replaced by " + strings.TrimSpace(m.Replace.Path+" "+m.Replace.Version)
		}
	}
	if revision := setting(info, "vcs.revision"); revision != "" && info.Main.Path == quotalabModule {
		out["revision"] = revision
		if setting(info, "vcs.modified") == "true" {
			out["revision"] += " modified"
		}
	}
	return out
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
