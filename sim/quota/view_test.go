package quota_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/sim/quota"
)

func down(t, width int64) int64 {
	r := t % width
	if r < 0 {
		r += width
	}
	return t - r
}

// slowView is a View by definition: one pass over all events.
type slowView struct {
	quota.View
	all []quota.Event
	now int64
}

func (s *slowView) stamp(t, width int64) int64 {
	if !s.Downsample {
		return t
	}
	return down(t, width) + width
}

func (s *slowView) seen(e quota.Event) bool {
	if e.Late {
		return e.Arrive <= s.now
	}
	return s.stamp(e.At, quarter)+s.Lag <= s.now
}

func (s *slowView) sum(account, from, to int64) ([]quota.SeriesUnits, error) {
	if s.Of == quota.InfluxTotal {
		to = down(s.now, day)
	}
	if s.Of != quota.Postgres && from >= to {
		return nil, quota.ErrInfluxDB
	}
	per := map[string]int64{}
	for _, e := range s.all {
		stamp := s.stamp(e.At, quarter)
		in := from <= stamp && stamp < to
		if s.Of == quota.Postgres {
			in = down(from, day) < down(stamp, day) && down(stamp, day) <= down(s.now, day)
		}
		if e.Account == account && s.seen(e) && in {
			per[e.Series] += e.Units
		}
	}
	var rows []quota.SeriesUnits
	for series, units := range per {
		rows = append(rows, quota.SeriesUnits{Series: series, Units: units})
	}
	slices.SortFunc(rows, func(a, b quota.SeriesUnits) int { return int(a.Series[0]) - int(b.Series[0]) })
	return rows, nil
}

func (s *slowView) recent(account int64) int64 {
	tags, total := map[string]int64{}, int64(0)
	for _, e := range s.all {
		if e.Account != account || !s.seen(e) {
			continue
		}
		if s.stamp(e.At, quarter) >= s.now-30*day {
			total += e.Units
		}
		if h := s.stamp(e.At, hour); s.now-30*day <= h && h < s.now {
			tags[e.Tag] += e.Units
		}
	}
	if s.Of == quota.Postgres {
		return total
	}
	var least *int64
	for _, units := range tags {
		if least == nil || units < *least {
			least = &units
		}
	}
	if least == nil {
		return 0
	}
	return *least
}

func TestViewAgainstDefinition(t *testing.T) {
	base := at(2025, 3, 1, 0)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(nil)
		instant := rapid.Custom(func(t *rapid.T) int64 { // often on a boundary
			unit := rapid.SampledFrom([]int64{second, quarter, hour, day}).Draw(t, "unit")
			return base + unit*rapid.Int64Range(-40*day/unit, 40*day/unit).Draw(t, "n")
		})
		w.view.Of = rapid.SampledFrom([]quota.SourceKind{quota.Influx, quota.InfluxTotal, quota.Postgres}).Draw(t, "kind")
		w.view.Downsample = rapid.Bool().Draw(t, "downsample")
		w.view.Lag = rapid.SampledFrom([]int64{0, 0, second, day}).Draw(t, "lag")
		slow := slowView{View: w.view}
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			e := quota.Event{
				Usage: quota.Usage{Account: rapid.Int64Range(1, 2).Draw(t, "account"), At: instant.Draw(t, "at"),
					Units: rapid.Int64Range(-5, 20).Draw(t, "units"), Series: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "series")},
				Tag:  rapid.SampledFrom([]string{"old", "new"}).Draw(t, "tag"),
				Late: rapid.IntRange(0, 5).Draw(t, "late") == 0,
			}
			if e.Late {
				e.Arrive = instant.Draw(t, "arrive")
			}
			slow.all = append(slow.all, e)
			w.events.AddEvent(e)
		}
		w.now = instant.Draw(t, "now")
		slow.now = w.now
		from := instant.Draw(t, "from")
		got, err := w.view.Sum(context.Background(), 1, from, w.now)
		want, wantErr := slow.sum(1, from, w.now)
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, wantErr) {
			t.Fatalf("sum from %d to %d (−want +got), error %v, want %v:\n%s", from, w.now, err, wantErr, diff)
		}
		recent, err := w.view.Recent(context.Background(), 1)
		if want := slow.recent(1); recent != want || err != nil {
			t.Fatalf("recent %d, %v, want %d", recent, err, want)
		}
	})
}

func TestForgetLeavesOtherAccounts(t *testing.T) {
	w := newWorld(t)
	w.use(1, 0, 5)
	w.use(2, 0, 7)
	w.events.Forget(1)
	w.use(1, second, 1)
	w.now = day
	for account, want := range map[int64]int64{1: 1, 2: 7} {
		rows, err := w.view.Sum(context.Background(), account, 0, day)
		if err != nil || len(rows) != 1 || rows[0].Units != want {
			t.Errorf("account %d: %v, %v, want %d units", account, rows, err, want)
		}
	}
}

func TestOutages(t *testing.T) {
	w := newWorld(t)
	w.use(1, 0, 5)
	u := quota.Unreliable{UsageSource: &w.view, Clock: w, Sleep: w.sleep, Latency: second, Down: quota.Spans{{From: 10 * second, To: 20 * second}}}
	tests := []struct {
		name string
		now  int64
		says bool
		want int64 // units
		err  error
		took int64
	}{
		{"up", 9 * second, true, 5, nil, second},
		{"down from its first instant", 10 * second, false, 0, nil, second},
		{"down and says so", 10 * second, true, 0, quota.ErrSourceDown, 0},
		{"down to before its end", 20*second - 1, false, 0, nil, second},
		{"up again at its end", 20 * second, false, 5, nil, second},
	}
	for _, tt := range tests {
		w.now, u.Says = tt.now, tt.says
		recent, err := u.Recent(context.Background(), 1)
		if !errors.Is(err, tt.err) || recent != tt.want {
			t.Errorf("%s: recent %d, %v, want %d, %v", tt.name, recent, err, tt.want, tt.err)
		}
		rows, err := u.Sum(context.Background(), 1, 0, tt.now)
		var sum int64
		for _, r := range rows {
			sum += r.Units
		}
		if !errors.Is(err, tt.err) || sum != tt.want || w.now-tt.now != tt.took {
			t.Errorf("%s: %d units, %v after %d ns, want %d, %v after %d", tt.name, sum, err, w.now-tt.now, tt.want, tt.err, tt.took)
		}
	}
}

func TestPost(t *testing.T) {
	w := newWorld(t)
	w.post.Latency, w.post.Down = second, quota.Spans{{From: 10 * second, To: 20 * second}}
	for _, tt := range []struct {
		name            string
		now, recipients int64
		want            bool
	}{
		{"delivered", 0, 1, true},
		{"nobody gets it", 0, 0, false},
		{"down when it leaves", 9 * second, 1, false},
		{"down when it begins", 19 * second, 1, true},
	} {
		w.now = tt.now
		got, err := w.post.Send(context.Background(), quota.Notice{Recipients: tt.recipients})
		if got != tt.want || err != nil || w.now != tt.now+second {
			t.Errorf("%s: %v, %v at %d", tt.name, got, err, w.now)
		}
	}
}
