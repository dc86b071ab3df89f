package plots

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// loaded is a record of one limiter on shards; keys nil: not known. Commands by
// second and shard are about a 60th of the totals.
func loaded(keys, commands []int64, intervals int) *series.Set {
	s := usual()
	s.Manifest.Limiters = []record.Limiter{{Name: "boulder", Algorithm: "gcra"}}
	l := series.ShardLoad{Limiter: "boulder", Keys: keys, Commands: commands, Step: 1, KeysLow: math.NaN(), KeysHigh: math.NaN(), KeysP: math.NaN(), HotRest: math.NaN()}
	rng := rand.New(rand.NewPCG(7, 7))
	for i, n := range commands {
		l.Names = append(l.Names, fmt.Sprintf("shard-%d", i+1))
		row := make([]float64, intervals)
		for j := range row {
			row[j] = math.Round(float64(n) / 60 * (0.9 + 0.2*rng.Float64()))
		}
		l.Heat = append(l.Heat, row)
	}
	s.Manifest.Shards = l.Names
	if n := total(keys); n > 0 {
		mean := float64(n) / float64(len(keys))
		l.KeysLow, l.KeysHigh, l.KeysP = math.Floor(mean-3*math.Sqrt(mean)), math.Ceil(mean+3*math.Sqrt(mean)), 0.42
	}
	for i := range min(10, int(total(keys))) {
		l.Hottest = append(l.Hottest, series.HotKey{Limit: "default", Key: fmt.Sprintf("tenant-%d", i), Shard: l.Names[i%len(l.Names)],
			Decisions: int64(5000 / (i + 1)), Share: 0.25 / float64(i+1)})
	}
	l.HotRest = 0.2
	s.Shards = []series.ShardLoad{l}
	return s
}

// evenly, or nearly, counts on n shards.
func evenly(n int, each int64) []int64 {
	counts := make([]int64, n)
	for i := range counts {
		counts[i] = each + int64(i%3)
	}
	return counts
}

// hotShards of eight: two have most of the commands.
func hotLoad() *series.Set {
	return loaded(evenly(8, 1250), []int64{12000, 12500, 120000, 11900, 12100, 90000, 12300, 11800}, 12)
}

func unevenLoad() *series.Set {
	s := loaded([]int64{10, 2, 1, 30}, []int64{100, 20, 10, 300}, 1)
	s.Shards[0].KeysLow, s.Shards[0].KeysHigh, s.Shards[0].KeysP = 2, 22, 1e-9
	return s
}

func longNamedLoad() *series.Set {
	s := hotLoad()
	for i := range s.Shards[0].Names {
		s.Shards[0].Names[i] = fmt.Sprintf("redis-cache-eu-central-1a-%d.internal.example.com:6379", i)
	}
	for i := range s.Shards[0].Hottest {
		h := &s.Shards[0].Hottest[i]
		h.Key, h.Limit, h.Shard = strings.Repeat("2001:db8:", 8)+fmt.Sprint(i), fmt.Sprintf("NewOrdersPerAccount%d", i%2), s.Shards[0].Names[i%8]+","+s.Shards[0].Names[(i+1)%8]
	}
	return s
}

// shardFixtures are loads at their best and worst.
var shardFixtures = sync.OnceValue(func() map[string]*series.Set {
	sampled := usual()
	sampled.Manifest.Limiters, sampled.Manifest.Recorded = []record.Limiter{{Name: "boulder"}}, record.Sampled
	idle := usual()
	idle.Manifest.Limiters = []record.Limiter{{Name: "boulder"}}
	faulted := loaded(evenly(64, 150), evenly(64, 9000), 240)
	for i := range 12 {
		faulted.Timeline.Faults = append(faulted.Timeline.Faults, series.Span{From: float64(i * 20), Until: float64(i*20 + i%3*5), Label: fmt.Sprintf("shard-%d is down", i)})
	}
	fewFaults := loaded(evenly(4, 150), evenly(4, 9000), 60)
	fewFaults.Timeline.Faults = []series.Span{{From: 10, Until: 20, Label: "shard-1 is down"}, {From: 30, Until: 30, Label: "shard-2 restarts"}}
	countsOnly := hotLoad()
	countsOnly.Shards[0].Heat, countsOnly.Shards[0].Hottest = nil, nil
	return map[string]*series.Set{
		"hot":         hotLoad(),
		"1 shard":     loaded([]int64{1}, []int64{1024}, 16),
		"64 shards":   loaded(evenly(64, 150), append(evenly(63, 900), 40000), 240),
		"20 shards":   loaded(evenly(20, 150), append(evenly(19, 900), 40000), 100),
		"no keys":     loaded(nil, evenly(4, 900), 5),
		"0 keys":      loaded(make([]int64, 4), evenly(4, 900), 5),
		"no commands": loaded(evenly(3, 10), make([]int64, 3), 5),
		"uneven":      unevenLoad(),
		"long names":  longNamedLoad(),
		"sampled":     sampled,
		"idle":        idle,
		"many faults": faulted,
		"two faults":  fewFaults,
		"counts only": countsOnly,
	}
})

