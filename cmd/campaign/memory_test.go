package campaign

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

const manyDecisions = `
name: many-decisions
horizon: 50s
shards: {count: 4, service: 10us}
network: {rtt: 500us}
keys: {users: {sequence: {n: 1000}}}
traffic: {steady: {rate: 2000/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 1, period: 1s, burst: 2}, options: {write: lua}}}
`

// Memory grows with the number of keys, and not with that of decisions: neither what
// plays and records a run, nor what audits, measures and draws its record, has more
// alive after all decisions than after a quarter of them.
func TestMemoryDoesNotGrowWithDecisions(t *testing.T) {
	s, problems := scenarios.Decode("many-decisions.yaml", []byte(manyDecisions))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p, problems := plan.Compile(s, limiter.Builtin())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	alive := alive{t: t}
	r := NewRun(Stage{Plan: p}, time.Unix(0, 0))
	w, err := record.Create(filepath.Join(t.TempDir(), "record"), r.Manifest, record.PartRows(5000)) // of an open part some is in memory
	if err != nil {
		t.Fatal(err)
	}
	sink, err := newWatcher(w, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.playInto(context.Background(), sink, run.Options{Progress: func(_, arrivals int64) { alive.look(arrivals) }}); err != nil {
		t.Fatal(err)
	}
	alive.judge("playing")
	read, err := record.Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	watched := func() *record.Reader {
		return read.Watched(func(o *record.Observation) error {
			alive.look(o.Seq)
			return nil
		})
	}
	a, err := audit.Replay(watched())
	if err != nil {
		t.Fatal(err)
	}
	alive.judge("auditing")
	measured, err := summary.Measure(watched(), a)
	if err != nil {
		t.Fatal(err)
	}
	alive.judge("measuring")
	if _, err := series.Collect(watched(), a, measured, series.Options{}); err != nil {
		t.Fatal(err)
	}
	alive.judge("drawing")
}

// alive looks at the bytes that the heap holds after a collection, some times early and
// some times late: what is being encoded at the instant of a look is in one and not in another.
type alive struct {
	t     *testing.T
	looks int
	bytes [2]int64 // least of the early and of the late looks
}

// looksAt are the numbers of decisions at which alive looks.
var looksAt = [...]int64{25_000, 26_000, 27_000, 28_000, 95_000, 96_000, 97_000, 98_000}

// look looks if the number of decisions is that of a look that is still to come.
func (a *alive) look(decisions int64) {
	if a.looks == len(looksAt) || decisions < looksAt[a.looks] {
		return
	}
	runtime.GC()
	runtime.GC() // frees what the first one finalized, and what pools kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	least := &a.bytes[a.looks*len(a.bytes)/len(looksAt)]
	if a.looks++; *least == 0 || int64(m.HeapAlloc) < *least {
		*least = int64(m.HeapAlloc)
	}
}

// judge fails if the late looks saw more than mostGrowth above the early ones, and
// begins anew.
func (a *alive) judge(what string) {
	a.t.Helper()
	const mostGrowth = 3 << 19 // 22 bytes a decision: what is being encoded differs by 1 MB between looks
	if a.looks != len(looksAt) {
		a.t.Fatalf("%s: %d of %d looks were taken", what, a.looks, len(looksAt))
	}
	grown := a.bytes[1] - a.bytes[0]
	a.t.Logf("%s: %d bytes are alive after %d decisions, %d more after %d", what, a.bytes[0], looksAt[0], grown, looksAt[len(looksAt)/2])
	if grown > mostGrowth {
		a.t.Errorf("%s: expected at most %d bytes more over the same keys", what, mostGrowth)
	}
	*a = alive{t: a.t}
}
