package draw

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

func TestContrastOfKnownColours(t *testing.T) {
	for _, tt := range []struct {
		a, b uint32
		want float64
	}{
		{0x000000, 0xFFFFFF, 21}, {0xFFFFFF, 0x000000, 21}, {0x777777, 0xFFFFFF, 4.48}, {0x0000FF, 0xFFFFFF, 8.59}, {0x123456, 0x123456, 1},
	} {
		if got := Contrast(RGB(tt.a), RGB(tt.b)); math.Abs(got-tt.want) > 0.005 {
			t.Errorf("contrast of %06x and %06x is %.3f, expected %g", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	s, err := NewStyle("", 0)
	if err != nil {
		t.Fatal(err)
	}
	const words = "Denied decisions take 1 round trip: 2.05 ms at the median, allowed 4.15 ms"
	for width := vg.Length(30); width < 500; width += 7 {
		lines := wrap(s.Normal, words, width)
		for _, l := range lines {
			if s.Normal.Width(l) > width {
				t.Errorf("%q is wider than %v", l, width)
			}
			if strings.HasPrefix(l, "ms") && width > 60 {
				t.Errorf("at %v a unit begins a line: %q", width, lines)
			}
		}
		if got := strings.ReplaceAll(strings.Join(lines, ""), " ", ""); got != strings.ReplaceAll(words, " ", "") {
			t.Errorf("at %v letters are lost: %q", width, lines)
		}
	}
	if got := wrap(s.Normal, "  ", 100); len(got) != 0 {
		t.Errorf("nothing is wrapped to %q", got)
	}
}