func TestShardTitles(t *testing.T) {
	tests := []struct {
		why    string
		set    *series.Set
		titles []string // keys and commands, load over time, hot keys
	}{
		{"hot shards", hotLoad(), []string{"Two of eight shards take 74.3 % of the commands; the keys are even (p = 0.42)", "shard-3 is always the busiest shard, with up to", "The hottest key has 25 % of the decisions, the ten hottest have 73.2 %"}},
		{"one shard", loaded([]int64{1}, []int64{1024}, 16), []string{"One shard takes all 1,024 commands, on 1 key", "The one shard serves up to", "One key has 25 % of the decisions"}},
		{"even", loaded(evenly(3, 50), evenly(3, 900), 5), []string{"The commands are even: the fullest of three shards takes 33.4 %; the keys are even (p = 0.42)", "The busiest shard usually has 1.02 times the mean", ""}},
		{"keys that chance does not explain", unevenLoad(), []string{"One of four shards takes 69.8 % of the commands; the keys are uneven beyond chance (p < 0.001)", "", ""}},
		{"keys that are not known", loaded(nil, []int64{1, 9}, 2), []string{"One of two shards takes 90 % of the commands; which keys is not known", "", "Which keys are hot is not known"}},
		{"no commands", loaded(evenly(3, 10), make([]int64, 3), 5), []string{"No command reached a shard; the keys are even (p = 0.42)", "No command reached a shard", ""}},
	}
	for _, tt := range tests {
		figures := ofKinds(drawn([]*series.Set{tt.set}, Options{}), "shards")
		if len(figures) != len(tt.titles) {
			t.Fatalf("%s: %d figures, expected %d", tt.why, len(figures), len(tt.titles))
		}
		for i, f := range figures {
			if !strings.HasPrefix(f.Title, tt.titles[i]) {
				t.Errorf("%s: title %q, expected it to begin with %q", tt.why, f.Title, tt.titles[i])
			}
		}
	}
}

// The limiter is named where there are several.
func TestShardTitlesNameTheLimiter(t *testing.T) {
	s := hotLoad()
	other := s.Shards[0]
	other.Limiter = "lua"
	s.Shards = append(s.Shards, other)
	s.Latency = append(s.Latency, latencyOf("lua", "allowed", "found", same(10, 1)))
	for _, f := range ofKinds(drawn([]*series.Set{s}, Options{}), "shards") {
		if name := f.Name[strings.LastIndex(f.Name, "-")+1:]; !strings.Contains(f.Title, "of "+name) {
			t.Errorf("%s: title %q does not name %s", f.Name, f.Title, name)
		}
	}
}

func TestPMeans(t *testing.T) {
	tests := []struct {
		p    float64
		want string
	}{
		{0.75, "Chance alone is at least as uneven as here in 75 of 100 runs (p = 0.75)."},
		{0.0042, "Chance alone is at least as uneven as here in 0.42 of 100 runs (p = 0.0042)."},
		{1e-12, "Chance alone is as uneven as here in fewer than 1 of 1,000 runs (p < 0.001)."},
		{math.NaN(), ""},
	}
	for _, tt := range tests {
		if got := pMeans(tt.p); got != tt.want {
			t.Errorf("p = %g: %q, expected %q", tt.p, got, tt.want)
		}
	}
}

