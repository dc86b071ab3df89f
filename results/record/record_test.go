package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// some makes n observations with every field in use, empty lists and empty
// strings included, in the order of Done; effects lie up to 10 ms before it.
func some(n int, seed uint64) []record.Observation {
	rng := rand.New(rand.NewPCG(seed, 1))
	list := make([]record.Observation, n)
	done := int64(0)
	for i := range list {
		done += rng.Int64N(1_000_000)
		effect := max(0, done-rng.Int64N(10_000_000))
		o := record.Observation{
			Seq: int64(i), Arrival: rng.Int64N(1e6), Traffic: pick(rng, "main", "other"), Client: fmt.Sprintf("caller/%d", rng.IntN(20)),
			Limiter: pick(rng, "boulder", "tat"), Step: rng.Int32N(2), Attempt: rng.Int32N(3),
			Done: done, Intended: effect - 5, Sent: effect - 3, Judged: effect - 1, Effect: effect, Order: rng.Int64N(1e9),
			Decision: record.Decision(pick(rng, "allowed", "denied", "error")), Key: record.KeyState(pick(rng, "found", "not_found", "stale")),
			Remaining: rng.Int64N(100) - 1, RetryAfter: rng.Int64N(1e9) - 1, RoundTrips: rng.Int32N(4),
			Error: pick(rng, "", "timeout"), Message: pick(rng, "", "i/o timeout\nΛ"),
		}
		if rng.IntN(10) == 0 {
			o.Effect, o.Order = -1, -1
		}
		for range rng.IntN(4) {
			o.Takes = append(o.Takes, record.Take{Limit: pick(rng, "a", "b"), Key: fmt.Sprintf("k%d", rng.IntN(5000)), Cost: rng.Int64N(5),
				Mode: record.TakeMode, Shard: pick(rng, "s1", "s2", ""), State: record.Found})
		}
		for range rng.IntN(3) {
			o.Touched = append(o.Touched, record.Touch{Shard: pick(rng, "s1", "s2"), Commands: rng.Int32N(6)})
		}
		list[i] = o
	}
	return list
}

// diff shows the first observation that differs: cmp is slow on long lists.
func diff(want, got []record.Observation) string {
	for i := range min(len(want), len(got)) {
		if want[i].Seq != got[i].Seq || !reflect.DeepEqual(want[i], got[i]) {
			if d := cmp.Diff(want[i], got[i], cmpopts.EquateEmpty()); d != "" {
				return d
			}
		}
	}
	return cmp.Diff(len(want), len(got))
}

func pick(rng *rand.Rand, from ...string) string { return from[rng.IntN(len(from))] }

// collect copies what a sequence yields, without the numbers of keys.
func collect(t *testing.T, seq func(func(*record.Observation, error) bool)) []record.Observation {
	t.Helper()
	var list []record.Observation
	for o, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		c := *o
		c.Takes, c.Touched = append([]record.Take(nil), o.Takes...), append([]record.Touch(nil), o.Touched...)
		for i := range c.Takes {
			c.Takes[i].Number = 0
		}
		list = append(list, c)
	}
	return list
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		opts []record.Option
		why  string
	}{
		{"empty", 0, nil, "a run without arrivals is a record too"},
		{"one", 1, nil, "less than a batch"},
		{"batch", 1024, nil, "exactly one batch"},
		{"parts", 5000, []record.Option{record.PartRows(700)}, "parts that end inside batches"},
		{"exact parts", 4096, []record.Option{record.PartRows(1024)}, "no empty part at the end"},
		{"plain", 3000, []record.Option{record.Uncompressed()}, "no compression"},
		{"groups", 140_000, nil, "more than one row group, more than one page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := some(c.n, 7)
			r := testkit.WriteRecord(t, record.Manifest{Scenario: "s"}, want, c.opts...)
			if diff := diff(want, collect(t, r.Observations())); diff != "" {
				t.Errorf("%s: read back differently (-written +read):\n%s", c.why, diff)
			}
			if n := r.Manifest().Count; n != int64(c.n) {
				t.Errorf("%s: manifest counts %d, want %d", c.why, n, c.n)
			}
		})
	}
}

