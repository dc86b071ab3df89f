package summary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// said fails a request with a text.
func said(kind, text string) func(*record.Observation) {
	return func(o *record.Observation) { o.Decision, o.Error, o.Message = record.Errored, kind, text }
}

// erring are requests that fail, each with one of the texts.
func erring(kind string, texts ...string) (list []record.Observation) {
	for i, text := range texts {
		list = append(list, make1(int64(i)*ms, int64(i)*ms, int64(i)*ms+1, said(kind, text)))
	}
	return list
}

func TestErrorTexts(t *testing.T) {
	many := make([]string, 1500)
	for i := range many {
		many[i] = fmt.Sprintf("ERR %d", i)
	}
	long := strings.Repeat("é", 400)
	type kinds = []summary.ErrorTexts
	for _, c := range []struct {
		why  string
		list []record.Observation
		want kinds
	}{
		{"none", erring("server", ""), nil},
		{"the most frequent first, then by alphabet", erring("server", "b", "a", "c", "c"), kinds{{Limiter: "l", Error: "server", Count: 4, Different: 3, Most: []summary.ErrorText{{Text: "c", Count: 2}, {Text: "a", Count: 1}, {Text: "b", Count: 1}}}}},
		{"kinds apart, in the catalogue's order", append(erring("server", "x"), erring("timeout", "x")...),
			kinds{{Limiter: "l", Error: "timeout", Count: 1, Different: 1, Most: []summary.ErrorText{{Text: "x", Count: 1}}}, {Limiter: "l", Error: "server", Count: 1, Different: 1, Most: []summary.ErrorText{{Text: "x", Count: 1}}}}},
		{"the client's port says nothing", erring("timeout", "read tcp 127.0.0.1:5001->127.0.0.1:6379: i/o timeout", "read tcp 127.0.0.1:5002->127.0.0.1:6379: i/o timeout", "read tcp [::1]:7->[::1]:6379: i/o timeout"),
			kinds{{Limiter: "l", Error: "timeout", Count: 3, Different: 2, Most: []summary.ErrorText{{Text: "read tcp 127.0.0.1:6379: i/o timeout", Count: 2}, {Text: "read tcp [::1]:6379: i/o timeout", Count: 1}}}}},
		{"a long one is cut between letters", erring("server", long), kinds{{Limiter: "l", Error: "server", Count: 1, Different: 1, Most: []summary.ErrorText{{Text: strings.Repeat("é", 300) + "…", Count: 1}}}}},
	} {
		if diff := cmp.Diff(c.want, summaryOf(t, manifest(), c.list...).ErrorTexts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
	got := summaryOf(t, manifest(), erring("server", many...)...).ErrorTexts
	if len(got) != 1 || got[0].Count != 1500 || got[0].Different != 1001 || len(got[0].Most) != 10 {
		t.Errorf("1,500 different texts: %+v", got)
	}
	if w := strings.Join(summaryOf(t, manifest(), erring("server", "a", "b\x1b[2J", "b\x1b[2J")...).Warnings, "\n"); !strings.Contains(w, "l: 3 errors in 3 requests (100.0 %): server 3. The most frequent text, 2 times: “b\uFFFD[2J”.") {
		t.Errorf("the warning does not have the text, or not as it can be printed: %s", w)
	}
}
