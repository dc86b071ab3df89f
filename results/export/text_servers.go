package export

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/results/wording"
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
		rows.add(s.Shard, dash(s.Version), change(s.KeysBefore, s.KeysAfter, wording.Thousands), change(s.MemoryBefore, s.MemoryAfter, mebibytes),
			perKey, wording.Thousands(s.SampledKeys), s.Note())
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

// commands says in a line that servers and clients agree on how many there
// were, or in a table where they do not.
func (t *text) commands() {
	sent, served, unknown := t.s.Commands()
	odd := newTable("shard", "command", ">sent by clients", ">by their scripts", ">counted by the server")
	for _, s := range t.s.Servers {
		for _, d := range s.Disagreements {
			script := "?"
			if d.Script != nil {
				script = wording.Thousands(*d.Script)
			}
			odd.add(s.Shard, d.Command, wording.Thousands(d.Sent), script, wording.Thousands(d.Server))
		}
	}
	switch {
	case len(odd.Rows) > 0:
		t.heading("Commands that the servers counted otherwise than the clients")
		t.table(odd)
	case len(unknown) == 0:
		t.sentence("commands: the servers counted what the clients sent: %s of %s", wording.Thousands(served), wording.Thousands(sent))
	}
	if len(unknown) > 0 {
		t.sentence("commands: those of %s cannot all be compared, so whether the servers counted what the clients sent is unknown", strings.Join(unknown, ", "))
	}
}
