package export

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/results/measure"
)

// servers: what live shards said of themselves, and whether they counted what
// the run's clients sent.
func (t *text) servers() {
	if len(t.s.Servers) == 0 {
		return
	}
	t.heading("Servers (before → after the run)")
	rows := newTable("shard", "redis", ">keys", ">memory", ">bytes per key", ">keys asked", "note")
	for _, s := range t.s.Servers {
		perKey := "-"
		if s.KeyBytes != nil {
			perKey = fmt.Sprintf("%.0f", *s.KeyBytes)
		}
		rows.add(s.Shard, dash(s.Version), change(s.KeysBefore, s.KeysAfter, measure.Thousands), change(s.MemoryBefore, s.MemoryAfter, mebibytes),
			perKey, measure.Thousands(s.SampledKeys), note(s))
	}
	t.table(rows)
	t.commands()
}

func change(before, after *int64, write func(int64) string) string {
	known := func(n *int64) string {
		if n == nil {
			return "?"
		}
		return write(*n)
	}
	return known(before) + " → " + known(after)
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func note(s measure.Server) string {
	switch {
	case s.Unreachable != "":
		return "could not be asked at the end: " + printable(s.Unreachable)
	case s.Restarted:
		return "restarted: its counts began anew"
	}
	return ""
}

// commands says in a line that servers and clients agree on how many there
// were, or in a table where they do not.
func (t *text) commands() {
	var sent, served int64
	var unknown []string
	odd := newTable("shard", "command", ">sent by clients", ">by their scripts", ">counted by the server")
	for _, s := range t.s.Servers {
		if !s.Compared {
			unknown = append(unknown, s.Shard)
		}
		if s.CommandsSent != nil && s.CommandsServed != nil {
			sent, served = sent+*s.CommandsSent, served+*s.CommandsServed
		}
		for _, d := range s.Disagreements {
			script := "?"
			if d.Script != nil {
				script = measure.Thousands(*d.Script)
			}
			odd.add(s.Shard, d.Command, measure.Thousands(d.Sent), script, measure.Thousands(d.Server))
		}
	}
	switch {
	case len(odd.rows) > 0:
		t.heading("Commands that the servers counted otherwise than the clients")
		t.table(odd)
	case len(unknown) == 0:
		t.sentence("commands: the servers counted what the clients sent: %s of %s", measure.Thousands(served), measure.Thousands(sent))
	}
	if len(unknown) > 0 {
		t.sentence("commands: those of %s cannot all be compared, so whether the servers counted what the clients sent is unknown", strings.Join(unknown, ", "))
	}
}
