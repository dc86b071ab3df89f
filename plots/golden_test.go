package plots

import (
	"bytes"
	"flag"
	"image"
	imagedraw "image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/cmpimg"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte, same func(want, got []byte) string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./plots -update writes it)", err)
	}
	if diff := same(want, got); diff != "" {
		t.Errorf("%s (go test ./plots -update writes it): %s", path, diff)
	}
}

func sameText(want, got []byte) string {
	return cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n"))
}

// tolerance of images: other processors round otherwise, so edges may be a
// little darker or lighter.
const tolerance = 0.1

func sameImage(want, got []byte) string {
	switch ok, err := cmpimg.EqualApprox("png", want, got, tolerance); {
	case err != nil:
		return err.Error()
	case !ok:
		return "another picture"
	}
	return ""
}

// smallPNG is a figure at the resolution of a screen.
func smallPNG(t *testing.T, f *draw.Figure) []byte {
	t.Helper()
	page := f.Page()
	c := vgimg.NewWith(vgimg.UseWH(page.Width, page.Height), vgimg.UseDPI(80), vgimg.UseBackgroundColor(f.Style.Background))
	page.Draw(c)
	var b bytes.Buffer
	if err := png.Encode(&b, c.Image()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// small series of each kind of figure on latency and outcomes.
func goldenSets() map[string]*series.Set {
	small := faulty(2)
	few := aSet("shard-lost")
	for _, l := range small.Latency {
		d := l.Service
		thin := series.Distribution{N: d.N, Min: d.Min, Max: d.Max}
		for _, p := range []float64{0, 10, 25, 50, 75, 90, 95, 99, 99.9} {
			thin.Grid = append(thin.Grid, series.Quantile{P: p, V: quantileOf(d, p)})
		}
		thin.Grid = append(thin.Grid, series.Quantile{P: 100, V: d.Max})
		few.Latency = append(few.Latency, latencyOf(l.Limiter, l.Decision, l.Key, thin))
	}
	intervals(few, 12, 5, func(o, i int) float64 {
		if o == 3 && (i < 5 || i > 7) {
			return 0
		}
		return []float64{100, 40, 60, 8}[o] + float64(i*o)
	})
	few.Timeline.Faults = []series.Span{{From: 25, Until: 40, Label: "shard-2 is down"}}
	return map[string]*series.Set{"usual": few, "one": one(), "clients": clientsApart(2), "empty": {Manifest: manifest("empty", true)}}
}

func ofKinds(figures []draw.Figure, kinds ...string) (some []draw.Figure) {
	for _, f := range figures {
		for _, k := range kinds {
			if f.Kind == k {
				some = append(some, f)
			}
		}
	}
	return some
}

func TestGoldenSeries(t *testing.T) {
	for name, set := range goldenSets() {
		for _, f := range ofKinds(drawn([]*series.Set{set}, Options{}), "latency", "latency-over-time", "outcomes-over-time") {
			golden(t, name+"-"+f.Kind+".txt", []byte(textOf(&f)), sameText)
		}
	}
}

func TestGoldenImages(t *testing.T) {
	set := goldenSets()["usual"]
	for _, o := range []Options{{Theme: draw.Light}, {Theme: draw.Dark, Width: 8}} {
		for _, f := range ofKinds(drawn([]*series.Set{set}, o), "latency", "latency-over-time", "outcomes-over-time") {
			golden(t, f.Kind+"-"+string(o.Theme)+".png", smallPNG(t, &f), sameImage)
		}
	}
	for _, f := range ofKinds(drawn([]*series.Set{clientsApart(2)}, Options{}), "latency", "latency-over-time", "outcomes-over-time") {
		golden(t, "clients-"+f.Kind+".png", smallPNG(t, &f), sameImage)
	}
	empty := drawn([]*series.Set{goldenSets()["empty"]}, Options{})[0]
	golden(t, "empty-light.png", smallPNG(t, &empty), sameImage)
}

// A picture that differs in one line is another one.
func TestImagesAreCompared(t *testing.T) {
	set := goldenSets()["usual"]
	f := drawn([]*series.Set{set}, Options{})[0]
	same := smallPNG(t, &f)
	f.Panels[0].Layers = f.Panels[0].Layers[1:]
	if sameImage(same, smallPNG(t, &f)) == "" {
		t.Error("a line less is not seen")
	}
	img, err := png.Decode(bytes.NewReader(same))
	if err != nil {
		t.Fatal(err)
	}
	shaded := image.NewRGBA(img.Bounds()) // every pixel a shade lighter or darker
	imagedraw.Draw(shaded, img.Bounds(), img, image.Point{}, imagedraw.Src)
	for i := range shaded.Pix {
		if i%4 < 3 {
			shaded.Pix[i] ^= 0x07
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, shaded); err != nil {
		t.Fatal(err)
	}
	if diff := sameImage(same, b.Bytes()); diff != "" {
		t.Errorf("rounding makes it %s", diff)
	}
}
