package present_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// live is a run of 30 s in real time: ten requests a second, a shard down
// from 10 to 20 s, its connections reset at 25 s.
func live(t testing.TB, change func(m *record.Manifest, list []record.Observation)) *summary.Measured {
	t.Helper()
	const second = 1000 * ms
	m := record.Manifest{
		Scenario: "live", About: "A shard is killed and comes back.", Seed: 7, Clock: "real", PlanHash: "abc", Horizon: 30 * time.Second,
		Epoch: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Shards: []string{"a", "b"},
		Clients:  []record.Client{{Name: "wfe", ShardNames: []string{"a", "b"}}},
		Limiters: []record.Limiter{{Name: "gcra", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Second, Burst: 2}}}},
		Traffic:  []record.Traffic{{Name: "main", Arrivals: 300}},
		Pacing: &record.Pacing{Urgent: true, Every: 100 * time.Millisecond, Before: record.Lateness{Samples: 2, Med: 60_000, P99: 61_000, Max: 61_000},
			During: record.Lateness{Samples: 299, Med: 62_000, P99: 80_000, Max: 90_000}},
		Faults: []record.Fault{{At: 10 * second, Until: 20 * second, Kind: "down", What: "is killed, refuses connections, and comes back empty", Shard: "a"},
			{At: 25 * second, Until: 25 * second, Kind: "reset", What: "every connection is reset", Shard: "a"}, {At: 12 * second, Until: 14 * second, Kind: "clock", What: "its clock is 1s ahead", Client: "wfe"}},
		Servers: []record.Server{
			{Shard: "a", Version: "7.0.15", Commands: []record.CommandCount{{Name: "evalsha", Sent: 90, Server: 90}, {Name: "get", Script: 90, Server: 90}},
				MemoryBefore: 900_000, MemoryAfter: 2_500_000, KeysAfter: 12_345, SampledKeys: 100, KeyBytes: 87.6},
			{Shard: "b", Version: "7.0.15", Commands: []record.CommandCount{{Name: "evalsha", Sent: 160, Server: 160}, {Name: "get", Script: 160, Server: 160}},
				MemoryBefore: 900_000, MemoryAfter: 2_600_000, KeysAfter: 12_000, SampledKeys: 100, KeyBytes: 88.2},
		},
	}
	var list []record.Observation
	for i := range int64(300) {
		at := i * 100 * ms
		o := record.Observation{Arrival: i, Traffic: "main", Client: "wfe", Limiter: "gcra", Intended: at, Sent: at + 20_000 + i%10*5000, Effect: -1, Order: -1, Judged: -1,
			Decision: record.Allowed, Key: record.Found, RoundTrips: 1, Remaining: 1, RetryAfter: -1,
			Takes: []record.Take{{Limit: "x", Key: "k", Cost: 1, Mode: record.TakeMode, Shard: "b", State: record.Found}}, Touched: []record.Touch{{Shard: "b", Commands: 1}}}
		o.Done = o.Sent + 200_000 + i%7*30_000
		switch {
		case i%2 == 0 && o.Intended >= 10*second && o.Intended < 20*second:
			o.Decision, o.Key, o.Error, o.Done, o.RoundTrips, o.Touched = record.Errored, record.Unread, "refused", o.Sent+410*ms, 0, nil
		case i%2 == 0:
			o.Takes[0].Shard, o.Touched[0].Shard = "a", "a"
		case i%5 == 0:
			o.Decision = record.Denied
		}
		list = append(list, o)
	}
	if change != nil {
		change(&m, list)
	}
	r := testkit.WriteRecord(t, m, list)
	s, err := summary.Measure(r, &audit.Result{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTextOfLiveRuns(t *testing.T) {
	for _, c := range []struct {
		file    string
		o       present.TextOptions
		change  func(m *record.Manifest, list []record.Observation)
		amended func(s *summary.Measured)
	}{
		{file: "live.txt"},
		{file: "live_full_us.txt", o: present.TextOptions{Mode: present.Full, Unit: "us"}},
		{file: "live_invalid.txt", change: func(m *record.Manifest, list []record.Observation) {
			m.Traffic[0].Arrivals = 3000 // most of them never went out
			m.Clients[0].Pipelining = "auto"
			m.Servers[0].Commands[0].Server = 70
			m.Servers[1].Restarted, m.Servers[1].KeyBytes, m.Servers[1].SampledKeys = true, -1, 0
			for i := range list {
				list[i].Sent += 40 * ms
				list[i].Done += 40 * ms
			}
		}},
		{file: "live_sampled.txt", amended: func(s *summary.Measured) {
			s.Recorded, s.SampleRate, s.Seen, s.Observations = "sampled", 0.05, 300, 14
			s.SampledAudit = []summary.SampledAudit{{Limiter: "gcra", Compared: 14, Over: 2, Ambiguous: 3, WorstExcess: 1.5}}
			s.Servers[0].Unreachable, s.Servers[0].KeysAfter, s.Servers[0].MemoryAfter = "dial tcp 127.0.0.1:1: connection refused", nil, nil
			s.Servers[0].Compared, s.Servers[0].CommandsSent, s.Servers[0].CommandsServed = false, nil, nil
		}},
	} {
		s := live(t, c.change)
		if c.amended != nil {
			c.amended(s)
		}
		var b bytes.Buffer
		if err := present.Text(&b, s, c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, b.Bytes())
	}
}

// TestErrorsAreSummedOverPhases: a kind of error that is in two phases has one
// row in the table of errors.
func TestErrorsAreSummedOverPhases(t *testing.T) {
	s := live(t, func(_ *record.Manifest, list []record.Observation) {
		for _, i := range []int{1, 2} {
			o := &list[i]
			o.Decision, o.Key, o.Error, o.RoundTrips, o.Touched = record.Errored, record.Unread, "refused", 0, nil
		}
	})
	var b bytes.Buffer
	if err := present.Text(&b, s, present.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(b.String(), "\nErrors\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if rows := strings.Split(table, "\n"); len(rows) != 2 || strings.Join(strings.Fields(rows[1]), " ") != "gcra refused 52 the record has no text" {
		t.Errorf("expected one row of 52 errors, found %q", table)
	}
}

// TestTextsOfErrors: the compact summary has the three most frequent texts of a
// kind and counts the rest, so that the counts add up; nothing in a text moves the
// cursor.
func TestTextsOfErrors(t *testing.T) {
	texts := []string{"ERR a", "ERR b\x1b[2J", "ERR b\x1b[2J", "ERR c", "ERR d", "ERR e"}
	s := live(t, func(_ *record.Manifest, list []record.Observation) {
		for i, text := range texts {
			o := &list[2*i+1]
			o.Decision, o.Key, o.Error, o.Message, o.RoundTrips, o.Touched = record.Errored, record.Unread, "server", text, 0, nil
		}
	})
	for mode, want := range map[string][]string{
		present.Compact: {"gcra refused 50 the record has no text", "gcra server 2 ERR b\uFFFD[2J", "gcra server 1 ERR a", "gcra server 1 ERR c", "gcra server 2 and 2 more kinds of text"},
		present.Full:    {"gcra refused 50 the record has no text", "gcra server 2 ERR b\uFFFD[2J", "gcra server 1 ERR a", "gcra server 1 ERR c", "gcra server 1 ERR d", "gcra server 1 ERR e"},
	} {
		var got []string
		for _, t := range present.Sections(s, mode, "ms") {
			if t.Name == "errors" {
				for _, r := range t.Rows {
					got = append(got, r[0].Text+" "+r[1].Text+" "+r[2].Text+" "+r[3].Text)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
	}
}

// TestOneShard: a table of shards that has one is a line, of several a table.
func TestOneShard(t *testing.T) {
	for shards, want := range map[int]string{1: "gcra: all on one shard, b: 150 commands, 1 key.", 2: ""} {
		s := live(t, func(m *record.Manifest, list []record.Observation) {
			if shards == 2 {
				return
			}
			m.Shards, m.Clients[0].ShardNames = []string{"b"}, []string{"b"}
			for i := range list {
				if o := &list[i]; o.Takes[0].Shard == "a" {
					o.Decision, o.Key, o.Error, o.RoundTrips, o.Touched, o.Takes[0].Shard = record.Errored, record.Unread, "refused", 0, nil, ""
				}
			}
		})
		for _, table := range present.Sections(s, present.Compact, "ms") {
			if table.Name != "shards" {
				continue
			}
			if (len(table.Rows) == 0) != (want != "") || want != "" && table.Notes[0] != want {
				t.Errorf("%d shards: %d rows, notes %q", shards, len(table.Rows), table.Notes)
			}
		}
	}
}

// TestTotalsByTraffic: one row a traffic and limiter, with p50 and p99 of allowed
// and of denied requests apart, and a time of a minute or more as people write it;
// states of keys are in the full summary alone.
func TestTotalsByTraffic(t *testing.T) {
	s := live(t, func(m *record.Manifest, list []record.Observation) {
		m.Traffic = append(m.Traffic, record.Traffic{Name: "slow", Arrivals: 1})
		o := &list[299]
		o.Traffic, o.Decision, o.Done = "slow", record.FailOpen, o.Sent+4_200_140*ms
		o = &list[297]
		o.Traffic, o.Decision, o.Done = "slow", record.Allowed, o.Sent+4_200_140*ms
	})
	rows := map[string][][]string{}
	for _, mode := range []string{present.Compact, present.Full} {
		for _, table := range present.Sections(s, mode, "ms") {
			for _, r := range table.Rows {
				var line []string
				for _, c := range r {
					line = append(line, c.Text)
				}
				rows[mode+" "+table.Name] = append(rows[mode+" "+table.Name], line)
			}
		}
	}
	want := [][]string{
		{"main", "gcra", "298", "73.2 %", "30", "50", "0.290", "0.380", "0.290", "0.380", "–", "–"},
		{"slow", "gcra", "2", "100.0 %", "0", "1", "1h10m", "1h10m", "–", "–", "–", "–"},
	}
	if diff := cmp.Diff(want, rows["compact totals"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, rows["full totals"]); diff != "" {
		t.Errorf("full (-want +got):\n%s", diff)
	}
	if rows["compact decisions"] != nil || rows["compact latency"] != nil || rows["full decisions"] == nil || rows["full latency"] == nil {
		t.Error("states of keys are in the full summary alone")
	}
}

// TestInvalidIsSaidFirst: before anything that might be taken for a result.
func TestInvalidIsSaidFirst(t *testing.T) {
	s := live(t, func(m *record.Manifest, _ []record.Observation) { m.Traffic[0].Arrivals = 3000 })
	var b bytes.Buffer
	if err := present.Text(&b, s, present.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	first := strings.SplitN(b.String(), "\n", 3)
	if !strings.Contains(first[0], "INVALID") || !strings.Contains(first[1], "the generator did not keep up: of 100/s that were due it sent 10/s (10.0 %)") {
		t.Errorf("the text begins with\n%s\n%s", first[0], first[1])
	}
}
