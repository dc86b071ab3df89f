package record_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// someAccounts makes n accounts with every field in use: without usage, with
// more of it than fits a page, without a contract, with corrections.
func someAccounts(n int, seed uint64) []record.Account {
	rng := rand.New(rand.NewPCG(seed, 2))
	list := make([]record.Account, n)
	id := int64(0)
	for i := range list {
		id += 1 + rng.Int64N(3)
		a := record.Account{ID: id, Group: pick(rng, "startups", "free", ""), Saved: rng.IntN(2) == 0}
		for range rng.IntN(4) {
			a.Contract = append(a.Contract, record.ContractSegment{From: rng.Int64() - rng.Int64(), Kind: rng.Int32N(3), Anchor: rng.Int64(), Limit: rng.Int64N(1e6)})
		}
		uses := rng.IntN(200)
		if i == 45 { // one, since it takes long to write
			uses = 60_000 // more than a page holds
		}
		at := int64(1.7e18)
		for range uses {
			at += 1 + rng.Int64N(600e9)
			a.At, a.Units = append(a.At, at), append(a.Units, rng.Int64N(1000)-100)
		}
		list[i] = a
	}
	return list
}

// someEvaluations makes n evaluations with every field in use.
func someEvaluations(n int, seed uint64) []record.Evaluation {
	rng := rand.New(rand.NewPCG(seed, 3))
	list := make([]record.Evaluation, n)
	for i := range list {
		e := record.Evaluation{Engine: pick(rng, "g13", "inline"), Run: 1.7e18 + rng.Int64N(60)*int64(4.32e13), Account: rng.Int64N(1000), At: 1.7e18 + rng.Int64N(1e16),
			Outcome: record.NotSelected, ReadFrom: -1, PeriodAt: -1, RowAt: -1, SentAt: -1}
		if rng.IntN(3) == 0 {
			e.Outcome, e.AsOf, e.ReadFrom, e.PeriodAt, e.Rolling = record.SentNotice, e.At-5, e.At-7, e.At-9, rng.IntN(2) == 0
			e.Usage, e.Limit, e.Percent, e.Threshold = rng.Int64(), rng.Int64(), rng.Int64N(500), 75
			e.RowAccount, e.RowThreshold, e.RowAt, e.SentAt, e.Delivered = rng.Int64N(9), 90, e.At-3, e.At+1, rng.IntN(2) == 0
		}
		if rng.IntN(50) == 0 {
			e.Outcome, e.Error = record.EvaluationErr, "source: \"down\"\nΛ"
		}
		list[i] = e
	}
	return list
}

func someQuotas(accounts, evaluations int) testkit.Quotas {
	return testkit.Quotas{Accounts: someAccounts(accounts, 1), Evaluations: someEvaluations(evaluations, 1)}
}

// gather copies what a sequence of rows yields.
func gather[T any](t *testing.T, seq iter.Seq2[*T, error], keep func(*T)) []T {
	t.Helper()
	var list []T
	for row, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		c := *row
		keep(&c)
		list = append(list, c)
	}
	return list
}

func accountsOf(t *testing.T, r *record.Reader) []record.Account {
	t.Helper()
	return gather(t, r.Accounts(), func(a *record.Account) {
		a.Contract, a.At, a.Units = slices.Clone(a.Contract), slices.Clone(a.At), slices.Clone(a.Units)
	})
}

// diffAccounts shows the first account that differs: cmp is slow on long lists.
func diffAccounts(want, got []record.Account) string {
	for i := range min(len(want), len(got)) {
		a, b := want[i], got[i]
		if slices.Equal(a.At, b.At) && slices.Equal(a.Units, b.Units) {
			a.At, a.Units, b.At, b.Units = nil, nil, nil, nil
		}
		if d := cmp.Diff(a, b, cmpopts.EquateEmpty()); d != "" {
			return d
		}
	}
	return cmp.Diff(len(want), len(got))
}

func evaluationsOf(t *testing.T, r *record.Reader) []record.Evaluation {
	t.Helper()
	return gather(t, r.Evaluations(), func(*record.Evaluation) {})
}

