package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/HdrHistogram/hdrhistogram-go"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/net/html"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
)

// hostileTexts each mean something to a medium, or are forbidden in one.
var hostileTexts = []string{"=HYPERLINK(\"http://x\")", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "＝1", "\x1b[2J", "\x1b]0;owned\a", "\u009b31m", "\u009d0;x\u009c", "\x00", "\x7f", "\u202e", "\u2066", "\ufeff", "\ufffe", "\uffff", "\U0001fffe",
	"\xff", "\xed\xa0\x80", "\xf5", "\r\n", "\n", "\t", "\v", "\u0085", "\u2028", "\U000e0041",
	"</script><script>alert(1)</script>", "<!--", "]]>", "&amp;", "\"' onload=x ", "{{.}}", "| a |", "**", "`", "[x](javascript:y)", "/", ",", ";", ":", "#", "\\", "%s%n", "日本", "🙂", "e\u0301", "\u0627", " style=\"fill:red\""}

// hostileText returns a text of some of them and of random characters.
func hostileText(rng *rand.Rand) string {
	var b strings.Builder
	for range 1 + rng.IntN(5) {
		if rng.IntN(3) > 0 {
			b.WriteString(hostileTexts[rng.IntN(len(hostileTexts))])
		} else {
			b.WriteRune(rune(rng.IntN(unicode.MaxRune + 1)))
		}
	}
	return b.String()
}

// TestHostileTexts writes runs whose every name, key, tag and sentence is hostile in
// every form, and reads each with its own parser.
func TestHostileTexts(t *testing.T) {
	runs := testkit.Full(len(hostileTexts), 10)
	for i, text := range hostileTexts[:runs] {
		for j := i + runs; j < len(hostileTexts); j += runs {
			text += hostileTexts[j]
		}
		checkOutputs(t, text, i%8 == 0)
	}
	rng := rand.New(rand.NewPCG(14, 2))
	for i := range testkit.Full(200, 3) {
		checkOutputs(t, hostileText(rng), i%10 == 0)
	}
}

func FuzzOutputs(f *testing.F) {
	for _, text := range hostileTexts[:testkit.Full(len(hostileTexts), 3)] { // TestHostileTexts has them all
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkOutputs(t, text[:min(len(text), 60)], false) })
}

// checkOutputs writes a run with a text in front of every name; pages are slow.
func checkOutputs(t *testing.T, text string, page bool) {
	t.Helper()
	in := limiterInput(text)
	s := in.Set.Summary
	s.Tags = map[string]string{text: text, "commit": text}
	s.PlanHash, s.RecordHash = text, text
	s.Invalid, s.Undecided = []string{text}, text
	s.Assertions[0].Why = text
	s.ErrorTexts = []summary.ErrorTexts{{Limiter: text, Error: text, Most: []summary.ErrorText{{Text: text, Count: 3}}}}
	written := func(what string, check func(t *testing.T, out string), write func(w io.Writer) error) {
		t.Helper()
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Errorf("%s of %+q: %v", what, text, err)
		}
		if !utf8.Valid(b.Bytes()) {
			t.Errorf("%s of %+q is not UTF-8", what, text)
		}
		if bad := strings.IndexFunc(b.String(), unshown); bad >= 0 {
			t.Errorf("%s of %+q has a character that must not be shown: %+.40q", what, text, b.String()[bad:])
		}
		check(t, b.String())
		if t.Failed() {
			t.Fatalf("%s of %+q", what, text)
		}
	}
	writeTables(t, in, text, written)
	writeRecord(t, text, written)
	figures, err := plots.All([]*series.Set{in.Set}, plots.Options{Theme: draw.Light, Width: 16})
	if err != nil {
		t.Fatalf("%+q: %v", text, err)
	}
	for i := range figures {
		written("SVG", isXML, func(w io.Writer) error { return figures[i].Render(w, "svg") })
	}
	if page {
		if err := figures[0].Render(io.Discard, "pdf"); err != nil {
			t.Errorf("PDF of %+q: %v", text, err)
		}
		written("HTML", isPage, func(w io.Writer) error { return report.HTML(w, []report.Input{in}) })
	}
}