// Merged intervals have the mean of what they are made of, the last of what is
// left.
func TestCoarser(t *testing.T) {
	rows := make([][]float64, 64)
	for r := range rows {
		for i := range 240 {
			rows[r] = append(rows[r], float64(i))
		}
	}
	got, step := coarser(rows, 2)
	if len(got)*len(got[0]) > mostCells || step != 6 || len(got[0]) != 80 {
		t.Fatalf("%d × %d cells of %g s, expected 64 × 80 of 6", len(got), len(got[0]), step)
	}
	if got[3][0] != 1 || got[63][79] != 238 {
		t.Errorf("first and last are %g and %g, expected 1 and 238", got[3][0], got[63][79])
	}
	odd, _ := coarser([][]float64{make([]float64, mostCells), append(make([]float64, mostCells-1), 9)}, 1)
	if last := odd[1][len(odd[1])-1]; last != 4.5 {
		t.Errorf("last is %g, expected 4.5", last)
	}
	if few, step := coarser(rows[:2], 2); len(few[0]) != 240 || step != 2 {
		t.Errorf("few cells were merged to %d of %g s", len(few[0]), step)
	}
}

func TestGoldenShards(t *testing.T) {
	goldenOf(t, "shards", ofKinds(drawn([]*series.Set{hotLoad()}, Options{}), "shards"))
	goldenOf(t, "shards-1", ofKinds(drawn([]*series.Set{loaded([]int64{1}, []int64{1024}, 16)}, Options{}), "shards"))
}

func TestGoldenShardImages(t *testing.T) {
	for _, o := range []Options{{Theme: draw.Light}, {Theme: draw.Dark, Width: 8}} {
		for _, f := range ofKinds(drawn([]*series.Set{hotLoad()}, o), "shards") {
			golden(t, f.Name+"-"+string(o.Theme)+".png", smallPNG(t, &f), sameImage)
		}
	}
}

// Figures say of fewer than five keys a shard that they are too few for a test, as
// the summary does, and never that they are even or uneven.
func TestTooFewKeysInFigures(t *testing.T) {
	for _, c := range []struct {
		why   string
		keys  []int64
		p     float64
		want  string
		never string
	}{
		{"one key on ten shards", []int64{0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, 0.44, "the keys are too few for a test of balance (fewer than five on average on each of ten shards)", "even (p"},
		{"seemingly uneven", []int64{9, 0}, 0.003, "the keys are too few for a test of balance (fewer than five on average on each of two shards)", "beyond chance"},
		{"just enough", []int64{5, 5}, 1, "the keys are even (p = 1)", "too few"},
	} {
		s := loaded(c.keys, append([]int64{100}, evenly(len(c.keys)-1, 0)...), 1)
		l := &s.Shards[0]
		l.KeysP = c.p
		if title := balanceTitle(s, l); !strings.Contains(title, c.want) || strings.Contains(title, c.never) {
			t.Errorf("%s: the title is %q, expected %q", c.why, title, c.want)
		}
		if few := strings.HasPrefix(chanceNote(l), "Too few keys for the χ² test: "); few != strings.Contains(c.want, "too few") {
			t.Errorf("%s: the note is %q", c.why, chanceNote(l))
		}
		if word := balanceWord(l); (word == "too few keys") != strings.Contains(c.want, "too few") {
			t.Errorf("%s: a comparison says %q", c.why, word)
		}
	}
	for want, words := range map[string]string{
		"The fullest shard has up to 2.00 times the mean of commands, with l; keys are too few for a test of their balance":                        balanceWords(2, "l", 3, 0, 3),
		"The fullest shard has up to 2.00 times the mean of commands, with l; chance explains how keys lie, but for two with too few keys to tell": balanceWords(2, "l", 3, 0, 2),
		"The fullest shard has up to 2.00 times the mean of commands, with l; in one of three keys are uneven beyond chance":                       balanceWords(2, "l", 3, 1, 1),
		"The fullest shard has up to 2.00 times the mean of commands, with l; chance explains how keys lie":                                        balanceWords(2, "l", 3, 0, 0),
	} {
		if words != want {
			t.Errorf("got %q, want %q", words, want)
		}
	}
}