func TestQuotasRoundTrip(t *testing.T) {
	for _, c := range []struct {
		why                                string
		observed, accounts, evaluations    int
		opts                               []record.Option
		wantAccountParts, wantEvaluatParts int
	}{
		{"accounts alone", 0, 300, 0, []record.Option{record.PartRows(5e6)}, 1, 0},
		{"evaluations alone, as of a run that was killed", 0, 0, 5000, nil, 0, 1},
		{"all three, in parts that end inside batches", 3000, 40, 2500, []record.Option{record.PartRows(1000)}, -1, 3},
		{"an account that is more than a part", 10, 20, 10, []record.Option{record.PartRows(1)}, 20, 10},
		{"no compression", 100, 50, 100, []record.Option{record.Uncompressed(), record.PartRows(5e6)}, 1, 1},
		{"more than one row group of evaluations", 0, 1, 140_000, nil, 1, 1},
	} {
		t.Run(c.why, func(t *testing.T) {
			want, list := someQuotas(c.accounts, c.evaluations), some(c.observed, 3)
			r := testkit.WriteQuotas(t, record.Manifest{}, want, list, c.opts...)
			if d := diffAccounts(want.Accounts, accountsOf(t, r)); d != "" {
				t.Errorf("accounts (-written +read):\n%s", d)
			}
			if got := evaluationsOf(t, r); !slices.Equal(want.Evaluations, got) {
				t.Errorf("evaluations (-written +read):\n%s", cmp.Diff(want.Evaluations, got))
			}
			if d := diff(list, collect(t, r.Observations())); d != "" {
				t.Errorf("observations (-written +read):\n%s", d)
			}
			m := r.Manifest()
			if m.AccountCount != int64(c.accounts) || m.EvaluationCount != int64(c.evaluations) || m.Count != int64(c.observed) {
				t.Errorf("the manifest counts %d accounts, %d evaluations, %d observations", m.AccountCount, m.EvaluationCount, m.Count)
			}
			if n := len(m.AccountParts); n != c.wantAccountParts && c.wantAccountParts >= 0 || c.wantAccountParts < 0 && n < 2 {
				t.Errorf("%d parts of accounts, want %d (-1: several)", n, c.wantAccountParts)
			}
			if n := len(m.EvaluationParts); n != c.wantEvaluatParts {
				t.Errorf("%d parts of evaluations, want %d", n, c.wantEvaluatParts)
			}
		})
	}
}

// The order in which the kinds of rows come between each other does not
// matter, and the caller may reuse what it wrote.
func TestQuotasInterleaved(t *testing.T) {
	want, list := someQuotas(50, 4000), some(3000, 3)
	dir := t.TempDir()
	w, err := record.Create(dir, record.Manifest{}, record.PartRows(700))
	must(t, err)
	var a record.Account
	var e record.Evaluation
	for i := range want.Evaluations {
		if i < len(list) {
			must(t, w.Write(&list[i]))
		}
		e = want.Evaluations[i]
		must(t, w.WriteEvaluation(&e))
		e = record.Evaluation{Engine: "overwritten"}
		if i < len(want.Accounts) {
			from := want.Accounts[i]
			at, units, contract := append(a.At[:0], from.At...), append(a.Units[:0], from.Units...), append(a.Contract[:0], from.Contract...)
			a = from
			a.At, a.Units, a.Contract = at, units, contract
			must(t, w.WriteAccount(&a))
		}
	}
	m, err := w.Close(nil)
	must(t, err)
	r, err := record.Open(dir)
	must(t, err)
	if d := diffAccounts(want.Accounts, accountsOf(t, r)); d != "" {
		t.Errorf("accounts (-written +read):\n%s", d)
	}
	if got := evaluationsOf(t, r); !slices.Equal(want.Evaluations, got) {
		t.Errorf("evaluations (-written +read):\n%s", cmp.Diff(want.Evaluations, got))
	}
	if h := testkit.WriteQuotas(t, record.Manifest{}, want, list).Manifest().Hash; h != m.Hash {
		t.Errorf("hash %s, written one kind after the other %s", m.Hash, h)
	}
}

