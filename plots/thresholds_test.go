package plots

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// thresholdFiguresOf one set.
func thresholdFiguresOf(s *series.Set, o Options) []draw.Figure {
	return ofKinds(drawn([]*series.Set{s}, o), "thresholds")
}

// What is drawn, in words and numbers.
func TestThresholdGoldenSeries(t *testing.T) {
	for _, name := range []string{"usual", "one-account", "no-crossing", "at-once", "all-missed"} {
		var b bytes.Buffer
		for _, f := range thresholdFiguresOf(thresholdFixtures()[name], Options{}) {
			b.WriteString(textOf(&f))
		}
		golden(t, "thresholds-"+name+".txt", b.Bytes(), sameText)
	}
}

func TestThresholdGoldenImages(t *testing.T) {
	for _, o := range []Options{{Theme: draw.Light}, {Theme: draw.Dark, Width: 8}} {
		for _, f := range thresholdFiguresOf(thresholdFixtures()["usual"], o) {
			golden(t, f.Name+"-"+string(o.Theme)+".png", smallPNG(t, &f), sameImage)
		}
	}
}

func TestThresholdFiguresOfNoEngine(t *testing.T) {
	if list := thresholdFiguresOf(quotaSet(nil), Options{}); len(list) != 0 {
		t.Errorf("%d figures of a record without an engine", len(list))
	}
}

