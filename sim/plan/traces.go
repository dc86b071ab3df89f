package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/trace"
)

// sampleTrace is the name of the built-in access log.
const sampleTrace = "access-log-sample"

// tracePlan is a recorded sequence of requests.
type tracePlan struct {
	file  string
	hash  string
	at    []int64  // instants after the epoch, nondecreasing
	key   []uint32 // of each request, index in names
	names []string
}

// openTrace opens a trace by the name that a scenario gives it.
func openTrace(s *scenarios.Scenario, name string) (io.ReadCloser, error) {
	if name == sampleTrace {
		return io.NopCloser(trace.Sample()), nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(s.File), name)
	}
	return os.Open(name)
}

// replay reads the requests of a trace. The first is at the epoch; time is
// divided by scale, and what lies beyond the horizon is left out and counted.
func replay(s *scenarios.Scenario, r scenarios.Replay, horizon time.Duration) (t *tracePlan, beyond int, err error) {
	entries, hash, err := readTrace(s, r.File, trace.Format{Name: r.Format, TimeField: r.TimeField, KeyField: r.KeyField})
	if err != nil {
		return nil, 0, err
	}
	t = &tracePlan{file: r.File, hash: hash}
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
	return t, beyond, nil
}

func readTrace(s *scenarios.Scenario, name string, format trace.Format) ([]trace.Entry, string, error) {
	f, err := openTrace(s, name)
	if err != nil {
		return nil, "", fmt.Errorf("trace: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	entries, err := trace.Read(io.TeeReader(f, sum), format)
	if err != nil {
		return nil, "", fmt.Errorf("trace %s: %w", name, err)
	}
	return entries, hex.EncodeToString(sum.Sum(nil)), nil
}

// traceKeys returns the keys of a trace and how often each occurs, the most
// frequent first.
func traceKeys(s *scenarios.Scenario, k scenarios.TraceKeys) (names []string, weights []float64, err error) {
	f, err := openTrace(s, k.File)
	if err != nil {
		return nil, nil, fmt.Errorf("trace: %w", err)
	}
	defer f.Close()
	counts, err := trace.Keys(f, trace.Format{Name: k.Format, KeyField: k.KeyField})
	if err != nil {
		return nil, nil, fmt.Errorf("trace %s: %w", k.File, err)
	}
	for _, c := range counts {
		names, weights = append(names, c.Key), append(weights, float64(c.Count))
	}
	return names, weights, nil
}