// writer writes an output, and checks it.
type writer func(what string, check func(t *testing.T, out string), write func(w io.Writer) error)

// writeTables writes what is made of a summary, a comparison and a sweep.
func writeTables(t *testing.T, in report.Input, text string, written writer) {
	t.Helper()
	s := in.Set.Summary
	for _, width := range []int{0, 40} {
		written("text", nothing, func(w io.Writer) error {
			return present.Text(w, s, present.TextOptions{Mode: present.Full, Width: width})
		})
	}
	written("Markdown", nothing, func(w io.Writer) error { return report.Markdown(w, []report.Input{in}) })
	written("JSON summary", isJSON, s.WriteJSON)
	written("metrics as CSV", isCSV, func(w io.Writer) error { return present.MetricsCSV(w, s.Summary) })
	written("JUnit", isXML, func(w io.Writer) error { return present.JUnit(w, s) })
	written("benchmarks", isBench, func(w io.Writer) error { return present.Bench(w, s.Summary) })
	written("Bencher", isJSON, func(w io.Writer) error { return present.Bencher(w, s.Summary) })
	written("GitHub benchmark", isJSON, func(w io.Writer) error { return present.GitHubBenchmark(w, s.Summary) })
	written("Prometheus", isPrometheus, func(w io.Writer) error { return pushed(w, s) })
	for _, table := range present.Sections(s, present.Full, "ms") {
		written("section as CSV", isCSV, table.CSV)
	}
	rows := compared(t, s.Summary)
	written("comparison", nothing, func(w io.Writer) error { return compare.Text(w, rows, true) })
	written("comparison as Markdown", nothing, func(w io.Writer) error { return compare.Markdown(w, rows, true) })
	written("comparison as CSV", isCSV, func(w io.Writer) error { return compare.CSV(w, rows) })
	written("comparison as JSON", isJSON, func(w io.Writer) error { return compare.JSON(w, rows) })
	result, err := sweep.New(sweep.Result{Scenario: text, About: text, Clock: "virtual", Repeats: 1, Axes: []sweep.Axis{sweep.NewAxis("limiters."+text+".kind", []string{text, "b"})},
		Columns: []sweep.Column{{Name: text}}, Runs: []sweep.Run{{Settings: []string{text}, Plan: text, Valid: true, Failing: []string{text}, Values: []*float64{of(1.5)}},
			{Place: 1, Settings: []string{"b"}, Invalid: []string{text}, Values: []*float64{nil}}}})
	if err != nil {
		t.Fatal(err)
	}
	written("sweep", nothing, result.Text)
	written("sweep as Markdown", nothing, result.Markdown)
	written("sweep as CSV", isCSV, result.CSV)
	written("sweep as JSON", isJSON, result.WriteJSON)
	written("sweep as benchmarks", isBench, func(w io.Writer) error {
		return result.Bench(w, func(*sweep.Run) (*summary.Summary, error) { return s.Summary, nil })
	})
}

// compared are the rows of a summary and a benchmark file of it against itself.
func compared(t *testing.T, s *summary.Summary) []compare.Row {
	t.Helper()
	var sides [2]compare.Side
	for i := range sides {
		if err := sides[i].AddSummary(s, s.Scenario); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := compare.Compare(&sides[0], &sides[1])
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// pushed writes what a Pushgateway is sent, as text.
func pushed(w io.Writer, s *summary.Measured) error {
	var failed error
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
		for families := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header)); ; {
			var f dto.MetricFamily
			if err := families.Decode(&f); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				failed = err
				return
			}
			failed = errors.Join(failed, text.Encode(&f))
		}
	}))
	defer server.Close()
	return errors.Join(present.Gateway{URL: server.URL}.Push(context.Background(), s), failed)
}

