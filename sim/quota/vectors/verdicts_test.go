package vectors_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/quota/vectors"
)

// The bound of verdicts.jsonl.
const (
	vectorGap   = 12 * 3600 * vectors.Second
	vectorSlack = 900 * vectors.Second
)

// verdictLine is a line of verdicts.jsonl.
type verdictLine struct {
	ID          string           `json:"id"`
	Obligations []obligationLine `json:"obligations"`
	Sends       []sendLine       `json:"sends"`
}

type obligationLine struct {
	Org     int64        `json:"org"`
	Key     string       `json:"key"`
	T       int64        `json:"T"`
	Tau     vectors.Time `json:"tau"`
	Delay   vectors.Time `json:"delay"`
	Verdict string       `json:"verdict"`
	Causes  []string     `json:"causes"`
	Covered bool         `json:"covered"`
}

type sendLine struct {
	Org     int64        `json:"org"`
	T       int64        `json:"T"`
	At      vectors.Time `json:"t"`
	Verdict string       `json:"verdict"`
	Cause   string       `json:"cause"`
}

func TestVectorVerdicts(t *testing.T) {
	all, dir := load(t), folder()
	expected := loadVerdicts(t, dir)
	equal, obligations, sends := 0, 0, 0
	for i := range all {
		v := &all[i]
		t.Run(v.ID, func(t *testing.T) {
			want, ok := expected[v.ID]
			if !ok {
				t.Fatalf("%s: no verdicts.jsonl line of this id", dir)
			}
			result, err := vectors.Run(v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(want, verdictsOf(t, v, result.Evaluations)); diff != "" {
				t.Fatalf("%s (−expected +ours):\n%s", v.Note, diff)
			}
			equal, obligations, sends = equal+1, obligations+len(want.Obligations), sends+len(want.Sends)
		})
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vector", dir)
	}
	fmt.Printf("verdicts of %d of %d vectors equal: %d obligations, %d notices\n", equal, len(all), obligations, sends)
}

func loadVerdicts(t *testing.T, dir string) map[string]verdictLine {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "verdicts.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := map[string]verdictLine{}
	for dec := json.NewDecoder(file); ; {
		var line verdictLine
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return lines
		case err != nil:
			t.Fatalf("verdicts.jsonl, line %d: %v", len(lines)+1, err)
		}
		lines[line.ID] = line
	}
}

// verdictsOf judges one vector as verdicts.jsonl does.
func verdictsOf(t *testing.T, v *vectors.Vector, evaluations []record.Evaluation) verdictLine {
	t.Helper()
	line := verdictLine{ID: v.ID, Obligations: []obligationLine{}, Sends: []sendLine{}}
	for _, o := range v.Organisations {
		in := inputOf(v, o, evaluations)
		if err := in.Contract.Check(); err != nil {
			t.Fatal(err)
		}
		due, notices := quotaaudit.Judge(in)
		for _, d := range due {
			if d.Verdict == quotaaudit.Censored {
				continue // verdicts.jsonl leaves them out
			}
			l := obligationLine{Org: o.ID, Key: fmt.Sprintf("p%d", d.Start/vectors.Second), T: d.Threshold, Tau: vectors.Time(d.Crossing), Verdict: string(d.Verdict), Covered: d.Covered}
			if d.Rolling {
				l.Key = fmt.Sprintf("x%d", d.Crossing/vectors.Second)
			}
			if d.Delay >= 0 {
				l.Delay = vectors.Time(d.Delay)
			}
			for _, c := range d.Causes {
				l.Causes = append(l.Causes, string(c))
			}
			line.Obligations = append(line.Obligations, l)
		}
		for _, n := range notices {
			line.Sends = append(line.Sends, sendLine{o.ID, n.Threshold, vectors.Time(n.At), string(n.Verdict), string(n.Cause)})
		}
	}
	return line
}

func inputOf(v *vectors.Vector, o vectors.Organisation, evaluations []record.Evaluation) quotaaudit.Input {
	first, last := v.Evaluations[0].T, v.Evaluations[len(v.Evaluations)-1].T
	in := quotaaudit.Input{
		Account: o.ID, Contract: contractOf(v, o), First: int64(first), Last: int64(last),
		Gap: vectorGap, Slack: vectorSlack, Downsampled: v.Options.Downsample,
		LimitChanged: slices.ContainsFunc(v.Changes, func(c vectors.Change) bool { return c.Org == o.ID && c.Set.Allowed != nil }),
	}
	for _, d := range v.Options.InfluxDown {
		in.SourceDown = append(in.SourceDown, quotaaudit.Span{From: int64(d[0]), Until: int64(d[1])})
	}
	for _, e := range evaluations {
		if e.Account == o.ID {
			in.Evaluations = append(in.Evaluations, e)
		}
	}
	var events []usage.Event
	for _, e := range v.Events() {
		if e.Org == o.ID {
			events = append(events, usage.Event{At: e.At, Units: e.Units})
		}
	}
	in.Obligations = usage.Obligations(events, in.Contract, v.Thresholds, in.Last)
	return in
}

// agreed is what the customer and Flagsmith agreed on: which plan, limit and
// term. Where the cache is wrong (truth.limits) the contract is not.
type agreed struct {
	free     bool
	maxCalls int64
	allowed  int64 // 0 unknown
	real     int64 // 0 as allowed
	start    vectors.Optional[vectors.Time]
}

// defaultLimit is that of an organisation of which nothing is known.
const defaultLimit = 50_000

func (a agreed) segment(from int64) usage.Segment {
	s := usage.Segment{From: from, Kind: usage.Calendar}
	switch {
	case a.free:
		s.Kind, s.Limit = usage.Rolling, a.maxCalls
	case a.start.Known:
		s.Kind, s.Anchor = usage.Period, int64(a.start.Value)
		fallthrough
	default:
		s.Limit = cmp.Or(a.real, a.allowed)
	}
	s.Limit = cmp.Or(s.Limit, defaultLimit)
	return s
}

func contractOf(v *vectors.Vector, o vectors.Organisation) usage.Contract {
	a := agreed{free: o.Plan == "free", maxCalls: defaultLimit, real: v.Truth.Limits[strconv.FormatInt(o.ID, 10)], start: o.BillingStart}
	if o.MaxAPICalls != nil {
		a.maxCalls = *o.MaxAPICalls
	}
	a.allowed = a.maxCalls
	if o.Allowed != nil {
		a.allowed = *o.Allowed
	}
	known := o.Allowed != nil
	c := usage.Contract{a.segment(usage.Beginning)}
	changes := slices.Clone(v.Changes)
	slices.SortStableFunc(changes, func(a, b vectors.Change) int { return cmp.Compare(a.T, b.T) })
	for _, ch := range changes {
		if ch.Org != o.ID {
			continue
		}
		if ch.Set.Plan != nil {
			a.free = *ch.Set.Plan == "free"
		}
		if ch.Set.MaxAPICalls != nil {
			a.maxCalls = *ch.Set.MaxAPICalls
		}
		if ch.Set.Allowed != nil {
			a.allowed, known = *ch.Set.Allowed, true
		} else if !known {
			a.allowed = a.maxCalls
		}
		if ch.Set.BillingStart.Present {
			a.start = ch.Set.BillingStart
		}
		s := a.segment(int64(ch.T))
		if before := c[len(c)-1]; s.Kind != before.Kind || s.Anchor != before.Anchor || s.Limit != before.Limit {
			c = append(c, s)
		}
	}
	return c
}
