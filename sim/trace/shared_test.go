package trace_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/trace"
)

// sharedLog reads the real access log that lies beside the project.
func sharedLog(t *testing.T) []byte {
	t.Helper()
	dir := os.Getenv("QUOTALAB_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "data", "access.log")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no real access log at %s; set QUOTALAB_SHARED to the folder that holds data/access.log", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var months = map[string]time.Month{"May": time.May}

// independentCount reads the log by a regular expression and arithmetic of its
// own, sharing nothing with the reader.
func independentCount(t *testing.T, data []byte) (keys map[string]int, unix []int64) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^(\S+) .*?\[(\d+)/(\w+)/(\d+):(\d+):(\d+):(\d+) \+0000\]`)
	keys = map[string]int{}
	for _, m := range line.FindAllSubmatch(data, -1) {
		number := func(i int) int {
			n, err := strconv.Atoi(string(m[i]))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		midnight := time.Date(number(4), months[string(m[3])], number(2), 0, 0, 0, 0, time.UTC).Unix()
		unix = append(unix, midnight+int64(number(5)*3600+number(6)*60+number(7)))
		keys[string(m[1])]++
	}
	slices.Sort(unix)
	return keys, unix
}

func TestRealLogAgreesWithAnIndependentCount(t *testing.T) {
	data := sharedLog(t)
	entries, _, err := trace.Read(bytes.NewReader(data), trace.Format{Name: "combined", KeyField: "host"})
	if err != nil {
		t.Fatal(err)
	}
	counted, unix := independentCount(t, data)
	keys := map[string]int{}
	var read []int64
	for _, e := range entries {
		keys[e.Key]++
		read = append(read, e.At.Unix())
	}
	if diff := gocmp.Diff(counted, keys); diff != "" {
		t.Errorf("requests by address (-counted +read):\n%s", diff)
	}
	if diff := gocmp.Diff(unix, read); diff != "" {
		t.Errorf("instants (-counted +read):\n%s", diff)
	}
	busiest := 0
	for _, n := range keys {
		busiest = max(busiest, n)
	}
	// What data/README.md says of the file.
	if len(entries) != 10_000 || len(keys) != 1_753 || busiest != 482 {
		t.Errorf("%d requests, %d addresses, busiest %d; expected 10000, 1753, 482", len(entries), len(keys), busiest)
	}
}

func TestKeysOfTheRealLog(t *testing.T) {
	counts, _, err := trace.Keys(bytes.NewReader(sharedLog(t)), trace.Format{Name: "combined", KeyField: "host"})
	if err != nil {
		t.Fatal(err)
	}
	top := []trace.KeyCount{{"66.249.73.135", 482}, {"46.105.14.53", 364}, {"130.237.218.86", 357}} // by sort | uniq -c
	if diff := gocmp.Diff(top, counts[:3]); diff != "" {
		t.Errorf("busiest addresses (-expected +read):\n%s", diff)
	}
	if len(counts) != 1_753 {
		t.Errorf("%d addresses, expected 1753", len(counts))
	}
}

func TestEveryKeyFieldOfTheRealLog(t *testing.T) {
	data := sharedLog(t)
	for _, field := range []string{"host", "user", "path", "agent"} {
		entries, _, err := trace.Read(bytes.NewReader(data), trace.Format{Name: "combined", KeyField: field})
		if err != nil || len(entries) != 10_000 {
			t.Errorf("key field %s: %d entries, error %v; expected 10000, none", field, len(entries), err)
		}
	}
}
