package decode

import "testing"

func TestPercentPrintsAsRead(t *testing.T) {
	for _, text := range []string{"110%", "75%", "0.1%", "33.3%", "1000%", "1.1", "1e-9"} {
		p, err := readPercent(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := readPercent(p.(Percent).String()); err != nil || again != p {
			t.Errorf("%s prints as %v, which reads as %v, %v", text, p, again, err)
		}
	}
}