func TestQuotasHash(t *testing.T) {
	hash := func(q testkit.Quotas, opts ...record.Option) string {
		return testkit.WriteQuotas(t, record.Manifest{}, q, some(100, 1), opts...).Manifest().Hash
	}
	base := someQuotas(40, 600)
	for i := range base.Accounts {
		base.Accounts[i].ID *= 2 // to have room for a change
	}
	base.Accounts[30] = record.Account{ID: base.Accounts[30].ID, Group: "g", Contract: []record.ContractSegment{{Limit: 5}}, At: []int64{5, 7, 9}, Units: []int64{1, 2, 3}}
	want := hash(base)
	if plain := testkit.WriteRecord(t, record.Manifest{}, some(100, 1)).Manifest().Hash; plain == want {
		t.Error("accounts and evaluations do not change the hash")
	}
	if got := hash(base, record.PartRows(99), record.Uncompressed()); got != want {
		t.Errorf("hash %s, want %s: storage must not matter", got, want)
	}
	accounts := map[string]func(a *record.Account){
		"id": func(a *record.Account) { a.ID-- }, "group": func(a *record.Account) { a.Group += "x" }, "saved": func(a *record.Account) { a.Saved = !a.Saved },
		"contract": func(a *record.Account) { a.Contract = nil }, "from": func(a *record.Account) { a.Contract = []record.ContractSegment{{Limit: 5, From: 1}} },
		"kind": func(a *record.Account) { a.Contract = []record.ContractSegment{{Limit: 5, Kind: 1}} }, "anchor": func(a *record.Account) { a.Contract = []record.ContractSegment{{Limit: 5, Anchor: 1}} },
		"limit": func(a *record.Account) { a.Contract = []record.ContractSegment{{Limit: 6}} },
		"at":    func(a *record.Account) { a.At = []int64{5, 8, 9} }, "units": func(a *record.Account) { a.Units = []int64{1, 3, 3} },
		"one use less": func(a *record.Account) { a.At, a.Units = a.At[:2], a.Units[:2] },
	}
	for name, change := range accounts {
		q := testkit.Quotas{Accounts: slices.Clone(base.Accounts), Evaluations: base.Evaluations}
		change(&q.Accounts[30])
		if hash(q) == want {
			t.Errorf("a change of an account's %s does not change the hash", name)
		}
	}
	evaluations := map[string]func(e *record.Evaluation){
		"engine": func(e *record.Evaluation) { e.Engine += "x" }, "run": func(e *record.Evaluation) { e.Run++ }, "account": func(e *record.Evaluation) { e.Account++ },
		"at": func(e *record.Evaluation) { e.At++ }, "as of": func(e *record.Evaluation) { e.AsOf++ }, "outcome": func(e *record.Evaluation) { e.Outcome += "x" },
		"error": func(e *record.Evaluation) { e.Error += "x" }, "read from": func(e *record.Evaluation) { e.ReadFrom++ }, "period": func(e *record.Evaluation) { e.PeriodAt++ },
		"rolling": func(e *record.Evaluation) { e.Rolling = !e.Rolling }, "usage": func(e *record.Evaluation) { e.Usage++ }, "limit": func(e *record.Evaluation) { e.Limit++ },
		"percent": func(e *record.Evaluation) { e.Percent++ }, "threshold": func(e *record.Evaluation) { e.Threshold++ }, "row account": func(e *record.Evaluation) { e.RowAccount++ },
		"row threshold": func(e *record.Evaluation) { e.RowThreshold++ }, "row at": func(e *record.Evaluation) { e.RowAt++ }, "sent at": func(e *record.Evaluation) { e.SentAt++ },
		"delivered": func(e *record.Evaluation) { e.Delivered = !e.Delivered },
	}
	for name, change := range evaluations {
		q := testkit.Quotas{Accounts: base.Accounts, Evaluations: slices.Clone(base.Evaluations)}
		change(&q.Evaluations[300])
		if hash(q) == want {
			t.Errorf("a change of an evaluation's %s does not change the hash", name)
		}
	}
}

// The hash of a record without accounts is what it was before there were any.
func TestHashOfObservationsAlone(t *testing.T) {
	for n, before := range map[int]string{
		0:    "8677541c6a3f2d6ad913f7b5695569719cd9316b0c87e87cffdeb2a3a17f1f69",
		3000: "3b0d722cdbbd84b6fc39d039d83a792bfd976c35f096efc1b2bbffb38e98b4b3",
	} {
		if got := testkit.WriteRecord(t, record.Manifest{}, some(n, 11)).Manifest().Hash; got != before {
			t.Errorf("%d observations: hash %s, want %s", n, got, before)
		}
	}
}

