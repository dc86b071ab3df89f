package summary

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// comparison is what one server counted against what the run's clients sent.
type comparison struct {
	server *record.Server
	known  bool  // every command can be compared
	sent   int64 // by clients, and by their scripts as far as is known
	served int64
	apart  int64 // Σ |server − sent|, at least
	odd    []record.CommandCount
}

func compareCommands(s *record.Server) comparison {
	c := comparison{server: s, known: s.Unreachable == "" && s.Uncounted == "" && !s.Restarted}
	if !c.known {
		return c
	}
	for _, n := range s.Commands {
		sent := n.Sent + max(0, n.Script)
		c.sent, c.served = c.sent+sent, c.served+n.Server
		off := n.Server - sent
		if n.Script < 0 {
			c.known = false
			off = min(0, off) // more may be scripts', fewer is wrong in any case
		}
		if off != 0 {
			c.apart += max(off, -off)
			c.odd = append(c.odd, n)
		}
	}
	return c
}

// commandDisagreement has a series of each shard. If one of them cannot be
// compared there is none: no disagreement on the others is no agreement.
func commandDisagreement(servers []record.Server) (out []Series) {
	for i := range servers {
		c := compareCommands(&servers[i])
		if !c.known {
			return nil
		}
		out = append(out, counter("command_disagreement", tags("shard", c.server.Shard), c.apart))
	}
	return out
}

// serverWarnings names keys that are left behind, commands that got lost, or that others sent, and servers
// whose counts say nothing.
func serverWarnings(servers []record.Server) (out []string) {
	for _, s := range servers {
		if s.Leftover != "" {
			out = append(out, s.Leftover+".")
		}
		for _, d := range s.Disagreements() {
			out = append(out, d+".")
		}
	}
	return out
}

// servers is what live shards said of themselves.
func servers(list []record.Server) (out []Server) {
	for i := range list {
		r := &list[i]
		c := compareCommands(r)
		s := Server{Shard: r.Shard, Version: r.Version, KeysBefore: counted64(r.KeysBefore), KeysAfter: counted64(r.KeysAfter),
			MemoryBefore: counted64(r.MemoryBefore), MemoryAfter: counted64(r.MemoryAfter), SampledKeys: r.SampledKeys,
			Restarted: r.Restarted, Uncounted: r.Uncounted, Unreachable: r.Unreachable, Leftover: r.Leftover, Compared: c.known}
		if r.KeyBytes >= 0 && r.SampledKeys > 0 {
			s.KeyBytes = &r.KeyBytes
		}
		if r.Unreachable == "" && r.Uncounted == "" && !r.Restarted {
			s.CommandsSent, s.CommandsServed = &c.sent, &c.served
		}
		for _, n := range c.odd {
			s.Disagreements = append(s.Disagreements, CommandCount{Command: n.Name, Sent: n.Sent, Script: counted64(n.Script), Server: n.Server})
		}
		out = append(out, s)
	}
	return out
}

// Note is what is to be known of a server beside its numbers, "" nothing.
func (s *Server) Note() string {
	switch {
	case s.Unreachable != "":
		return "could not be asked at the end: " + metric.Printable(s.Unreachable)
	case s.Uncounted != "":
		return "the user may not ask it: " + metric.Printable(s.Uncounted)
	case s.Restarted:
		return "restarted: its counts began anew"
	}
	return ""
}

// Commands returns those of all servers that could be asked: as the clients sent them and as
// the servers counted them, and the shards that cannot be compared wholly.
func (s *Summary) Commands() (sent, served int64, unknown []string) {
	for i := range s.Servers {
		one := &s.Servers[i]
		if !one.Compared {
			unknown = append(unknown, one.Shard)
		}
		if one.CommandsSent != nil && one.CommandsServed != nil {
			sent, served = sent+*one.CommandsSent, served+*one.CommandsServed
		}
	}
	return sent, served, unknown
}

// counted64 is nil for a number that a server did not say.
func counted64(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// autoPipelined lists the clients whose commands share round trips with those
// of other requests.
func autoPipelined(m *record.Manifest) (names []string) {
	for _, c := range m.Clients {
		if c.Pipelining == "auto" {
			names = append(names, c.Name)
		}
	}
	return names
}

// faults is the table of what went wrong on purpose, by when it began.
func faults(m *record.Manifest) (out []Fault) {
	for _, f := range m.Faults {
		out = append(out, Fault{At: float64(f.At) / 1e9, Until: float64(max(f.At, f.Until)) / 1e9, Kind: f.Kind, What: f.What, Shard: f.Shard, Client: f.Client})
	}
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return out
}

// phaseTable returns the phases and how much of the measured time each is.
func phaseTable(p *record.Phases, measured record.Stretch) (out []Phase) {
	if p.Of(0) == "" {
		return nil
	}
	for _, name := range metric.Phases() {
		out = append(out, Phase{Phase: name, Seconds: float64(p.Length(name, measured)) / 1e9})
	}
	return out
}

// SecondsOf is the measured time that a selector's series are of, over which
// rates are: that of a phase if the selector names one.
func (s *Summary) SecondsOf(sel metric.Selector) float64 {
	for _, t := range sel.Tags {
		if t.Name != "phase" {
			continue
		}
		for _, p := range s.Phases {
			if p.Phase == t.Value {
				return p.Seconds
			}
		}
	}
	return s.MeasuredSeconds
}
