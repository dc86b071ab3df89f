package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/scenarios/decode"
	"github.com/quotalab/quotalab/sim/trace"
)

// tracePlan is a recorded sequence of requests.
type tracePlan struct {
	file    string
	skipped *trace.LineErrors // the bad lines that its scenario allows, nil if there is none
	spread  time.Duration     // the unit in which its stamps are whole, and were spread; 0: they were not
	at      []int64           // instants after the epoch, nondecreasing
	key     []uint32          // of each request, index in names
	names   []string
}

// openTrace opens a trace by the name that a scenario gives it.
func openTrace(s *scenarios.Scenario, name string) (io.ReadCloser, error) {
	if name == trace.SampleName {
		return io.NopCloser(trace.Sample()), nil
	}
	if path, ok := s.Traces[name]; ok {
		return decode.Open(path)
	}
	return decode.Open(beside(s, name))
}

// Traces opens the traces that the plan was read from, by the names that its scenario
// gives them, but for what comes with quotalab. hash is that of the content.
func (p *Plan) Traces(visit func(name, hash string, open func() (io.ReadCloser, error))) {
	s := p.Scenario // rather than the plan, which is larger
	for _, t := range p.traces {
		if t.file != trace.SampleName {
			visit(t.file, t.hash, func() (io.ReadCloser, error) { return openTrace(s, t.file) })
		}
	}
}

// Starts returns the name of a limiter or engine that lives in a process of its own,
// which a plan is played with on the machine that has its program; "" without one.
func (p *Plan) Starts() string {
	for _, l := range p.Limiters {
		if l.Process != nil {
			return "limiter " + l.Name
		}
	}
	for _, e := range p.Engines {
		if e.Process != nil {
			return "engine " + e.Name
		}
	}
	return ""
}

// replay reads the requests of a trace. The first is at the epoch; time is
// divided by scale, and what lies beyond the horizon is left out and counted.
func replay(s *scenarios.Scenario, r scenarios.Replay, horizon time.Duration) (t *tracePlan, hash string, beyond int, err error) {
	var entries []trace.Entry
	var skipped *trace.LineErrors
	hash, err = hashed(s, r.File, func(file io.Reader) (err error) {
		entries, skipped, err = trace.Read(file, trace.Format{Name: r.Format, TimeField: r.TimeField, KeyField: r.KeyField, BadLines: int(r.BadLines)})
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	t = &tracePlan{file: r.File, skipped: skipped, spread: trace.Spread(entries)}
	index := map[string]uint32{}
	for i, e := range entries {
		at := int64(float64(e.At.Sub(entries[0].At)) / float64(r.Scale))
		if at >= int64(horizon) {
			beyond = len(entries) - i
			break
		}
		k, ok := index[e.Key]
		if !ok {
			k = uint32(len(t.names))
			index[e.Key] = k
			t.names = append(t.names, e.Key)
		}
		t.at, t.key = append(t.at, at), append(t.key, k)
	}
	return t, hash, beyond, nil
}

// hashed reads a trace and returns the hash of its content.
func hashed(s *scenarios.Scenario, name string, read func(io.Reader) error) (string, error) {
	f, err := openTrace(s, name)
	if err != nil {
		return "", fmt.Errorf("trace: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if err := read(io.TeeReader(f, sum)); err != nil {
		return "", fmt.Errorf("trace %s: %w", name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// traceKeys returns the keys of a trace and how often each occurs, the most
// frequent first, and the bad lines that were skipped.
func traceKeys(s *scenarios.Scenario, k scenarios.TraceKeys) (names []string, weights []float64, skipped *trace.LineErrors, hash string, err error) {
	hash, err = hashed(s, k.File, func(r io.Reader) error {
		counts, bad, err := trace.Keys(r, trace.Format{Name: k.Format, KeyField: k.KeyField, BadLines: int(k.BadLines)})
		skipped = bad
		for _, c := range counts {
			names, weights = append(names, c.Key), append(weights, float64(c.Count))
		}
		return err
	})
	return names, weights, skipped, hash, err
}

// warnSkipped says what lines of a trace are not played, nil if all are.
func (p *Plan) warnSkipped(where, file string, skipped *trace.LineErrors) {
	if skipped != nil {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s: skipped in %s: %v", where, file, skipped))
	}
}
