package present

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// shards builds the load by shard, with balance and agreement in words.
func (b *sections) shards() *Table {
	t := NewTable("shards", "Shards", "limiter", "shard", ">keys", ">share|%", ">commands", ">share|%")
	keys := Groups(b.s, "shard_keys", "limiter", "shard") // none if not all observations are recorded
	keysOf, commandsOf := Groups(b.s, "shard_keys", "limiter"), Groups(b.s, "shard_commands", "limiter")
	for _, g := range Groups(b.s, "shard_commands", "limiter", "shard") {
		n, part := None, None
		if k, known := Find(keys, g.Tags...); known {
			total, _ := Find(keysOf, g.Tags[0])
			n, part = Count(k.Count), Share(k.Count, total.Count)
		}
		total, _ := Find(commandsOf, g.Tags[0])
		t.Add(row(g.cells(), []Cell{n, part, Count(g.Count), Share(g.Count, total.Count)})...)
	}
	t.oneShard()
	for _, l := range commandsOf {
		if text := b.balance(l.Tags[0]); text != "" {
			t.Note(text)
		}
	}
	for _, g := range Groups(b.s, "shard_disagreement", "limiter", "client") {
		if g.Value != nil {
			t.Note(fmt.Sprintf("%s: client %s looks for %s of the keys that it shares with the first client (%s) on another shard.",
				g.Tags[0], g.Tags[1], unit.Percent(*g.Value), unit.Thousands(g.Count)))
		}
	}
	return t
}

// oneShard turns a table that has one row a limiter, and so only shares of the
// whole, into a line for each.
func (t *Table) oneShard() {
	limiters := map[string]bool{}
	for _, r := range t.Rows {
		limiters[r[0].Text] = true
	}
	if len(limiters) < len(t.Rows) {
		return
	}
	for _, r := range t.Rows {
		keys := "how many keys is unknown"
		if r[2] != None {
			keys = r[2].Text + map[bool]string{true: " key", false: " keys"}[r[2].Text == "1"]
		}
		t.Note(fmt.Sprintf("%s: all on one shard, %s: %s commands, %s.", r[0].Text, r[1].Text, r[4].Text, keys))
	}
	t.Rows = nil
}

// balance says in words how even the load is. Distinct keys fall independently, so their p-value
// means something; commands follow their keys.
func (b *sections) balance(limiter string) string {
	all := Groups(b.s, "shard_balance", "limiter", "of", "stat")
	stat := func(of, name string) (float64, bool) {
		g, ok := Find(all, limiter, of, name)
		if !ok || g.Value == nil {
			return 0, false
		}
		return *g.Value, true
	}
	var parts []string
	if p, ok := stat("keys", "p_value"); ok {
		word := "even"
		keys, _ := Find(all, limiter, "keys", "p_value")
		if n := b.shardCount(limiter); summary.FewKeys(keys.Count, n) {
			word = fmt.Sprintf("too few for the test (fewer than five on average on each of %d shards)", n)
		} else if p < summary.EvenAt {
			word = "uneven"
		}
		chi2, _ := stat("keys", "chi2")
		peak, _ := stat("keys", "peak_to_mean")
		cv, _ := stat("keys", "cv")
		parts = append(parts, fmt.Sprintf("keys are %s (p = %.2g, χ² = %.2f, peak to mean %.2f, CV %.3f)", word, p, chi2, peak, cv))
	}
	if peak, ok := stat("commands", "peak_to_mean"); ok {
		cv, _ := stat("commands", "cv")
		gini, _ := stat("commands", "gini")
		parts = append(parts, fmt.Sprintf("commands: peak to mean %.2f, CV %.3f, Gini %.3f", peak, cv, gini))
	}
	if len(parts) == 0 {
		return ""
	}
	return limiter + ": " + strings.Join(parts, "; ") + "."
}

// shardCount is how many shards a limiter's keys are counted on.
func (b *sections) shardCount(limiter string) (n int) {
	for _, g := range Groups(b.s, "shard_keys", "limiter", "shard") {
		if g.Tags[0] == limiter {
			n++
		}
	}
	return n
}

// servers builds what live shards said of themselves, and where they counted otherwise
// than the run's clients.
func (b *sections) servers() []*Table {
	t := NewTable("servers", "Servers, before and after the run", "shard", "redis", ">keys before", ">after", ">memory before (MiB)", ">after", ">bytes per key", ">keys asked", "note")
	odd := NewTable("commands", "Commands that servers counted otherwise than the clients", "shard", "command", ">sent by clients", ">by their scripts", ">counted by the server")
	for _, s := range b.s.Servers {
		t.Add(Words(s.Shard), Words(s.Version), Maybe(s.KeysBefore, Count), Maybe(s.KeysAfter, Count), Maybe(s.MemoryBefore, mebibytes), Maybe(s.MemoryAfter, mebibytes),
			Maybe(s.KeyBytes, Fixed(0)), Count(s.SampledKeys), Cell{Text: s.Note()})
		for _, d := range s.Disagreements {
			odd.Add(Words(s.Shard), Words(d.Command), Count(d.Sent), Maybe(d.Script, Count), Count(d.Server))
		}
	}
	sent, served, unknown := b.s.Commands()
	switch {
	case len(t.Rows) == 0:
	case len(unknown) > 0:
		t.Note("Commands of " + strings.Join(unknown, ", ") + " cannot all be compared, so whether the servers counted what the clients sent is unknown.")
	case len(odd.Rows) == 0:
		t.Note(fmt.Sprintf("The servers counted what the clients sent: %s of %s commands.", unit.Thousands(served), unit.Thousands(sent)))
	}
	return []*Table{t, odd}
}

// processes builds what decisions took limiters in processes of their own, apart
// from the way to them.
func (b *sections) processes() *Table {
	t := NewTable("processes", "What decisions took limiters in processes of their own, in "+b.unit.name, "limiter", ">samples", ">by its own account p50", ">p99", ">the way to it and back p50", ">p99")
	for _, o := range b.s.Processes {
		t.Add(Words(o.Limiter), Count(o.Samples), b.unit.cell(o.TookMed), b.unit.cell(o.TookP99), b.unit.cell(o.PipeMed), b.unit.cell(o.PipeP99))
	}
	if len(t.Rows) == 0 {
		return t
	}
	t.Note("The way is the pipe or socket and waiting for a processor; latency is both.")
	return t
}

func mebibytes(bytes int64) Cell { return Fixed(1)(float64(bytes) / (1 << 20)) }