// writeRecord writes what is made of a record with the text in all places. Names are
// UTF-8 in a record, keys and what servers say need not be.
func writeRecord(t *testing.T, text string, written writer) {
	t.Helper()
	raw := text
	text = strings.ToValidUTF8(raw, "?")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := record.Manifest{Scenario: text, About: text, Clock: "virtual", PlanHash: text, Epoch: start, Horizon: 10 * time.Second, Shards: []string{text},
		Clients: []record.Client{{Name: text, ShardNames: []string{text}}}, Traffic: []record.Traffic{{Name: text, Arrivals: 2}}, Versions: map[string]string{text: text}, Tags: map[string]string{text: text},
		Limiters: []record.Limiter{{Name: text, Kind: text, Algorithm: "gcra", Limits: []record.Limit{{Name: text, Count: 1, Period: time.Second, Burst: 1}}}},
		Engines:  []record.Engine{{Name: text, Kind: text, Thresholds: []int64{75}, First: start.UnixNano(), Last: start.UnixNano() + 1e10, Gap: 1e9}}}
	var list []record.Observation
	for i, d := range []record.Decision{record.Allowed, record.Errored} {
		o := record.Observation{Arrival: int64(i), Traffic: text, Client: text, Limiter: text, Intended: 1e9, Sent: 1e9, Judged: 1e9, Effect: 1e9, Order: int64(i), Done: 2e9, Remaining: -1, RetryAfter: -1,
			Decision: d, Key: record.Found, Takes: []record.Take{{Limit: text, Key: raw, Cost: 1, Mode: record.TakeMode, Shard: text, State: record.Found}}}
		if d == record.Errored {
			o.Error, o.Message = text, raw
		}
		list = append(list, o)
	}
	accounts := []record.Account{{ID: 1, Group: text, Contract: []record.ContractSegment{{From: usage.Beginning, Anchor: start.UnixNano(), Limit: 10}}, At: []int64{start.UnixNano() + 1e9}, Units: []int64{9}}}
	r := testkit.WriteQuotas(t, m, testkit.Quotas{Accounts: accounts}, list)
	_, s := testkit.Analyse(t, r)
	written("observations", isCSV, func(w io.Writer) error { return present.CSV(w, r) })
	written("verdicts", isCSV, func(w io.Writer) error { return present.Verdicts(w, r) })
	written("interval log", isHLog, func(w io.Writer) error { return present.HLog(w, r) })
	written("percentiles", nothing, func(w io.Writer) error { return present.HGRM(w, s) })
	written("text of a record", nothing, func(w io.Writer) error { return present.Text(w, s, present.TextOptions{Mode: present.Full}) })
	written("JSON of a record", isJSON, s.WriteJSON)
}

// unshown reports whether a character moves the cursor, begins a sequence, or turns
// the direction of text. Markdown has U+200B after an @ so that it names nobody.
func unshown(r rune) bool {
	return r != '\n' && r != '\t' && r != '\u200b' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r))
}

func nothing(*testing.T, string) {}

func isXML(t *testing.T, out string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(out)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func isJSON(t *testing.T, out string) {
	t.Helper()
	if !json.Valid([]byte(out)) {
		t.Errorf("not JSON: %.200q", out)
	}
}

func isBench(t *testing.T, out string) {
	t.Helper()
	if _, err := present.ReadBench([]byte(out), "bench"); err != nil {
		t.Error(err)
	}
}

func isPrometheus(t *testing.T, out string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if f := families["quotalab_run_info"]; f == nil || len(f.Metric) != 1 {
		t.Errorf("run_info is %v", f)
	}
}

// isHLog wants two outcomes in one interval.
func isHLog(t *testing.T, out string) {
	t.Helper()
	log := hdrhistogram.NewHistogramLogReader(strings.NewReader(out))
	n := 0
	for {
		h, err := log.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		n += int(h.TotalCount())
	}
	if n != 2 {
		t.Errorf("%d latencies in\n%s", n, out)
	}
}

// isCSV wants rows of as many fields as the header has, and no formula.
func isCSV(t *testing.T, out string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, field := range row {
			if _, err := strconv.ParseFloat(field, 64); err != nil && field != "" && strings.ContainsAny(field[:1], "=+-@\t\r") {
				t.Errorf("%q is a formula to a spreadsheet", field)
			}
		}
	}
}

// isPage wants the scripts of a page and no other, and no handler in an attribute.
func isPage(t *testing.T, out string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "script" {
			scripts++
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	if scripts != 4 {
		t.Errorf("%d scripts, expected 4", scripts)
	}
}
