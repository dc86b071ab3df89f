package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
)

// Hash identifies what the plan runs: the scenario with its seed and the
// content of every trace. The scenario's name, prose and place, where in the
// file something stands, where a trace lies, and the sweep that the scenario
// may be a cell of, do not count.
func (p *Plan) Hash() string {
	sum := sha256.New()
	fmt.Fprintln(sum, "quotalab plan 1")
	e := essence(*p.Scenario)
	if e.Clock == "real" && !p.Scenario.Written("epoch") {
		e.Epoch = time.Time{} // whenever it is run
	}
	if err := json.NewEncoder(sum).Encode(e); err != nil {
		panic(fmt.Sprintf("a decoded scenario does not encode: %v", err)) // every field is plain data
	}
	for _, t := range p.traces {
		fmt.Fprintln(sum, "trace", t.of, t.hash)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// essence blanks what does not count.
func essence(s scenarios.Scenario) scenarios.Scenario {
	s.Name, s.About, s.File, s.Positions, s.Sweep = "", "", "", nil, nil
	s.Traffic = slices.Clone(s.Traffic)
	for i := range s.Traffic {
		if r := s.Traffic[i].Value.Rate.Replay; r != nil {
			blank := *r
			blank.File = ""
			s.Traffic[i].Value.Rate.Replay = &blank
		}
	}
	nowhere := func(o *scenarios.Process) *scenarios.Process {
		if o == nil {
			return nil
		}
		blank := *o
		blank.Directory, blank.Checked, blank.Ready = "", "", 0
		return &blank
	}
	s.Limiters = slices.Clone(s.Limiters)
	for i := range s.Limiters {
		s.Limiters[i].Value.Process = nowhere(s.Limiters[i].Value.Process)
	}
	s.Engines = slices.Clone(s.Engines)
	for i := range s.Engines {
		s.Engines[i].Value.Process = nowhere(s.Engines[i].Value.Process)
	}
	s.Keys = slices.Clone(s.Keys)
	for i := range s.Keys {
		if t := s.Keys[i].Value.FromTrace; t != nil {
			blank := *t
			blank.File = ""
			s.Keys[i].Value.FromTrace = &blank
		}
	}
	return s
}

// Text describes the plan to a person.
func (p *Plan) Text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "plan\t%s\n", p.Hash())
	fmt.Fprintf(w, "scenario\t%s\n", p.Scenario.Name)
	p.clockText(w)
	for _, l := range p.Limiters {
		on := ""
		if l.Cluster {
			on = ", on a Redis Cluster"
		}
		if l.Model {
			on = ", which decides in its place"
		}
		if o := l.Process; o != nil {
			on = processText(o)
		}
		fmt.Fprintf(w, "limiter %s\t%s%s, reference %s%s\n", l.Name, l.Limiter.Kind, optionsText(l.Options), orNone(l.Algorithm), on)
		for _, x := range l.Limits {
			fmt.Fprintf(w, "  limit %s\t%d per %s, burst %d\n", x.Name, x.Count, unit.Time(x.Period), x.Burst)
		}
		if n := len(l.Overrides); n > 0 {
			fmt.Fprintf(w, "  overrides\t%d\n", n)
		}
		for _, c := range l.Changes {
			fmt.Fprintf(w, "  change at %s\t%s\n", unit.Time(time.Duration(c.At)), changeText(c))
		}
	}
	for i := range p.Sources {
		p.sourceText(w, &p.Sources[i])
	}
	p.accountsText(w)
	p.enginesText(w)
	for _, t := range p.traces {
		fmt.Fprintf(w, "trace of %s\t%s, sha256 %.16s…\n", t.of, t.file, t.hash)
	}
	p.faultsText(w)
	p.worldsText(w)
	fmt.Fprintf(w, "assertions\t%d\n", len(p.Asserts))
	sweepText(w, p.Scenario.Sweep)
	fmt.Fprintf(w, "estimate\t%s\n", p.Estimate().Text())
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "warning\t%s\n", warning)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func changeText(c record.Change) string {
	text := "limit " + c.Limit.Name
	if c.Limit.Key != "" {
		text += " of key " + c.Limit.Key
	}
	text += fmt.Sprintf(": %d per %s, burst %d; promised: %s", c.Limit.Count, unit.Time(c.Limit.Period), c.Limit.Burst, c.Promise)
	if c.Over > 0 {
		text += ", rolled out in " + unit.Time(c.Over)
	}
	return text
}

