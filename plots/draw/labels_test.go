package draw

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		why  string
		want []vg.Length
		got  []vg.Length // height 10, in 0 to 100
	}{
		{"none", nil, []vg.Length{}},
		{"one stays", []vg.Length{50}, []vg.Length{50}},
		{"far ones stay", []vg.Length{80, 20}, []vg.Length{80, 20}},
		{"those that just touch stay", []vg.Length{40, 50}, []vg.Length{40, 50}},
		{"two in one place part evenly, the first on top", []vg.Length{50, 50}, []vg.Length{55, 45}},
		{"a third is pushed by two", []vg.Length{50, 50, 58}, []vg.Length{52.666666, 42.666666, 62.666666}},
		{"below the frame", []vg.Length{-30}, []vg.Length{5}},
		{"above the frame", []vg.Length{300, 300}, []vg.Length{95, 85}},
		{"one at the edge pushes its neighbour", []vg.Length{1, 6}, []vg.Length{5, 15}},
	} {
		got := spread(tt.want, 10, 0, 100)
		for i := range tt.got {
			if math.Abs(float64(got[i]-tt.got[i])) > 1e-4 {
				t.Errorf("%s: %v is spread to %v, expected %v", tt.why, tt.want, got, tt.got)
				break
			}
		}
	}
}

// Labels never overlap, stay inside, keep their order, and no label moves
// that need not.
func TestSpreadProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		height := vg.Length(rapid.Float64Range(1, 20).Draw(t, "height"))
		places := rapid.SliceOfN(rapid.Float64Range(-50, 450), 0, 20).Draw(t, "want")
		want := make([]vg.Length, len(places))
		for i, p := range places {
			want[i] = vg.Length(p)
		}
		got := spread(want, height, 0, 400)
		const eps = 1e-6
		crowded := false
		for i := range got {
			if got[i] < height/2-eps || got[i] > 400-height/2+eps {
				t.Fatalf("label %d at %v leaves 0 to 400", i, got[i])
			}
			if want[i] < height/2 || want[i] > 400-height/2 {
				crowded = true
			}
			for j := range i {
				if d := got[i] - got[j]; max(d, -d) < height-eps {
					t.Fatalf("labels %d and %d overlap: %v", i, j, got)
				}
				if (want[i] < want[j]) != (got[i] < got[j]) && want[i] != want[j] {
					t.Fatalf("labels %d and %d changed places: %v to %v", i, j, want, got)
				}
				if d := want[i] - want[j]; max(d, -d) < height {
					crowded = true
				}
			}
		}
		for i := range got {
			if d := got[i] - want[i]; !crowded && max(d, -d) > eps {
				t.Fatalf("label %d moved from %v to %v without need", i, want[i], got[i])
			}
		}
	})
}

func TestNamesKeepWhatTheyDifferIn(t *testing.T) {
	s, err := NewStyle("", 0)
	if err != nil {
		t.Fatal(err)
	}
	long := []string{"redis-cache-eu-central-1a-0.internal.example.com:6379", "redis-cache-eu-central-1a-11.internal.example.com:6379"}
	tests := []struct {
		why   string
		names []string
		width vg.Length
		want  []string
	}{
		{"all fit", []string{"a", "b"}, 50, []string{"a", "b"}},
		{"ends differ", []string{"2001:db8:0:0:0:0:0:17", "2001:db8:0:0:0:0:0:18"}, 50, []string{"2001:…:0:17", "2001:…:0:18"}},
		{"middles differ", long, 70, []string{"…u-central-1a-0…", "…u-central-1a-11…"}},
		{"nothing in common", []string{"one is as long as this", "other is not so long"}, 40, []string{"one i…this", "othe…long"}},
		{"the same twice", []string{"one is as long as this", "one is as long as this"}, 40, []string{"one i…this", "one i…this"}},
		{"one is the other's beginning", []string{"aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa"}, 40, []string{"…aaaaaa", "…aaaaaaa"}},
	}
	for _, tt := range tests {
		got := s.ClipAll(tt.names, tt.width)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (- expected):\n%s", tt.why, diff)
		}
		for _, name := range got {
			if s.Fine.Width(name) > tt.width {
				t.Errorf("%s: %q is wider than %g", tt.why, name, tt.width)
			}
		}
	}
}