func TestAccountsInOrder(t *testing.T) {
	for _, c := range []struct {
		why  string
		list []record.Account
		says string
	}{
		{"descending", []record.Account{{ID: 2}, {ID: 1}}, "account 1 comes after account 2"},
		{"twice", []record.Account{{ID: 2}, {ID: 2}}, "account 2 comes after account 2"},
		{"usage without units", []record.Account{{ID: 7, At: []int64{1}}}, "account 7 has 1 instants of usage and 0 numbers of units"},
	} {
		w, err := record.Create(t.TempDir(), record.Manifest{})
		must(t, err)
		for i := range c.list {
			err = errors.Join(err, w.WriteAccount(&c.list[i]))
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", c.why, err, c.says)
		}
		if m, err := w.Close(nil); err != nil || m.AccountCount != int64(len(c.list)-1) {
			t.Errorf("%s: %d accounts, error %v; want those that were in order", c.why, m.AccountCount, err)
		}
	}
}

func TestWritingAfterClose(t *testing.T) {
	w, err := record.Create(t.TempDir(), record.Manifest{})
	must(t, err)
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"an account": w.WriteAccount(&record.Account{}), "an evaluation": w.WriteEvaluation(&record.Evaluation{}), "an observation": w.Write(&record.Observation{})} {
		if err == nil {
			t.Errorf("%s was written to a closed record", name)
		}
	}
}

func TestAbortedRunWithEngines(t *testing.T) {
	q := someQuotas(30, 5000)
	dir := t.TempDir()
	w, err := record.Create(dir, record.Manifest{Scenario: "s"}, record.PartRows(2000))
	must(t, err)
	for i := range q.Evaluations {
		must(t, w.WriteEvaluation(&q.Evaluations[i]))
	}
	// No Close, as if the process had died before it wrote any account.
	waitFor(t, filepath.Join(dir, "evaluations/part-00002.parquet.partial"))
	r, err := record.Open(dir)
	must(t, err)
	if got := evaluationsOf(t, r); !slices.Equal(q.Evaluations[:4000], got) {
		t.Errorf("closed parts hold %d evaluations, want the first 4000", len(got))
	}
	if n := len(accountsOf(t, r)); n != 0 {
		t.Errorf("%d accounts were read, none was written", n)
	}
}

func TestDamagedQuotas(t *testing.T) {
	for _, c := range []struct {
		why    string
		damage func(t *testing.T, dir string)
		says   []string
	}{
		{"missing accounts", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "accounts/part-00000.parquet")))
		}, []string{"accounts/part-00000"}},
		{"missing evaluations", func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, "evaluations"))) }, []string{"evaluations/part-00000"}},
		{"truncated", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "evaluations/part-00001.parquet"), 2000))
		}, []string{"evaluations/part-00001", "damaged"}},
		{"one kind in place of another", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "evaluations/part-00000.parquet"), filepath.Join(dir, "accounts/part-00000.parquet")))
			must(t, os.WriteFile(filepath.Join(dir, "evaluations/part-00000.parquet"), []byte("PAR1"), 0o644))
		}, []string{"accounts/part-00000", "column id"}},
		{"accounts of another run", func(t *testing.T, dir string) {
			other := testkit.WriteQuotas(t, record.Manifest{}, testkit.Quotas{Accounts: someAccounts(40, 99)}, nil, record.PartRows(1e6))
			must(t, os.Rename(filepath.Join(other.Dir(), "accounts/part-00000.parquet"), filepath.Join(dir, "accounts/part-00000.parquet")))
		}, []string{"accounts/part-00000", "damaged"}},
		{"parts in another order", func(t *testing.T, dir string) {
			a, b := filepath.Join(dir, "accounts/part-00000.parquet"), filepath.Join(dir, "accounts/part-00001.parquet")
			must(t, errors.Join(os.Rename(a, a+"x"), os.Rename(b, a), os.Rename(a+"x", b)))
		}, []string{"accounts/part-0000", "damaged"}},
		{"counts that disagree", edit(func(m *record.Manifest) { m.EvaluationCount++ }), []string{"manifest.json", "evaluations"}},
		{"accounts left out of the manifest", edit(func(m *record.Manifest) { m.AccountCount, m.AccountParts = 0, nil }), []string{"manifest.json", "recordHash"}},
		{"an account's part outside the record", edit(func(m *record.Manifest) { m.AccountParts[0].File = "../x" }), []string{"manifest.json", "../x"}},
		{"a part's hash", edit(func(m *record.Manifest) { m.EvaluationParts[0].Hash = "00" }), []string{"manifest.json", "damaged"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			dir := testkit.WriteQuotas(t, record.Manifest{}, someQuotas(40, 3000), some(100, 1), record.PartRows(1000)).Dir()
			c.damage(t, dir)
			err := readQuotas(dir)
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

func TestFlippedBytesOfQuotas(t *testing.T) {
	q := someQuotas(5, 200)
	dir := testkit.WriteQuotas(t, record.Manifest{}, q, nil).Dir()
	for _, name := range []string{"accounts/part-00000.parquet", "evaluations/part-00000.parquet"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		must(t, err)
		caught := 0
		for at := int64(0); at < info.Size(); at += testkit.Full[int64](23, 139) {
			flip(t, path, at)
			if readQuotas(dir) != nil {
				caught++
			} else {
				r, err := record.Open(dir)
				must(t, err)
				if d := diffAccounts(q.Accounts, accountsOf(t, r)); d != "" || !slices.Equal(q.Evaluations, evaluationsOf(t, r)) {
					t.Errorf("%s, byte %d: damage was read as content", name, at)
				}
			}
			flip(t, path, at)
		}
		if caught == 0 {
			t.Errorf("%s: no damage was caught", name)
		}
	}
	must(t, readQuotas(dir))
}

// FuzzAccountPart: any bytes in place of a part of accounts give an error or
// the content that was written, never a panic.
func FuzzAccountPart(f *testing.F) {
	list := []record.Account{{ID: 1, Group: "g", Contract: []record.ContractSegment{{Limit: 1}}, At: []int64{1, 2}, Units: []int64{3, -4}}, {ID: 2}}
	dir := testkit.WriteQuotas(f, record.Manifest{}, testkit.Quotas{Accounts: list}, nil, record.Uncompressed()).Dir()
	path := filepath.Join(dir, "accounts/part-00000.parquet")
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, part []byte) {
		must(t, os.WriteFile(path, part, 0o644))
		if readQuotas(dir) != nil {
			return
		}
		r, err := record.Open(dir)
		must(t, err)
		if d := cmp.Diff(list, accountsOf(t, r), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("damage was read as content:\n%s", d)
		}
	})
}

