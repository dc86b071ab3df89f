package trace_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/trace"
)

var update = flag.Bool("update", false, "write sample.log anew from its generator")

// The generator uses whole numbers only, so that every machine makes the same file.

// hourWeights are a web site's day: quiet at night, busy in the afternoon.
var hourWeights = []int{3, 2, 2, 1, 1, 2, 3, 5, 7, 9, 10, 11, 11, 12, 12, 12, 11, 10, 9, 8, 8, 7, 6, 4}

var samplePaths = []string{"/", "/", "/", "/docs/", "/docs/limits", "/docs/limits?lang=en", "/blog/", "/blog/feed.xml",
	"/status", "/assets/site.css", "/assets/site.js", "/robots.txt"}

var sampleAgents = []string{"Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Windows NT 10.0)", "Mozilla/5.0 (iPhone)",
	"curl/8.5.0", "FeedReader/2.1 (+http://feeds.example/)"}

// hit is one line of the sample and the second of the day at which it is logged:
// when it was answered, while the line tells when it was received.
type hit struct {
	answered int
	line     string
}

// generateSample makes sample.log.
func generateSample() []byte {
	rng := rand.New(rand.NewPCG(20260114, 1))
	addrs := sampleAddresses()
	weights := make([]int, len(addrs)) // Zipf, s = 1
	for k := range weights {
		weights[k] = 1_000_000 / (k + 1)
	}
	var hits []hit
	for i := range 1740 {
		addr := addrs[i%len(addrs)] // each address once, then by weight
		if i >= len(addrs) {
			addr = addrs[weighted(rng, weights)]
		}
		second := weighted(rng, hourWeights)*3600 + rng.IntN(3600)
		hits = append(hits, newHit(rng, second, addr, pick(rng, samplePaths), pick(rng, sampleAgents)))
	}
	hits = append(hits, burst(rng, addrs[7], 9*3600+12*60, 150, 2, "curl/8.5.0")...)           // a script in a loop
	hits = append(hits, burst(rng, addrs[31], 14*3600, 80, 1, "FeedReader/2.1 (fast)")...)     // a crawler on the hour
	hits = append(hits, burst(rng, addrs[120], 20*3600+30*60, 30, 0, "Mozilla/5.0 (many)")...) // thirty in a second
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.answered, b.answered) })
	var b bytes.Buffer
	for _, h := range hits {
		b.WriteString(h.line)
	}
	return b.Bytes()
}

// sampleAddresses are 80 of each IPv4 range and 60 IPv6 ones, shuffled by a stride.
func sampleAddresses() []netip.Addr {
	var pool []netip.Addr
	for _, prefix := range [][3]byte{{192, 0, 2}, {198, 51, 100}, {203, 0, 113}} {
		for i := range 80 {
			pool = append(pool, netip.AddrFrom4([4]byte{prefix[0], prefix[1], prefix[2], byte(1 + 3*i)}))
		}
	}
	for i := range 60 {
		pool = append(pool, netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::%x", i/4, i%4, 1+i)))
	}
	addrs := make([]netip.Addr, len(pool))
	for i := range addrs {
		addrs[i] = pool[i*127%len(pool)] // 127 and 300 share no factor
	}
	return addrs
}

func newHit(rng *rand.Rand, second int, addr netip.Addr, path, agent string) hit {
	at := time.Date(2026, 1, 14, 0, 0, second, 0, time.UTC)
	status, size := 200, 200+rng.IntN(20_000)
	if rng.IntN(25) == 0 {
		status, size = 404, 153
	}
	return hit{
		answered: second + rng.IntN(4),
		line: fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" \"%s\"\n",
			addr, at.Format("02/Jan/2006:15:04:05 -0700"), path, status, size, agent),
	}
}

// burst is n requests of one address, every so many seconds.
func burst(rng *rand.Rand, addr netip.Addr, from, n, every int, agent string) []hit {
	var hits []hit
	for i := range n {
		hits = append(hits, newHit(rng, from+i*every, addr, pick(rng, samplePaths), agent))
	}
	return hits
}

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

func weighted(rng *rand.Rand, weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	draw := rng.IntN(total)
	for i, w := range weights {
		if draw -= w; draw < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func TestSampleIsWhatTheGeneratorMakes(t *testing.T) {
	made := generateSample()
	if *update {
		if err := os.WriteFile("sample.log", made, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("sample.log written; run again without -update")
	}
	committed, err := io.ReadAll(trace.Sample())
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(made), "\n"), strings.Split(string(committed), "\n")); diff != "" {
		t.Errorf("sample.log is not what its generator makes (-made +committed); run go test ./sim/trace -run Sample -update\n%s", diff)
	}
}

func TestSampleFacts(t *testing.T) {
	entries, _, err := trace.Read(trace.Sample(), trace.Format{Name: "combined", KeyField: "host"})
	if err != nil {
		t.Fatal(err)
	}
	documentation := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	keys := map[string]bool{}
	for _, e := range entries {
		keys[e.Key] = true
		addr, err := netip.ParseAddr(e.Key)
		if err != nil || !slices.ContainsFunc(documentation, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			t.Errorf("key %q is not an address for documentation", e.Key)
		}
	}
	if len(entries) != 2000 || len(keys) != 300 {
		t.Errorf("%d requests of %d addresses; the doc comment says 2,000 of 300", len(entries), len(keys))
	}
	day := time.Date(2026, 1, 14, 0, 0, 0, 0, time.UTC)
	first, last := entries[0].At, entries[len(entries)-1].At
	if first.Before(day) || !last.Before(day.Add(24*time.Hour)) || last.Sub(first) < 23*time.Hour {
		t.Errorf("requests from %v to %v; the doc comment says the 24 hours of %v", first, last, day)
	}
}