// Which figures there are, and their titles: one sentence with the number in it.
func TestThresholdTitles(t *testing.T) {
	want := map[string][]string{
		"not-audited": {"thresholds-missed: Whether a notice was missed is not known"},
		"no-crossing": {"thresholds-missed: Whether a notice was missed is not known"},
		"one-account": {"thresholds-missed: g misses 1 of 1 notice (no evaluation before the end)", "thresholds-matrix: g misses 100 % of the notices",
			"thresholds-delay: g reports none of 1 crossing in time", "thresholds-account: Account 1 reached 75 % of its limit after 9 days and g did not tell it (no evaluation before the end)"},
		"nothing-missed": {"thresholds-missed: Neither catch-up nor inline misses a notice, of 160 together", "thresholds-matrix: None of 160 notices is missed, in any group of accounts",
			"thresholds-delay: Every engine reports every crossing in time, after 2.3 h at the median", "thresholds-account: Account 2 reached 75 % of its limit after 21 days and catch-up told it 6 h later, in time"},
		"all-missed": {"thresholds-missed: g misses 2,469,134 of 2,469,134 notices (flag off)", "thresholds-matrix: g misses 100 % of the notices",
			"thresholds-delay: g reports none of 2,469,134 crossings in time", "thresholds-account: Account 2 reached 75 % of its limit after 21 days and g did not tell it (flag off)"},
	}
	for name, titles := range want {
		var got []string
		for _, f := range thresholdFiguresOf(thresholdFixtures()[name], Options{}) {
			got = append(got, f.Name+": "+f.Title)
		}
		if d := cmp.Diff(titles, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestThresholdTextDoesNotOverlap(t *testing.T) {
	for name, set := range thresholdFixtures() {
		for _, theme := range testedThemes {
			for _, width := range testedWidths {
				for _, f := range thresholdFiguresOf(set, Options{Theme: theme, Width: width}) {
					for _, p := range textProblems(&f) {
						t.Errorf("%s, %s, %g cm, %s: %s", name, theme, width, f.Name, p)
					}
				}
			}
		}
	}
}

// Each figure has a title and something in its frames, is made quickly, is small
// and is the same each time.
func TestThresholdFiguresAreSmallAndQuick(t *testing.T) {
	for name, set := range thresholdFixtures() {
		again := thresholdFiguresOf(set, Options{Theme: draw.Dark})
		for i, f := range thresholdFiguresOf(set, Options{Theme: draw.Dark}) {
			if f.Title == "" || f.Subtitle == "" || strings.Contains(textOf(&f), "NaN %") || inked(&f) < 10 {
				t.Errorf("%s: %s: title %q, subtitle %q, %d strokes", name, f.Name, f.Title, f.Subtitle, inked(&f))
			}
			for _, format := range testkit.Full(draw.Formats, []string{"svg"}) {
				start := cpu(t)
				out := rendered(t, &f, format)
				if took := cpu(t) - start; took > time.Second || len(out) > 1e6 {
					t.Errorf("%s, %s as %s took %v and has %d bytes, expected at most a second and a million", name, f.Name, format, took, len(out))
				}
				if format != "png" && !bytes.Equal(out, rendered(t, &again[i], format)) {
					t.Errorf("%s, %s as %s differs from one time to the next", name, f.Name, format)
				}
			}
		}
	}
}

// Numbers stand in all cells of a matrix that is wide enough for them, and where
// they do not a key says what the colours are.
func TestThresholdMatrixIsRead(t *testing.T) {
	for name, set := range thresholdFixtures() {
		for _, width := range testedWidths {
			for _, f := range thresholdFiguresOf(set, Options{Width: width}) {
				if f.Name != "thresholds-matrix" {
					continue
				}
				boxes, _, _ := textBoxes(&f)
				numbers := 0
				for _, b := range boxes {
					if slices.Contains([]string{"0", "100", "<1", ">99"}, b.text) {
						numbers++
					}
				}
				keyed := strings.Contains(textOf(&f), "ramp #")
				if numbers == 0 && !keyed {
					t.Errorf("%s, %g cm: neither numbers nor a key: %v", name, width, boxes)
				}
			}
		}
	}
}

// What an engine read out of all proportion does not flatten the curve, and is
// reported; what it read a little wrong is seen where it is.
func TestThresholdReadings(t *testing.T) {
	for factor, want := range map[float64]struct {
		top  float64
		told bool
	}{1: {108, false}, 1.5: {162, false}, 10: {216, true}} {
		set := quotaSet(usualThresholds())
		for i := range set.Thresholds.Account.Looks {
			set.Thresholds.Account.Looks[i].Percent *= factor
		}
		for _, f := range thresholdFiguresOf(set, Options{}) {
			if f.Name != "thresholds-account" {
				continue
			}
			top, notes := f.Panels[0].Y.Max, strings.Join(f.Notes, " ")
			if top > want.top || top < 0.9*want.top || strings.Contains(notes, "More than") != want.told {
				t.Errorf("readings %g times too high: the axis ends at %g, want about %g; notes %q", factor, top, want.top, notes)
			}
		}
	}
}

func TestWholePercent(t *testing.T) {
	for _, c := range []struct {
		missed, crossings int64
		want              string
	}{{0, 5, "0"}, {1, 1000, "<1"}, {1, 100, "1"}, {1, 3, "33"}, {999, 1000, ">99"}, {99, 100, "99"}, {5, 5, "100"}} {
		if got := wholePercent(c.missed, c.crossings); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.missed, c.crossings, got, c.want)
		}
	}
}

// A set that lacks a part, as one made by hand may, is drawn as far as it goes.
func TestThresholdsWithoutAPart(t *testing.T) {
	parts := reflect.TypeFor[series.Thresholds]()
	for i := range parts.NumField() {
		set := quotaSet(usualThresholds())
		part := reflect.ValueOf(set.Thresholds).Elem().Field(i)
		part.SetZero()
		for _, f := range thresholdFiguresOf(set, Options{}) {
			if parts.Field(i).Name == "Delays" && f.Name == "thresholds-delay" && f.Title != "How late notices were is not known" {
				t.Errorf("without delays: title %q", f.Title)
			}
			if f.Title == "" || strings.Contains(f.Title, "NaN") || inked(&f) < 10 {
				t.Errorf("without %s: %s: title %q, %d strokes", parts.Field(i).Name, f.Name, f.Title, inked(&f))
			}
			rendered(t, &f, "svg")
		}
	}
}