// clockText describes the time, the shards and the clients: in real time what
// decides their speed is not in the plan, but how they are connected is.
func (p *Plan) clockText(w *tabwriter.Writer) {
	shards := fmt.Sprintf("%d (%s)", len(p.Shards), strings.Join(p.Shards, ", "))
	if p.Scenario.Shards.Shared {
		shards += ", shared by all limiters"
	}
	if p.Scenario.Clock == "real" {
		fmt.Fprintf(w, "clock\treal, for %s (warm-up %s), seed %d; observations: %s\n", unit.Time(p.Horizon), unit.Time(p.Warmup), p.Seed, p.Scenario.Observations)
		fmt.Fprintf(w, "shards\t%s, live\n", shards)
		for _, field := range []string{"service", "scripts", "commands"} {
			if p.Scenario.Written("shards." + field) {
				fmt.Fprintf(w, "  %s\tof virtual time: live servers take the time that they take\n", field)
			}
		}
		for _, c := range p.Clients {
			o := c.Connection
			fmt.Fprintf(w, "client %s\t%d × %s, clock %s, shards as %s; %s, heartbeat %s, pipelining %s\n", c.Name, c.Instances, c.Does,
				unit.Time(c.ClockOffset), strings.Join(c.ShardNames, ", "), connectionText(o, "10 a processor"), unit.Time(time.Duration(o.Heartbeat)), o.Pipelining)
		}
		return
	}
	fmt.Fprintf(w, "clock\tvirtual, from %s for %s (warm-up %s), seed %d\n", p.Epoch.Format("2006-01-02 15:04:05"), unit.Time(p.Horizon), unit.Time(p.Warmup), p.Seed)
	fmt.Fprintf(w, "shards\t%s, service %s mean\n", shards, unit.Time(p.Service.Mean()))
	for _, name := range sortedKeys(p.Commands) {
		t := p.Commands[name]
		fmt.Fprintf(w, "  %s\t%s mean, %s a key, %s a byte\n", name, unit.Time(t.Time.Mean()), unit.Time(t.PerKey), unit.Time(t.PerByte))
	}
	for _, c := range p.Clients {
		fmt.Fprintf(w, "client %s\t%d × %s, clock %s, round trip %s mean, shards as %s\n",
			c.Name, c.Instances, c.Does, unit.Time(c.ClockOffset), unit.Time(c.RTT[0].Mean()), strings.Join(c.ShardNames, ", "))
		if c.Connection.Pooled {
			fmt.Fprintf(w, "  connected\t%s\n", connectionText(c.Connection, "10"))
		}
	}
}

// sweepText counts the cells of a sweep, which are plans of their own.
func sweepText(w *tabwriter.Writer, s *scenarios.Sweep) {
	if s == nil {
		return
	}
	var of []string
	for _, a := range s.Axes {
		of = append(of, fmt.Sprintf("%d of %s", len(a.Value.Values), a.Name))
	}
	if s.Mode == "zip" {
		of = []string{strings.Join(of, " with ")}
	}
	if s.Repeats > 1 {
		of = append(of, fmt.Sprintf("%d repeats", s.Repeats))
	}
	text := unit.Counted(int64(len(s.Grid())*int(s.Repeats)), "cell")
	if list := strings.Join(of, " × "); list != "" {
		text += ": " + list
	}
	if f := s.Find; f != nil {
		text += fmt.Sprintf("; in each a search of %s from %s to %s", f.Axis, f.From, f.To)
	}
	fmt.Fprintf(w, "sweep\t%s\n", text)
}

// connectionText describes a connection, whose pool is of some size where it
// does not say which.
func connectionText(c scenarios.Connection, size string) string {
	if c.PoolSize > 0 {
		size = fmt.Sprint(int64(c.PoolSize))
	}
	return fmt.Sprintf("pool %s, read timeout %s, %d retries", size, unit.Time(time.Duration(c.ReadTimeout)), c.MaxRetries)
}

func (p *Plan) sourceText(w *tabwriter.Writer, s *Source) {
	var via, to, takes []string
	for _, i := range s.Via {
		via = append(via, p.Clients[i].Name)
	}
	for _, i := range s.Limiters {
		to = append(to, p.Limiters[i].Name)
	}
	for _, t := range s.Takes {
		keys := "the trace"
		if t.population >= 0 {
			keys = p.populations[t.population].name
			if hosts := p.Scenario.Keys[t.population].Value.Hosts; hosts > 0 {
				keys += fmt.Sprintf(" (each with %d addresses)", hosts)
			}
		}
		tokens := ""
		if least, most := t.Cost.Bounds(); least == most {
			tokens = fmt.Sprint(most)
		} else {
			tokens = fmt.Sprintf("%d to %d", least, most)
		}
		takes = append(takes, fmt.Sprintf("%s of %s by %s", tokens, t.Limit, keys))
	}
	fmt.Fprintf(w, "traffic %s\t%.0f arrivals expected, via %s to %s: %s\n", s.Name, s.Expected, strings.Join(via, " then "), strings.Join(to, ", "), strings.Join(takes, " + "))
	for _, i := range s.Limiters {
		if l := &p.Limiters[i]; len(s.Takes) > 1 && l.TakesACall(len(s.Takes)) == 1 {
			fmt.Fprintf(w, "  in turn\t%s is asked for one limit a call, the next if the one before allows it; nothing is given back\n", l.Name)
		}
	}
	if s.Deadline > 0 {
		fmt.Fprintf(w, "  deadline\t%s after each call\n", unit.Time(s.Deadline))
	}
	if e := s.Settle; e != nil {
		real := "all of it comes back"
		if e.Cost != nil {
			least, most := e.Cost.Bounds()
			real = fmt.Sprintf("the real cost is %d to %d", least, most)
		}
		fmt.Fprintf(w, "  settled\tafter %s mean, when %s; %.3g %% never\n", unit.Time(e.After.Mean()), real, 100*e.Lost)
	}
}

func optionsText(options map[string]string) string {
	var b strings.Builder
	for _, name := range sortedKeys(options) {
		fmt.Fprintf(&b, " %s=%s", name, options[name])
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