func readQuotas(dir string) error {
	r, err := record.Open(dir)
	if err != nil {
		return err
	}
	for _, err := range r.Accounts() {
		if err != nil {
			return err
		}
	}
	for _, err := range r.Evaluations() {
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkQuotas reports values of usage and evaluations written and read a
// second, as of accounts with hourly usage over 30 days and 60 runs.
func BenchmarkQuotas(b *testing.B) {
	const accounts, uses, runs = 1000, 720, 60
	var dir string
	write := func(b *testing.B) {
		dir = b.TempDir()
		w, err := record.Create(dir, record.Manifest{})
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(benchEvaluations(w, accounts, runs), benchAccounts(w, accounts, uses)); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Close(nil); err != nil {
			b.Fatal(err)
		}
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(accounts*uses*b.N)/b.Elapsed().Seconds(), "uses/s")
		b.ReportMetric(float64(accounts*runs*b.N)/b.Elapsed().Seconds(), "evaluations/s")
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			write(b)
		}
		report(b)
	})
	write(b)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := readQuotas(dir); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}

func benchAccounts(w *record.Writer, accounts, uses int) error {
	rng := rand.New(rand.NewPCG(1, 1))
	var a record.Account
	for i := range accounts {
		a = record.Account{ID: int64(i) + 1, Group: fmt.Sprintf("g%d", i%3), Contract: []record.ContractSegment{{Limit: 100_000}}, At: a.At[:0], Units: a.Units[:0]}
		for k := range uses {
			a.At, a.Units = append(a.At, 1.7e18+int64(k)*3600e9), append(a.Units, rng.Int64N(200))
		}
		if err := w.WriteAccount(&a); err != nil {
			return err
		}
	}
	return nil
}

func benchEvaluations(w *record.Writer, accounts, runs int) error {
	for run := range runs {
		start := int64(1.7e18) + int64(run)*43200e9
		for i := range accounts {
			percent := int64(run*2 + i%7)
			e := record.Evaluation{Engine: "g13", Run: start, Account: int64(i) + 1, At: start + int64(i)*1000, Outcome: record.Below, ReadFrom: 1.7e18, PeriodAt: 1.7e18,
				Usage: percent * 1000, Limit: 100_000, Percent: percent, RowAt: -1, SentAt: -1}
			if err := w.WriteEvaluation(&e); err != nil {
				return err
			}
		}
	}
	return nil
}
