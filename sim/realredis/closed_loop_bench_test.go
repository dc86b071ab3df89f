package realredis

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
)

// The closed loop of BenchmarkClosedLoop: GETs of keys that are there.
const (
	loopCallers = 64
	loopGets    = 60_000 // a side and round
	loopKeys    = 1_000
	loopRounds  = 3
)

// BenchmarkClosedLoop compares what 64 connections get done in a closed loop:
// redis-benchmark on one server is 1; then a go-redis client on the same
// server, this package's Ring on four, and the same with auto-pipelining, one
// auto-pipeliner a shard. The sides take turns, and the ratios are of the
// medians of three rounds.
func BenchmarkClosedLoop(b *testing.B) {
	needRedis(b)
	testkit.Program(b, "redis-benchmark", "redis-tools")
	s := spawned(b, "a", "b", "c", "d")
	conn := connection()
	conn.PoolSize = loopCallers
	ring := made(b, fleetOn(b, s, "ring"), conn, nil)
	conn.Pipelining = "auto"
	auto := made(b, fleetOn(b, s, "auto"), conn, nil)
	client := redis.NewClient(&redis.Options{Addr: s.Hosts()[0], PoolSize: loopCallers, Protocol: 2, DisableIdentity: true})
	b.Cleanup(func() { _ = client.Close() })
	sides := []struct {
		name string
		rate func() float64
	}{
		{"redis-benchmark", func() float64 { return redisBenchmark(b, s.Hosts()[0]) }},
		{"client", func() float64 { return closedLoop(b, client) }},
		{"ring", func() float64 { return closedLoop(b, ring) }},
		{"auto-pipelined", func() float64 { return closedLoop(b, auto) }},
	}
	for b.Loop() {
		rates := make([][]float64, len(sides))
		for range loopRounds {
			for i, side := range sides {
				rates[i] = append(rates[i], side.rate())
			}
		}
		base := middle(rates[0])
		b.ReportMetric(base, "redis-benchmark/s")
		for i, side := range sides[1:] {
			b.ReportMetric(middle(rates[i+1])/base, side.name+"-ratio")
		}
	}
}

// redisBenchmark lets redis-benchmark set and get keys and returns its GETs
// a second.
func redisBenchmark(b *testing.B, host string) float64 {
	b.Helper()
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command("redis-benchmark", "-h", name, "-p", port, "-c", fmt.Sprint(loopCallers), "-n", fmt.Sprint(loopGets),
		"-r", fmt.Sprint(loopKeys), "-t", "set,get", "--csv").Output()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(strings.ReplaceAll(line, `"`, ""), ","); len(fields) > 1 && fields[0] == "GET" {
			rate, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return rate
		}
	}
	b.Fatalf("redis-benchmark tells no rate of GET:\n%s", out)
	return 0
}

// closedLoop lets callers get keys, each one after another, and returns GETs
// a second.
func closedLoop(b *testing.B, c redis.UniversalClient) float64 {
	b.Helper()
	ctx := context.Background()
	keys := make([]string, loopKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%012d", i)
		if err := c.Set(ctx, keys[i], "xxx", 0).Err(); err != nil {
			b.Fatal(err)
		}
	}
	begun := time.Now()
	var wg sync.WaitGroup
	failed := make(chan error, loopCallers)
	for caller := range loopCallers {
		wg.Go(func() {
			for i := range loopGets / loopCallers {
				if err := c.Get(ctx, keys[(caller*31+i)%loopKeys]).Err(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	if len(failed) > 0 {
		b.Fatal(<-failed)
	}
	return float64(loopGets/loopCallers*loopCallers) / time.Since(begun).Seconds()
}

// middle is the median of an odd number of values.
func middle(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
