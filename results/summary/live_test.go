package summary_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

const s = int64(time.Second)

// faulty is manifest with a shard down from second 2 to 4 and a reset at 6.
func faulty() record.Manifest {
	m := manifest()
	m.Faults = []record.Fault{{At: 2 * s, Until: 4 * s, Kind: "down", What: "is killed", Shard: "a"}, {At: 6 * s, Until: 6 * s, Kind: "reset", Client: "ra"}}
	return m
}

func TestPhasesOfMetrics(t *testing.T) {
	at := func(second int64, change ...func(*record.Observation)) record.Observation {
		return make1(second*s, second*s, second*s+10*ms, change...)
	}
	got := summaryOf(t, faulty(), at(0), at(1), at(2, failed("refused")), at(3, failed("refused")), at(3, failed("timeout")), at(4), at(5), at(6), at(7, dropped),
		make1(2*s-1, 2*s+ms/2, 2*s+ms)) // due before, sent during
	want := []string{
		"decisions{traffic=main,limiter=l,client=wfe,decision=allowed,key=found,phase=before} 3",
		"decisions{traffic=main,limiter=l,client=wfe,decision=allowed,key=found,phase=after} 3",
		"decisions{traffic=main,limiter=l,client=wfe,decision=error,key=found,phase=during} 3",
		"decisions{traffic=main,limiter=l,client=wfe,decision=dropped,key=unread,phase=after} 1",
		"round_trips{limiter=l,client=wfe,decision=allowed,key=found,phase=before} 3 2 2 2 2",
		"round_trips{limiter=l,client=wfe,decision=allowed,key=found,phase=after} 3 2 2 2 2",
		"round_trips{limiter=l,client=wfe,decision=error,key=found,phase=during} 3 2 2 2 2",
		"errors{limiter=l,phase=before} 0",
		"errors{limiter=l,error=timeout,phase=during} 1",
		"errors{limiter=l,error=refused,phase=during} 2",
		"errors{limiter=l,phase=after} 0",
	}
	if diff := cmp.Diff(want, lines(got, "decisions", "round_trips", "errors")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := len(got.Select(metric.Selector{Metric: "latency", Tags: []metric.Tag{{Name: "phase", Value: "during"}}})); n != 1 {
		t.Errorf("%d series of latency during the fault, want 1", n)
	}
	wantPhases := []summary.Phase{{Phase: "before", Seconds: 2}, {Phase: "during", Seconds: 2}, {Phase: "after", Seconds: 6}}
	if diff := cmp.Diff(wantPhases, got.Phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	wantFaults := []summary.Fault{{At: 2, Until: 4, Kind: "down", What: "is killed", Shard: "a"}, {At: 6, Until: 6, Kind: "reset", Client: "ra"}}
	if diff := cmp.Diff(wantFaults, got.Faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	plain := summaryOf(t, manifest(), at(0))
	if diff := cmp.Diff([]string{"decisions{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1", "errors{limiter=l} 0"}, lines(plain, "decisions", "errors")); diff != "" || plain.Phases != nil || plain.Faults != nil {
		t.Errorf("a run without faults has no phases (-want +got):\n%s", diff)
	}
	if w := strings.Join(got.Warnings, "\n"); !strings.Contains(w, "l: 3 errors in 9 requests (33.3 %): timeout 1, refused 2.") {
		t.Errorf("the warning does not sum the phases: %s", w)
	}
}

func TestSchedule(t *testing.T) {
	real := func(change ...func(*record.Manifest)) record.Manifest {
		m := manifest()
		m.Clock, m.Traffic = "real", []record.Traffic{{Name: "main", Arrivals: 1000}}
		for _, c := range change {
			c(&m)
		}
		return m
	}
	// evenly is a request every 10 ms, late by lag.
	evenly := func(n int, lag int64, change ...func(*record.Observation)) (list []record.Observation) {
		for i := range int64(n) {
			list = append(list, make1(i*10*ms, i*10*ms+lag, i*10*ms+lag+ms, change...))
		}
		return list
	}
	maxLag := func(d time.Duration) func(*record.Manifest) {
		return func(m *record.Manifest) { m.MaxLag = d }
	}
	idle := func(med, p99, before int64) func(*record.Manifest) {
		return func(m *record.Manifest) {
			m.Pacing = &record.Pacing{Every: time.Millisecond, Before: record.Lateness{Samples: 100, P99: time.Duration(before)}, During: record.Lateness{Samples: 1000, Med: time.Duration(med), P99: time.Duration(p99), Max: time.Duration(p99)}}
		}
	}
	for _, c := range []struct {
		why      string
		m        record.Manifest
		list     []record.Observation
		due      int64
		achieved float64
		bound    float64
		says     string // "" valid
	}{
		{"as it should be", real(), evenly(1000, ms/10), 1000, 100, 0, ""},
		{"late by as much as a request takes", real(), evenly(1000, ms), 1000, 100, 0, ""},
		{"late by more", real(), evenly(1000, 3*ms/2), 1000, 100, 0, "lag decides what the run says: of what l allowed the median of latency (done − sent) is 1ms, of sojourn (done − intended) 2.5ms. Whether the machine or the generator is to blame is unknown"},
		{"as late as the machine", real(idle(ms/2, ms/2, ms/2)), evenly(1000, 3*ms/2), 1000, 100, 0, ""},
		{"later than the machine, which counts as often as a request takes", real(idle(ms, 20*ms, 2*ms)), evenly(1000, 5*ms/2), 1000, 100, 0, "The machine is to blame: at the 99th percentile requests were 2.5ms late, a thread with nothing to do 20ms, and 2ms before the run"},
		{"late where the machine was idle before", real(idle(0, 2*ms, ms/10)), evenly(1000, 5*ms/2), 1000, 100, 0, "The machine was too busy during the run"},
		{"late where the machine was not", real(idle(0, ms/10, ms/10)), evenly(1000, 5*ms/2), 1000, 100, 0, "The generator is to blame: at the 99th percentile requests were 2.5ms late, a thread with nothing to do 100µs, and 100µs before the run"},
		{"late in the last percents alone", real(idle(0, ms/10, 0)), append(evenly(970, 0), evenly(30, 50*ms)...), 1000, 100, 0, "the 99th percentile of latency (done − sent) is 1ms, of sojourn (done − intended) 51ms"},
		{"late in fewer", real(), append(evenly(995, 0), evenly(5, 50*ms)...), 1000, 100, 0, ""},
		{"late in so few more than one in a hundred that the percentile may be either", real(), append(evenly(986, 0), evenly(14, 50*ms)...), 1000, 100, 0, ""},
		{"too few to know the last percents", real(func(m *record.Manifest) { m.Traffic[0].Arrivals = 900 }), append(evenly(870, 0), evenly(30, 50*ms)...), 900, 90, 0, ""},
		{"late, but the scenario allows it", real(maxLag(5 * time.Millisecond)), evenly(1000, 3*ms/2), 1000, 100, 0.005, ""},
		{"later than the scenario allows", real(maxLag(100 * time.Microsecond)), evenly(1000, 3*ms/10), 1000, 100, 0.0001, "more than 100µs"},
		{"a second attempt is due when it is sent, and does not hide lag", real(maxLag(time.Millisecond)),
			append(evenly(1000, 3*ms/2), evenly(3000, 0, func(o *record.Observation) { o.Attempt, o.Intended, o.Sent = 1, 0, 0 })...), 1000, 100, 0.001, "the generator was late: lag's 99th percentile is 1.5ms, more than 1ms (max_lag)"},
		{"arrivals that nobody heard of again", real(), evenly(980, 0), 1000, 98, 0, "did not keep up: of 100/s that were due it sent 98/s (98.0 %)"},
		{"exactly 99 %", real(), evenly(990, 0), 1000, 99, 0, ""},
		{"sent when the run was over", real(maxLag(time.Minute)), evenly(1000, s), 1000, 100, 60, ""},
		{"sent long after the run was over", real(maxLag(time.Second)), evenly(1000, 2*s), 1000, 90, 1, "did not keep up"},
		{"each limiter gets every arrival", real(), append(evenly(1000, 0), evenly(900, 0, func(o *record.Observation) { o.Limiter = "m" })...), 2000, 190, 0, "(95.0 %)"},
		{"a source that never sent", real(func(m *record.Manifest) { m.Traffic = append(m.Traffic, record.Traffic{Name: "other", Arrivals: 50}) }), evenly(1000, 0), 1050, 100, 0, "did not keep up"},
		{"the warm-up does not count", real(func(m *record.Manifest) { m.Warmup = 5 * time.Second }), evenly(1000, 0), 500, 100, 0, ""},
		{"a drop is not sent", real(), append(evenly(999, 0), make1(9*s, 9*s, 9*s, dropped)), 1000, 99.9, 0, "1 arrival was not sent, because too many requests were under way (max_in_flight) or the generator was more than 1 s late"},
	} {
		got := summaryOf(t, c.m, c.list...)
		if got.Schedule == nil {
			t.Errorf("%s: no schedule", c.why)
			continue
		}
		if s := got.Schedule; s.Due != c.due || fmt.Sprintf("%.3f", s.AchievedPerSecond) != fmt.Sprintf("%.3f", c.achieved) || s.LagBound != c.bound {
			t.Errorf("%s: due %d, achieved %v/s, bound %v s; want %d, %v/s, %v s", c.why, s.Due, s.AchievedPerSecond, s.LagBound, c.due, c.achieved, c.bound)
		}
		if got.Valid != (c.says == "") || c.says != "" && !strings.Contains(strings.Join(got.Invalid, "\n"), c.says) {
			t.Errorf("%s: valid %v, because %q; want %q", c.why, got.Valid, got.Invalid, c.says)
		}
	}
	if virtual := summaryOf(t, manifest(), evenly(10, 0)...); virtual.Schedule != nil {
		t.Errorf("virtual time has a schedule: %+v", virtual.Schedule)
	}
	m := real()
	m.Aborted = "interrupt"
	if got := summaryOf(t, m, evenly(900, 3*ms)...).Invalid; len(got) < 2 || !strings.Contains(got[0], "did not keep up") {
		t.Errorf("invalid: %q; what the generator did wrong comes first", got)
	}
}

func TestServers(t *testing.T) {
	same := func(shard string, change ...func(*record.Server)) record.Server {
		r := record.Server{Shard: shard, Version: "7.0.15", Commands: []record.CommandCount{{Name: "evalsha", Sent: 100, Server: 100}, {Name: "get", Script: 100, Server: 100}},
			MemoryBefore: 1 << 20, MemoryAfter: 2 << 20, KeysAfter: 10, SampledKeys: 5, KeyBytes: 88}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	counts := func(list ...record.CommandCount) func(*record.Server) {
		return func(r *record.Server) { r.Commands = list }
	}
	for _, c := range []struct {
		why     string
		servers []record.Server
		want    []string
		says    string
	}{
		{"equal on both", []record.Server{same("a"), same("b")}, []string{"command_disagreement{shard=a} 0", "command_disagreement{shard=b} 0"}, ""},
		{"lost ones and foreign ones add up", []record.Server{same("a", counts(record.CommandCount{Name: "get", Sent: 10, Server: 7}, record.CommandCount{Name: "set", Server: 2})), same("b")},
			[]string{"command_disagreement{shard=a} 5", "command_disagreement{shard=b} 0"}, "shard a: get: clients sent 10 and scripts called 0, the server counted 7.\nshard a: set: clients sent 0 and scripts called 0, the server counted 2."},
		{"what scripts call is not known, and may be the rest", []record.Server{same("a", counts(record.CommandCount{Name: "get", Sent: 5, Script: -1, Server: 9})), same("b")}, []string{}, ""},
		{"fewer than the clients sent is wrong in any case", []record.Server{same("a", counts(record.CommandCount{Name: "get", Sent: 5, Script: -1, Server: 4}))}, []string{}, "get: clients sent 5, the server counted 4 only."},
		{"one that restarted leaves the sum unknown", []record.Server{same("a"), same("b", func(r *record.Server) { r.Restarted = true })}, []string{}, "shard b: commands cannot be compared: the server began to count anew during the run."},
		{"as does one that is gone", []record.Server{same("a"), same("b", func(r *record.Server) { r.Unreachable = "connection refused" })}, []string{}, "the server could not be asked: connection refused."},
		{"embedded shards do not say", nil, []string{}, ""},
	} {
		m := manifest()
		m.Limiters, m.Servers = m.Limiters[:1], c.servers
		got := summaryOf(t, m, make1(0, 0, ms))
		if diff := cmp.Diff(c.want, lines(got, "command_disagreement")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if w := strings.Join(got.Warnings, "\n"); !strings.Contains(w, c.says) || c.says == "" && w != "" {
			t.Errorf("%s: warnings %q, want %q", c.why, w, c.says)
		}
		if len(got.Servers) != len(c.servers) {
			t.Errorf("%s: %d servers in the summary, want %d", c.why, len(got.Servers), len(c.servers))
		}
	}
}

func TestServersSayOnlyWhatIsKnown(t *testing.T) {
	m := manifest()
	m.Servers = []record.Server{{Shard: "a", MemoryBefore: -1, MemoryAfter: -1, KeysBefore: 0, KeysAfter: -1, KeyBytes: -1, Unreachable: "refused"}}
	got := summaryOf(t, m, make1(0, 0, ms)).Servers[0]
	none := int64(0)
	if diff := cmp.Diff(summary.Server{Shard: "a", KeysBefore: &none, Unreachable: "refused"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAutoPipeliningIsNamed(t *testing.T) {
	m := manifest()
	m.Clients[0].Pipelining, m.Clients[1].Pipelining = "none", "auto"
	got := summaryOf(t, m, make1(0, 0, ms))
	if diff := cmp.Diff([]string{"ra"}, got.AutoPipelined); diff != "" || !strings.Contains(strings.Join(got.Warnings, "\n"), "client ra pipelines automatically") {
		t.Errorf("auto-pipelined %q, warnings %q", got.AutoPipelined, got.Warnings)
	}
}

// liveManifest has all that only live runs have.
func liveManifest() record.Manifest {
	m := faulty()
	m.Clock, m.Clients[0].Pipelining = "real", "auto"
	m.Servers = []record.Server{{Shard: "a", Version: "7.0.15", Commands: []record.CommandCount{{Name: "get", Sent: 2, Script: -1, Server: 1}}, KeysAfter: 1, SampledKeys: 1, KeyBytes: 8.5}, {Shard: "b", Unreachable: "refused"}}
	return m
}
