package plots

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/plot/cmpimg"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// rendered figure.
func rendered(t *testing.T, f *draw.Figure, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Render(&b, format); err != nil {
		t.Fatalf("%s as %s: %v", f.Name, format, err)
	}
	return b.Bytes()
}

// The same numbers give the same bytes: drawn again, made again, and at the same
// time as others.
func TestSameBytes(t *testing.T) {
	sets := []*series.Set{faulty(2)}
	for _, format := range testkit.Full(draw.Formats, []string{"svg"}) {
		first, again := drawn(sets, Options{}), drawn([]*series.Set{faulty(2)}, Options{})
		want := make([][]byte, len(first))
		for i := range first {
			want[i] = rendered(t, &first[i], format)
		}
		var wait sync.WaitGroup
		for i := range again {
			for range 2 {
				wait.Go(func() {
					if got := rendered(t, &again[i], format); !bytes.Equal(got, want[i]) {
						t.Errorf("%s as %s: other bytes the second time", first[i].Name, format)
					}
				})
			}
		}
		wait.Wait()
	}
}

// No figure takes more than a second or a megabyte, also of the largest series
// that there are; of four of them only where everything is asked for.
func TestFiguresAreSmallAndQuick(t *testing.T) {
	figures := 0
	for _, name := range testkit.Full([]string{"usual", "largest", "largest of 4"}, []string{"usual", "largest"}) {
		for _, f := range drawn(fixtures()[name], Options{}) {
			figures++
			for _, format := range testkit.Full(draw.Formats, []string{"svg"}) {
				start := cpu(t)
				size := len(rendered(t, &f, format))
				if took := cpu(t) - start; took > time.Second {
					t.Errorf("%s, %s as %s took %v, expected at most a second", name, f.Name, format, took)
				}
				if size > 1e6 {
					t.Errorf("%s, %s as %s is %d bytes, expected at most a million", name, f.Name, format, size)
				}
			}
		}
	}
	if figures < 8 {
		t.Errorf("only %d figures drawn", figures)
	}
}

// Whatever comes in, something is drawn that says what it is.
func TestNothingPanics(t *testing.T) {
	for name, sets := range fixtures() {
		figures := drawn(sets, Options{Theme: draw.Dark, Width: 8})
		for _, f := range figures {
			if f.Title == "" || f.Name == "" || f.Kind == "" || f.Subtitle == "" || strings.Contains(f.Title, "NaN") {
				t.Errorf("%s: figure %q of kind %q has title %q and subtitle %q", name, f.Name, f.Kind, f.Title, f.Subtitle)
			}
			if r := inked(&f); r < 10 {
				t.Errorf("%s: %s has only %d strokes and fills: a blank frame", name, f.Name, r)
			}
		}
		for _, f := range figures[:min(testkit.Full(3, 1), len(figures))] {
			img, err := png.Decode(bytes.NewReader(rendered(t, &f, "png")))
			if err != nil {
				t.Fatal(err)
			}
			if want := int(math.Round(8 / 2.54 * 192)); img.Bounds().Dx() != want {
				t.Errorf("%s: %s is %v, expected to be %d wide", name, f.Name, img.Bounds(), want)
			}
		}
	}
}

// inked counts strokes, fills and texts.
func inked(f *draw.Figure) int {
	r := newRecorder()
	f.Page().Draw(r)
	if len(f.Panels) > 0 && f.Panels[0].Empty != "" {
		for _, b := range r.boxes {
			if strings.HasPrefix(b.text, "No data: ") {
				return math.MaxInt
			}
		}
		return 0
	}
	return r.ink + len(r.boxes)
}

// An SVG stands in a page of a strict content security policy, is named to those
// who do not see it, and refers to nothing.
func TestSVG(t *testing.T) {
	for name, sets := range map[string][]*series.Set{"usual": {usual()}, "long names": {longNames()}} {
		for _, f := range drawn(sets, Options{}) {
			raw := rendered(t, &f, "svg")
			d := xml.NewDecoder(bytes.NewReader(raw))
			root := true
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s, %s: %v", name, f.Name, err)
				}
				e, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				checkElement(t, &f, e, root)
				root = false
			}
			if root {
				t.Errorf("%s: %s has no element", name, f.Name)
			}
		}
	}
}

func checkElement(t *testing.T, f *draw.Figure, e xml.StartElement, root bool) {
	t.Helper()
	attributes := map[string]string{}
	for _, a := range e.Attr {
		attributes[a.Name.Local] = a.Value
	}
	for _, never := range []string{"style", "id", "href", "class", "onload"} {
		if v, ok := attributes[never]; ok {
			t.Errorf("%s: <%s %s=%q>", f.Name, e.Name.Local, never, v)
		}
	}
	if root && (e.Name.Local != "svg" || attributes["role"] != "img" || attributes["aria-label"] != f.Title || attributes["viewBox"] == "") {
		t.Errorf("%s: the root is <%s> %v", f.Name, e.Name.Local, attributes)
	}
	if e.Name.Local == "text" && (attributes["font-size"] == "" || attributes["fill"] == "") {
		t.Errorf("%s: text without size or colour: %v", f.Name, attributes)
	}
}

// A PDF is one that a reader can read, with all its text, and knows no time.
func TestPDF(t *testing.T) {
	for _, f := range drawn([]*series.Set{faulty(2)}, Options{}) {
		raw := rendered(t, &f, "pdf")
		if ok, err := cmpimg.Equal("pdf", raw, raw); err != nil || !ok {
			t.Errorf("%s: not readable: equal %v, error %v", f.Name, ok, err)
		}
		if n := bytes.Count(raw, []byte("(D:")); n != bytes.Count(raw, []byte("(D:20000101000000")) || n == 0 {
			t.Errorf("%s: %d dates, of which not all are the fixed one", f.Name, n)
		}
	}
}

func TestRefusals(t *testing.T) {
	f := drawn([]*series.Set{usual()}, Options{})[0]
	if err := f.Render(io.Discard, "gif"); err == nil || !strings.Contains(err.Error(), `"gif"`) {
		t.Errorf("gif: got error %v", err)
	}
	for _, format := range testkit.Full(draw.Formats, []string{"svg"}) {
		if err := f.Render(fullDisk{}, format); !errors.Is(err, errFull) {
			t.Errorf("%s on a full disk: got error %v", format, err)
		}
	}
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Theme: "sepia"}, `"sepia"`}, {Options{Width: 1}, "1 cm"}, {Options{Width: 1e9}, "1e+09 cm"},
		{Options{Width: math.NaN()}, "NaN cm"}, {Options{Kinds: []string{"latencies"}}, `"latencies"`}, {Options{Width: -16}, "-16 cm"}, {Options{Theme: "a", Width: 2}, "2 cm"},
	} {
		if err := tt.o.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, expected one with %q", tt.o, err, tt.want)
		}
		if figures, err := All([]*series.Set{usual()}, tt.o); err == nil || figures != nil {
			t.Errorf("%+v: drawn", tt.o)
		}
	}
	if err := (Options{Theme: draw.Dark, Width: 8}).Check(); err != nil {
		t.Error(err)
	}
}

var errFull = errors.New("no space left on device")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
