package keep_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// TestDamagedRecords flips bits and cuts files off in every file of a record: what is
// told of the record is then what it was, or it is refused.
func TestDamagedRecords(t *testing.T) {
	flips, cuts := testkit.Full(2000, 28), testkit.Full(500, 6)
	rng := rand.New(rand.NewPCG(14, 6))
	table := fmt.Sprintf("\n%-36s %6s %5s %8s %9s %6s\n", "file", "flips", "cuts", "refused", "as it was", "wrong")
	for _, of := range []record.Manifest{manifest("virtual", record.All), manifest("real", record.Sampled)} {
		dir := fullRecord(t, of)
		want, err := told(dir)
		if err != nil {
			t.Fatal(err)
		}
		files, err := fs.Glob(os.DirFS(dir), "*")
		parts, err2 := fs.Glob(os.DirFS(dir), "observations/*")
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		all := append(slices.DeleteFunc(files, func(name string) bool { return name == record.ObservationsDir }), parts...)
		tallies := map[string]*[5]int{}
		for i := range (flips + cuts) / 2 {
			name := all[i%len(all)]
			if tallies[name] == nil {
				tallies[name] = new([5]int)
			}
			damage(t, dir, name, rng, i < flips/2, want, tallies[name])
		}
		for _, name := range all {
			if n := tallies[name]; n != nil {
				table += fmt.Sprintf("%-36s %6d %5d %8d %9d %6d\n", of.Clock+" "+name, n[0], n[1], n[2], n[3], n[4])
			}
		}
	}
	t.Log(table)
}

// fullRecord plays a record that has every file that records have.
func fullRecord(t *testing.T, m record.Manifest) (dir string) {
	t.Helper()
	dir = t.TempDir()
	playInto(t, dir, m, observations(60), record.Plan("the plan\n"), record.PartRows(25))
	var b bytes.Buffer
	if err := summaryOf(t, open(t, dir)).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := record.WriteSummary(dir, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// told returns all that verbs tell of a record.
func told(dir string) (string, error) {
	r, err := record.Open(dir)
	if err != nil {
		return "", err
	}
	s, _, err := summary.Analyse(r)
	if err != nil {
		return "", err
	}
	assert.Judge(s, r.Manifest().Asserts)
	var b strings.Builder
	if err := s.WriteJSON(&b); err != nil {
		return "", err
	}
	plan, err := r.Plan()
	if err != nil {
		return "", err
	}
	b.WriteString(plan)
	if err := present.HLog(&b, r); err != nil {
		return "", err
	}
	return b.String(), nil
}

// damage changes a file, looks at what comes of it, and undoes it.
func damage(t *testing.T, dir, name string, rng *rand.Rand, flip bool, want string, tally *[5]int) {
	t.Helper()
	path := filepath.Join(dir, name)
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, bit := rng.IntN(len(was)), rng.IntN(8)
	is, how := bytes.Clone(was[:at]), fmt.Sprintf("%s cut off after %d bytes", name, at)
	if flip {
		is, how = bytes.Clone(was), fmt.Sprintf("%s with bit %d of byte %d flipped", name, bit, at)
		is[at] ^= 1 << bit
		tally[0]++
	} else {
		tally[1]++
	}
	if err := os.WriteFile(path, is, 0o644); err != nil {
		t.Fatal(err)
	}
	r, verified := record.Open(dir)
	if verified == nil {
		verified = r.Verify()
	}
	got, err := told(dir)
	switch {
	case verified != nil && (err != nil || got == want):
		tally[2]++
	case err == nil && got == want && strings.HasPrefix(name, record.ObservationsDir):
		tally[3]++
	default:
		tally[4]++
		t.Errorf("%s: verify says %v, and what is told is what it was: %v (%v)", how, verified, got == want, err)
	}
	if err := os.WriteFile(path, was, 0o644); err != nil {
		t.Fatal(err)
	}
}