func TestCallerMayReuse(t *testing.T) {
	want := some(3000, 3)
	dir := t.TempDir()
	w, err := record.Create(dir, record.Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	var o record.Observation
	for i := range want {
		takes, touched := append(o.Takes[:0], want[i].Takes...), append(o.Touched[:0], want[i].Touched...)
		o = want[i]
		o.Seq, o.Takes, o.Touched = 99, takes, touched
		if err := w.Write(&o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := diff(want, collect(t, r.Observations())); diff != "" {
		t.Errorf("a row changed after Write returned (-written +read):\n%s", diff)
	}
}

func TestHash(t *testing.T) {
	base := some(3000, 11)
	hash := func(list []record.Observation, opts ...record.Option) string {
		return testkit.WriteRecord(t, record.Manifest{}, list, opts...).Manifest().Hash
	}
	want := hash(base)
	for name, opts := range map[string][]record.Option{
		"small parts":  {record.PartRows(101)},
		"uncompressed": {record.Uncompressed()},
		"both":         {record.PartRows(999), record.Uncompressed()},
	} {
		if got := hash(base, opts...); got != want {
			t.Errorf("%s: hash %s, want %s: storage must not matter", name, got, want)
		}
	}
	changes := map[string]func(o *record.Observation){
		"arrival": func(o *record.Observation) { o.Arrival++ }, "traffic": func(o *record.Observation) { o.Traffic += "x" },
		"client": func(o *record.Observation) { o.Client += "x" }, "limiter": func(o *record.Observation) { o.Limiter += "x" },
		"step": func(o *record.Observation) { o.Step++ }, "attempt": func(o *record.Observation) { o.Attempt++ },
		"done": func(o *record.Observation) { o.Done++ }, "intended": func(o *record.Observation) { o.Intended++ },
		"sent": func(o *record.Observation) { o.Sent++ }, "judged": func(o *record.Observation) { o.Judged++ },
		"effect": func(o *record.Observation) { o.Effect++ }, "order": func(o *record.Observation) { o.Order++ },
		"decision": func(o *record.Observation) { o.Decision = "x" }, "key": func(o *record.Observation) { o.Key = "x" },
		"remaining": func(o *record.Observation) { o.Remaining++ }, "retry after": func(o *record.Observation) { o.RetryAfter++ },
		"round trips": func(o *record.Observation) { o.RoundTrips++ }, "error": func(o *record.Observation) { o.Error += "x" },
		"message": func(o *record.Observation) { o.Message += "x" },
		"takes":   func(o *record.Observation) { o.Takes = append(o.Takes, record.Take{}) },
		"touched": func(o *record.Observation) { o.Touched = append(o.Touched, record.Touch{}) },
		"moved text": func(o *record.Observation) {
			o.Traffic, o.Client = o.Traffic+o.Client[:1], o.Client[1:] // a hash without lengths would miss it
		},
	}
	for name, change := range changes {
		list := slices.Clone(base)
		list[1500].Takes, list[1500].Touched = slices.Clone(list[1500].Takes), slices.Clone(list[1500].Touched)
		change(&list[1500])
		if hash(list) == want {
			t.Errorf("a change of %s does not change the hash", name)
		}
	}
}

func TestByEffect(t *testing.T) {
	list := some(20_000, 5)
	for name, n := range map[string]int{"written as done": 0, "written in disorder": 300} {
		t.Run(name, func(t *testing.T) {
			list := slices.Clone(list)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range n {
				j := max(0, i-rng.IntN(50))
				list[i], list[j] = list[j], list[i]
			}
			r := testkit.WriteRecord(t, record.Manifest{}, list, record.PartRows(1500))
			want := collect(t, r.Observations())
			at := func(o record.Observation) int64 {
				if o.Effect >= 0 {
					return o.Effect
				}
				return o.Done
			}
			slices.SortFunc(want, func(a, b record.Observation) int {
				if d := at(a) - at(b); d != 0 {
					return int(d)
				}
				if d := a.Order - b.Order; d != 0 {
					return int(d)
				}
				return int(a.Seq - b.Seq)
			})
			if diff := diff(want, collect(t, r.ByEffect())); diff != "" {
				t.Errorf("order of effect (-sorted +read):\n%s", diff)
			}
		})
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	r := testkit.WriteRecord(t, record.Manifest{}, some(10, 1))
	if _, err := record.Create(r.Dir(), record.Manifest{}); !errors.Is(err, record.ErrExists) {
		t.Errorf("Create over a record: %v, want ErrExists", err)
	}
}

func TestAbortedRun(t *testing.T) {
	list := some(5000, 9)
	dir := t.TempDir()
	w, err := record.Create(dir, record.Manifest{Scenario: "s"}, record.PartRows(2000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	// No Close: as if the process had died. Wait until the encoder has
	// closed what it can.
	waitFor(t, filepath.Join(dir, "observations/part-00002.parquet.partial"))
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Manifest(); m.Complete || m.Count != 4000 || len(m.Parts) != 2 {
		t.Errorf("complete %v, %d observations in %d parts; want an incomplete record of 4000 in 2", m.Complete, m.Count, len(m.Parts))
	}
	if diff := diff(list[:4000], collect(t, r.Observations())); diff != "" {
		t.Errorf("closed parts (-written +read):\n%s", diff)
	}
	if n := len(collect(t, r.ByEffect())); n != 4000 {
		t.Errorf("by effect: %d observations, want 4000", n)
	}
}

func waitFor(t *testing.T, path string) {
	t.Helper()
	for range 1000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s never appeared", path)
}

func TestDamage(t *testing.T) {
	part := func(n int) string { return fmt.Sprintf("observations/part-%05d.parquet", n) }
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		says   []string
	}{
		{"missing part", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, part(1)))) }, []string{part(1)}},
		{"truncated part", func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, part(1)), 3000)) }, []string{part(1), "damaged"}},
		{"empty part", func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, part(0)), 0)) }, []string{part(0), "damaged"}},
		{"text in place of a part", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, part(2)), []byte("hello"), 0o644))
		}, []string{part(2), "damaged"}},
		{"parts in another order", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, part(0)), filepath.Join(dir, "x")))
			must(t, os.Rename(filepath.Join(dir, part(1)), filepath.Join(dir, part(0))))
			must(t, os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, part(1))))
		}, []string{part(0), "sequence number"}},
		{"flipped byte", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, part(1)), 1000) }, []string{part(1), "damaged"}},
		{"part of another run", func(t *testing.T, dir string) {
			other := testkit.WriteRecord(t, record.Manifest{}, some(1000, 77))
			must(t, os.Rename(filepath.Join(other.Dir(), part(0)), filepath.Join(dir, part(0))))
		}, []string{part(0), "hash"}},
		{"no manifest", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "manifest.json"))) }, []string{"not a record", "manifest.json"}},
		{"manifest cut off", func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "manifest.json"), 100)) }, []string{"manifest.json", "damaged"}},
		{"no schema", edit(func(m *record.Manifest) { m.SchemaVersion = 0 }), []string{"manifest.json", "damaged", "schema version 0, expected 1 to"}},
		{"newer schema", edit(func(m *record.Manifest) { m.SchemaVersion = 99 }), []string{"manifest.json", "99", "newer quotalab"}},
		{"counts that disagree", edit(func(m *record.Manifest) { m.Count++ }), []string{"manifest.json", "3000", "3001"}},
		{"part outside the record", edit(func(m *record.Manifest) { m.Parts[0].File = "../../etc/passwd" }), []string{"manifest.json", "../../etc/passwd"}},
		{"negative count", edit(func(m *record.Manifest) { m.Parts[0].Count = -1 }), []string{"manifest.json", "-1"}},
		{"another seed", edit(func(m *record.Manifest) { m.Seed++ }), []string{"manifest.json", "manifestHash", "changed after it was written"}},
		{"no manifest hash", edit(func(m *record.Manifest) { m.ManifestHash = "" }), []string{"manifest.json", "manifestHash"}},
		{"wrong record hash", edit(func(m *record.Manifest) { m.Hash = "00" }), []string{"recordHash"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := testkit.WriteRecord(t, record.Manifest{}, some(3000, 2), record.PartRows(1000)).Dir()
			c.damage(t, dir)
			err := readAll(dir)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestFlippedBytes(t *testing.T) {
	// Wherever a part is damaged, reading is an error or (in bytes that hold
	// no content, such as statistics) yields exactly what was written.
	list := some(300, 4)
	dir := testkit.WriteRecord(t, record.Manifest{}, list).Dir()
	path := filepath.Join(dir, "observations/part-00000.parquet")
	info, err := os.Stat(path)
	must(t, err)
	caught := 0
	for at := int64(0); at < info.Size(); at += testkit.Full[int64](37, 151) {
		flip(t, path, at)
		if readAll(dir) != nil {
			caught++
		}
		flip(t, path, at)
	}
	if caught == 0 {
		t.Error("no damage was caught")
	}
	must(t, readAll(dir))
}

func readAll(dir string) error {
	r, err := record.Open(dir)
	if err != nil {
		return err
	}
	for _, err := range r.Observations() {
		if err != nil {
			return err
		}
	}
	return nil
}

func edit(change func(m *record.Manifest)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "manifest.json")
		data, err := os.ReadFile(path)
		must(t, err)
		var m record.Manifest
		must(t, json.Unmarshal(data, &m))
		change(&m)
		data, err = json.Marshal(m)
		must(t, err)
		must(t, os.WriteFile(path, data, 0o644))
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	data[at] ^= 0x55
	must(t, os.WriteFile(path, data, 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever byte of a record is changed, Verify says so, or reads what was
// written.
func TestVerify(t *testing.T) {
	r := testkit.WriteRecord(t, record.Manifest{About: strings.Repeat("0", 64), Seed: 7}, some(300, 4), record.Plan("a plan\n"))
	must(t, r.Verify())
	verify := func() error {
		again, err := record.Open(r.Dir())
		if err != nil {
			return err
		}
		return again.Verify()
	}
	part := r.Manifest().Parts[0].File
	for _, name := range []string{"manifest.json", "plan.txt", part} { // of a part also what decides no row
		path := filepath.Join(r.Dir(), name)
		info, err := os.Stat(path)
		must(t, err)
		for at := int64(0); at < info.Size(); at += testkit.Full[int64](5, 61) {
			flip(t, path, at)
			if err := verify(); !errors.Is(err, record.ErrDamaged) && !strings.Contains(fmt.Sprint(err), "schema version") {
				t.Errorf("byte %d of %s is changed: %v", at, name, err)
			}
			flip(t, path, at)
		}
	}
	stray := filepath.Join(r.Dir(), filepath.Dir(part), "part-99999.parquet")
	must(t, os.WriteFile(stray, nil, 0o600))
	if err := verify(); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("with a part that was not written: %v", err)
	}
	must(t, os.Remove(stray))
	must(t, os.Remove(filepath.Join(r.Dir(), "plan.txt")))
	if err := verify(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its plan: %v", err)
	}
}
