package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// hostileTexts each mean something to a medium, or are forbidden in one.
var hostileTexts = []string{"\x1b[2J", "\x1b]0;owned\a", "\u009b31m", "\u009d0;x\u009c", "\x00", "\x7f", "\u202e", "\u2066", "\ufeff", "\ufffe", "\uffff", "\U0001fffe",
	"\xff", "\xed\xa0\x80", "\xf5", "\r\n", "\n", "\t", "\v", "\u0085", "\u2028", "\U000e0041", "=HYPERLINK(\"http://x\")", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "＝1",
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
	for i, text := range hostileTexts {
		checkOutputs(t, text, i%8 == 0)
	}
	rng := rand.New(rand.NewPCG(14, 2))
	for i := range testkit.Full(200, 20) {
		checkOutputs(t, hostileText(rng), i%10 == 0)
	}
}

func FuzzOutputs(f *testing.F) {
	for _, text := range hostileTexts {
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
	s.Invalid, s.Undecided = []string{text}, text
	s.Assertions[0].Why = text
	s.ErrorTexts = []summary.ErrorTexts{{Limiter: text, Error: text, Most: []summary.ErrorText{{Text: text, Count: 3}}}}
	written := func(what string, check func(t *testing.T, out string), write func(w io.Writer) error) {
		t.Helper()
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Errorf("%s of %+q: %v", what, text, err)
			return
		}
		if !utf8.Valid(b.Bytes()) {
			t.Errorf("%s of %+q is not UTF-8", what, text)
		}
		if bad := strings.IndexFunc(b.String(), unshown); bad >= 0 && what != "PDF" {
			t.Errorf("%s of %+q has a character that must not be shown: %+.40q", what, text, b.String()[bad:])
		}
		check(t, b.String())
		if t.Failed() {
			t.Fatalf("%s of %+q", what, text)
		}
	}
	written("text", nothing, func(w io.Writer) error { return present.Text(w, s, present.TextOptions{Mode: present.Full}) })
	written("Markdown", nothing, func(w io.Writer) error { return report.Markdown(w, []report.Input{in}) })
	written("metrics as CSV", isCSV, func(w io.Writer) error { return present.MetricsCSV(w, s.Summary) })
	written("JUnit", isXML, func(w io.Writer) error { return present.JUnit(w, s) })
	written("benchmarks", isBench, func(w io.Writer) error { return present.Bench(w, s.Summary) })
	written("JSON", isJSON, func(w io.Writer) error { return present.Bencher(w, s.Summary) })
	for _, table := range present.Sections(s, present.Full, "ms") {
		written("section as CSV", isCSV, table.CSV)
	}
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
	if _, err := present.ReadBench(strings.NewReader(out), "bench"); err != nil {
		t.Error(err)
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
