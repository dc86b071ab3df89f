package run_test

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
)

// realLog returns the path of a real access log, which is not part of the
// repository.
func realLog(t *testing.T) string {
	dir := os.Getenv("QUOTALAB_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	path, err := filepath.Abs(filepath.Join(dir, "data", "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real access log: %v (set QUOTALAB_SHARED)", err)
	}
	return path
}

// countDirectly limits the log's requests with a bucket of 20 tokens that
// gets one back every 36 s, in whole seconds, straight from the file.
func countDirectly(t *testing.T, path string) (allowed, denied map[string]int, requests int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := regexp.MustCompile(`^(\S+) \S+ \S+ \[([^\]]+)\]`)
	bySecond := map[int64][]string{}
	first, last := int64(1<<62), int64(0)
	for in := bufio.NewScanner(f); in.Scan(); requests++ {
		m := line.FindStringSubmatch(in.Text())
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
		if err != nil {
			t.Fatal(err)
		}
		s := at.Unix()
		bySecond[s] = append(bySecond[s], m[1])
		first, last = min(first, s), max(last, s)
	}
	full := map[string]int64{} // second at which the bucket is full again
	allowed, denied = map[string]int{}, map[string]int{}
	for s := first; s <= last; s++ {
		for _, address := range bySecond[s] {
			next := max(full[address], s) + 36
			if next-20*36 > s {
				denied[address]++
				continue
			}
			full[address] = next
			allowed[address]++
		}
	}
	return allowed, denied, requests
}

func TestAccessLogAgainstAnIndependentCount(t *testing.T) {
	path := realLog(t)
	s, _, err := scenarios.Load("access-log")
	if err != nil {
		t.Fatal(err)
	}
	s.Traffic[0].Value.Rate.Replay.File = path
	m, a := audited(t, compiled(t, s))
	wantAllowed, wantDenied, requests := countDirectly(t, path)
	gotAllowed, gotDenied := map[string]int{}, map[string]int{}
	for _, o := range m {
		if o.Decision == record.Allowed {
			gotAllowed[o.Takes[0].Key]++
		} else {
			gotDenied[o.Takes[0].Key]++
		}
	}
	sum := func(m map[string]int) (n int) {
		for _, k := range m {
			n += k
		}
		return n
	}
	t.Logf("%d requests of %d addresses: %d allowed, %d denied to %d addresses; counted directly %d and %d",
		len(m), len(gotAllowed), sum(gotAllowed), sum(gotDenied), len(gotDenied), sum(wantAllowed), sum(wantDenied))
	if requests != 10_000 || len(m) != requests || len(gotAllowed) != 1753 || a.Limiters[0].Over+a.Limiters[0].Under != 0 {
		t.Errorf("%d requests in the file, %d played; over %d, under %d", requests, len(m), a.Limiters[0].Over, a.Limiters[0].Under)
	}
	for address, n := range wantDenied {
		if gotDenied[address] != n || gotAllowed[address] != wantAllowed[address] {
			t.Errorf("%s: %d allowed, %d denied, want %d and %d", address, gotAllowed[address], gotDenied[address], wantAllowed[address], n)
		}
	}
	if len(gotDenied) != len(wantDenied) {
		t.Errorf("%d addresses denied, want %d", len(gotDenied), len(wantDenied))
	}
}
