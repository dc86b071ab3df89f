package plots

import (
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/results/record"
)

var (
	decisionsDrawn = []record.Decision{record.Allowed, record.Denied, record.Errored, record.FailOpen, record.Dropped}
	keysDrawn      = []record.KeyState{record.Found, record.NotFound, record.Stale, record.Mixed, record.Unread}
)

// Contrasts that WCAG 2.2 asks for: 4.5 of text (1.4.3), 3 of what must be seen
// to understand a graphic (1.4.11).
func TestContrast(t *testing.T) {
	for theme, p := range palettesDrawn() {
		atLeast := func(what string, c color.RGBA, want float64) {
			if got := draw.Contrast(c, p.Background); got < want {
				t.Errorf("%s: %s %s has contrast %.2f to the background, expected at least %g", theme, what, draw.Hex(c), got, want)
			}
		}
		atLeast("text", p.Text, 7)
		atLeast("muted text", p.Muted, 4.5)
		atLeast("axis", p.Axis, 3)
		for _, d := range decisionsDrawn {
			for _, k := range keysDrawn {
				look := Outcome(p, d, k)
				atLeast("line of "+string(d)+" "+string(k), look.Color, 3)
				atLeast("label of "+string(d)+" "+string(k), look.Ink, 4.5)
			}
		}
		for i := range 3 * len(p.Series) {
			look := p.Nth(i)
			atLeast("series line", look.Color, 3)
			atLeast("series label", look.Ink, 4.5)
		}
		for _, d := range decisionsDrawn { // lines cross the shade of faults
			if got := draw.Contrast(Outcome(p, d, record.Found).Color, p.Fault); got < 3 {
				t.Errorf("%s: %s has contrast %.2f to the shade of faults, expected at least 3", theme, d, got)
			}
		}
	}
}

// Of each two outcomes that could stand in one figure, colour, lightness or dashes
// differ.
func TestLooksDiffer(t *testing.T) {
	for theme, p := range palettesDrawn() {
		seen := map[string]string{}
		for _, d := range decisionsDrawn {
			for _, k := range keysDrawn {
				name, look := string(d)+" "+string(k), lookText(Outcome(p, d, k))
				if other, ok := seen[look]; ok {
					t.Errorf("%s: %s looks like %s: %s", theme, name, other, look)
				}
				seen[look] = name
			}
		}
	}
}

// Areas have no dashes: the shades of one hue differ, too.
func TestShadesDiffer(t *testing.T) {
	const enough = 8
	for theme, p := range palettesDrawn() {
		for _, d := range decisionsDrawn {
			for i, a := range keysDrawn {
				for _, b := range keysDrawn[:i] {
					if got := distance(seenAs(Outcome(p, d, a).Color, deficiencies["none"]), seenAs(Outcome(p, d, b).Color, deficiencies["none"])); got < enough {
						t.Errorf("%s: %s and %s of %s differ by %.1f, expected at least %d", theme, a, b, d, got, enough)
					}
				}
			}
		}
	}
}

// deficiencies of colour vision, as matrices on linear light: full strength, Machado,
// Oliveira and Fernandes (2009), table 1.
var deficiencies = map[string][3][3]float64{
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
	"none":         {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
}

// Decisions are told apart by all. 10 is several times a just noticeable
// difference (CIE 1976).
func TestDecisionsDifferToTheColourBlind(t *testing.T) {
	const enough = 10
	for theme, p := range palettesDrawn() {
		for deficiency, m := range deficiencies {
			for i, a := range decisionsDrawn {
				for _, b := range decisionsDrawn[:i] {
					for _, k := range []record.KeyState{record.Found, record.NotFound, record.Unread} {
						if k != record.Found && (a == record.Dropped || b == record.Dropped) {
							continue // what is dropped finds nothing
						}
						if d := distance(seenAs(Outcome(p, a, k).Color, m), seenAs(Outcome(p, b, k).Color, m)); d < enough {
							t.Errorf("%s, %s: %s and %s, %s, differ by %.1f, expected at least %d", theme, deficiency, a, b, k, d, enough)
						}
					}
				}
			}
		}
	}
}

// seenAs is a colour in CIELAB as it is seen with a deficiency.
func seenAs(c color.RGBA, m [3][3]float64) (lab [3]float64) {
	light := [3]float64{lightOf(c.R), lightOf(c.G), lightOf(c.B)}
	var rgb, xyz [3]float64
	for i := range m {
		for j := range light {
			rgb[i] += m[i][j] * light[j]
		}
		rgb[i] = min(max(rgb[i], 0), 1)
	}
	for i, row := range [3][3]float64{{0.4124, 0.3576, 0.1805}, {0.2126, 0.7152, 0.0722}, {0.0193, 0.1192, 0.9505}} {
		for j := range rgb {
			xyz[i] += row[j] * rgb[j]
		}
		xyz[i] /= [3]float64{0.9505, 1, 1.089}[i]
	}
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	return [3]float64{116*f(xyz[1]) - 16, 500 * (f(xyz[0]) - f(xyz[1])), 200 * (f(xyz[1]) - f(xyz[2]))}
}

func distance(a, b [3]float64) float64 {
	return math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2])
}

// palettesDrawn has the palette of each theme.
func palettesDrawn() map[draw.Theme]*draw.Palette {
	all := map[draw.Theme]*draw.Palette{}
	for _, theme := range []draw.Theme{draw.Light, draw.Dark} {
		p, err := draw.PaletteOf(theme)
		if err != nil {
			panic(err)
		}
		all[theme] = p
	}
	return all
}

func TestPaletteOf(t *testing.T) {
	if _, err := draw.PaletteOf("sepia"); err == nil || !strings.Contains(err.Error(), `"sepia"`) {
		t.Errorf("theme sepia: got error %v", err)
	}
	p, err := draw.PaletteOf(draw.Light)
	if err != nil {
		t.Fatal(err)
	}
	if Outcome(p, "allowed", "found").Color == Outcome(p, "denied", "found").Color {
		t.Error("allowed and denied have one colour")
	}
	if got := Outcome(p, "someday", "somehow"); draw.Contrast(got.Color, p.Background) < 3 {
		t.Errorf("a decision that is not known looks like %v", got)
	}
}

// lightOf returns the linear light of an sRGB channel.
func lightOf(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}
