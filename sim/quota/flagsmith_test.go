package quota_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/quota"
)

// The facts that made the engine known; the recorded vectors hold many more.
func TestFlagsmithKnownFaults(t *testing.T) {
	march := at(2025, 3, 1, 0)
	twins := func(w *world) {
		for id := int64(1); id <= 2; id++ {
			w.paid(id, 1000, march)
			for i, units := range []int64{760, 150, 100, 200} { // 76, 91, 101, 121 %
				w.use(id, march+int64(i+1)*3*day, units)
			}
		}
	}
	longTerm := func(w *world) { // 80 % a month, in the second year of a term
		w.paid(1, 1000, at(2024, 1, 1, 0))
		for m := range 14 {
			w.use(1, at(2024, time.Month(1+m), 3, 0), 800)
		}
	}
	month31 := func(w *world) { // 76.5 % by the end of a month of 31 days
		w.paid(1, 10_000, march)
		w.linear(1, march, at(2025, 4, 1, 0), 7650)
	}
	tests := []struct {
		name, generation string
		set              func(*world)
		from             int64
		account          int64
		want             []int64
	}{
		{"the twin's record suppresses the second", "G13", twins, march, 2, nil},
		{"it sends to the first", "G13", twins, march, 1, []int64{75, 90, 100, 120}},
		{"only its own record suppresses", "G14", twins, march, 2, []int64{75, 90, 100, 120}},
		{"a year's usage counts as a month's", "G15", longTerm, at(2025, 2, 1, 0), 1, []int64{500}},
		{"years count", "G16", longTerm, at(2025, 2, 1, 0), 1, []int64{75}},
		{"the whole period counts", "G16", month31, march, 1, []int64{75}},
		{"the prefilter sums 30 days of a month of 31", quota.Latest, month31, march, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.generation+" "+tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.set(w)
			f := w.flagsmith(tt.generation)
			for now := tt.from + 600*second; now < tt.from+31*day; now += f.Interval().Nanoseconds() {
				w.now = now
				if err := errors.Join(f.Refresh(context.Background()), f.Poll(context.Background())); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, w.sent(tt.account)); diff != "" {
				t.Errorf("thresholds sent (−want +got):\n%s", diff)
			}
		})
	}
}

func TestFlagsmithErrorEndsTheRun(t *testing.T) {
	march := at(2025, 3, 1, 0)
	for _, tt := range []struct {
		generation string
		aborts     bool
	}{{"G10", true}, {"G11", false}} {
		w := newWorld(t)
		w.paid(1, 1000, quota.Unknown)
		w.paid(2, 1000, march)
		w.use(2, march, 800)
		w.now = march + 2*day
		err := w.flagsmith(tt.generation).Poll(context.Background())
		var abort *quota.AbortError
		if errors.As(err, &abort) != tt.aborts || tt.aborts && (abort.Account != 1 || !errors.Is(err, quota.ErrType)) {
			t.Errorf("%s: error %v", tt.generation, err)
		}
		want := []record.EvaluationOutcome{record.EvaluationErr, record.SentNotice}
		if tt.aborts {
			want[1] = record.RunAborted
		}
		if diff := cmp.Diff(want, []record.EvaluationOutcome{w.did[0].Outcome, w.did[1].Outcome}); diff != "" {
			t.Errorf("%s: outcomes (−want +got):\n%s", tt.generation, diff)
		}
	}
}

func TestFlagsmithStopsWhenCancelled(t *testing.T) {
	w := newWorld(t)
	w.paid(1, 1000, at(2025, 3, 1, 0))
	w.now = at(2025, 3, 2, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.flagsmith("G16").Poll(ctx); !errors.Is(err, context.Canceled) || len(w.did) != 0 {
		t.Errorf("error %v after %d evaluations, want cancelled after none", err, len(w.did))
	}
}

func TestFlagsmithOptionsAreChecked(t *testing.T) {
	w := newWorld(t)
	good := quota.FlagsmithOptions{Generation: "G01", Accounts: &w.accounts, Source: &w.view, Log: &quota.MemoryLog{}, Mailer: &w.post, Clock: w}
	tests := []struct {
		name  string
		spoil func(*quota.FlagsmithOptions)
		want  string
	}{
		{"no such generation", func(o *quota.FlagsmithOptions) { o.Generation = "G20" }, `found "G20"`},
		{"no log", func(o *quota.FlagsmithOptions) { o.Log = nil }, "nil"},
		{"thresholds descend", func(o *quota.FlagsmithOptions) { o.Thresholds = []int64{90, 75} }, "ascending"},
		{"no threshold", func(o *quota.FlagsmithOptions) { o.Thresholds = []int64{} }, "none"},
	}
	for _, tt := range tests {
		o := good
		tt.spoil(&o)
		if _, err := quota.NewFlagsmith(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
	if _, err := quota.NewFlagsmith(good); err != nil {
		t.Errorf("good options: %v", err)
	}
}

func TestGenerations(t *testing.T) {
	all := quota.Generations()
	if len(all) != 19 {
		t.Fatalf("%d generations, want 19", len(all))
	}
	var rules quota.Rule
	for i, g := range all {
		if rules&g.Adds != 0 {
			t.Errorf("%s adds rules %b that an earlier one has", g.Name, rules&g.Adds)
		}
		rules |= g.Adds
		got, err := quota.RulesOf(g.Name)
		if err != nil || got != rules {
			t.Errorf("rules of %s: %b, %v, want %b", g.Name, got, err, rules)
		}
		if want := 1 + i; g.Name != "G"+string(rune('0'+want/10))+string(rune('0'+want%10)) {
			t.Errorf("generation %d is called %s", want, g.Name)
		}
	}
	if latest, err := quota.RulesOf(quota.Latest); err != nil || latest != rules {
		t.Errorf("latest has rules %b, %v, want all: %b", latest, err, rules)
	}
	if rules != quota.RefreshFromSource<<1-1 {
		t.Errorf("some rule is never added: %b", rules)
	}
}

func BenchmarkFlagsmith90DaysOf1000Accounts(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		w.view.Downsample = true
		start := at(2025, 1, 1, 0)
		for id := int64(1); id <= 1000; id++ {
			w.paid(id, 10_000, start)
			w.linear(id, start, start+90*day, 300*id)
		}
		f := w.flagsmith("G16")
		f.Sink = func(*record.Evaluation) {}
		w.poll(f, start+600*second, start+90*day)
	}
}
