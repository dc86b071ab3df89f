package rediscmd

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range table {
		for _, name := range strings.Fields(c.names) {
			if seen[name] || name != Lower(name) {
				t.Errorf("%s is in the table twice, or not in lower case", name)
			}
			seen[name] = true
			if c.Has(Sent) && (c.Has(Harmless|NoKey|Waits) || c.Why != "") {
				t.Errorf("%s may be sent, and why not: %q, traits %b", name, c.Why, c.Traits)
			}
			if c.Has(Grows) && c.Has(Frees) {
				t.Errorf("%s is refused at maxmemory and is not", name)
			}
		}
	}
	if Of("no-such-command").Traits != anything {
		t.Errorf("an unknown command may do %b", Of("no-such-command").Traits)
	}
}
