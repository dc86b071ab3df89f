package draw

import (
	"image/color"
	"math"
	"slices"
	"testing"
)

// oklab is Björn Ottosson's (2020) space: in it distances are as the eye sees
// them. https://bottosson.github.io/posts/oklab
func oklab(r, g, b float64) [3]float64 {
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return [3]float64{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

// blindness is what is seen without one kind of cone, of linear light: Machado
// et al. (2009), severity 1.
var blindness = map[string][9]float64{
	"normal": {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"protan": {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
	"deutan": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	"tritan": {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
}

func seen(c color.RGBA, m [9]float64) [3]float64 {
	r, g, b := linear(c.R), linear(c.G), linear(c.B)
	at := func(i int) float64 { return max(0, m[i]*r+m[i+1]*g+m[i+2]*b) }
	return oklab(at(0), at(3), at(6))
}

func apart(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

// Steps of a ramp look alike; lightness only rises or only falls, for every eye.
func TestRampsAreUniform(t *testing.T) {
	for theme, r := range ramps {
		for eye, m := range blindness {
			var steps, lightness []float64
			for i := 1; i < len(r); i++ {
				a, b := seen(r[i-1], m), seen(r[i], m)
				steps = append(steps, apart(a, b))
				lightness = append(lightness, b[0]-a[0])
			}
			if least, most := slices.Min(lightness), slices.Max(lightness); least*most <= 0 || min(math.Abs(least), math.Abs(most)) < 0.012 {
				t.Errorf("%s, %s: lightness changes by %.3f to %.3f a step", theme, eye, least, most)
			}
			if least, most := slices.Min(steps), slices.Max(steps); eye == "normal" && most > 1.35*least {
				t.Errorf("%s: steps are %.4f to %.4f, expected nearly equal", theme, least, most)
			}
		}
	}
}

// The least is near the background but seen, the most stands out.
func TestRampsAndBackground(t *testing.T) {
	for theme, r := range ramps {
		p, err := PaletteOf(theme)
		if err != nil {
			t.Fatal(err)
		}
		if c := Contrast(r[0], p.Background); c < 1.05 || c > 1.5 {
			t.Errorf("%s: contrast of the least is %.2f", theme, c)
		}
		if c := Contrast(r[len(r)-1], p.Background); c < 10 {
			t.Errorf("%s: contrast of the most is %.2f, expected 10 or more", theme, c)
		}
		for _, c := range r {
			if got := Contrast(inkOn(c), c); got < 4.5 {
				t.Errorf("%s: numbers on %s have a contrast of %.2f, expected 4.5 or more", theme, Hex(c), got)
			}
		}
	}
}

func TestRampLevel(t *testing.T) {
	r := ramps[Light]
	last := len(r) - 1
	tests := []struct {
		v, lo, hi float64
		want      int
	}{
		{0, 0, 10, 0}, {10, 0, 10, last}, {5, 0, 10, last / 2}, {-3, 0, 10, 0}, {11, 0, 10, last}, {7, 7, 7, 0}, {math.Inf(1), 0, 1, last},
	}
	for _, tt := range tests {
		if got := r.level(tt.v, tt.lo, tt.hi); got != tt.want {
			t.Errorf("%g from %g to %g: level %d, expected %d", tt.v, tt.lo, tt.hi, got, tt.want)
		}
	}
}
