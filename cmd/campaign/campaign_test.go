package campaign

import (
	"errors"
	"fmt"
	"testing"
)

func TestExitCodePrecedence(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		why  string
		f    Findings
		want Status
	}{
		{"all is well", Findings{Valid: true, OK: true}, 0},
		{"an assertion failed", Findings{Valid: true}, 99},
		{"failed assertions of an invalid run mean nothing", Findings{}, 113},
		{"an invalid run is never passed", Findings{OK: true}, 113},
		{"a limiter that fails by itself explains drops and assertions", Findings{Unexpected: boom}, 107},
		{"even where everything else is well", Findings{Unexpected: boom, Valid: true, OK: true}, 107},
		{"the user knows best why it ended early", Findings{Aborted: true, Unexpected: boom}, 105},
	}
	for _, tt := range tests {
		if got := StatusOf(tt.f.Err()); got != tt.want {
			t.Errorf("%s: %+v gives %d, expected %d", tt.why, tt.f, got, tt.want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		why  string
		err  error
		want Status
	}{
		{"no error", nil, 0},
		{"an error that nobody thought of is internal", boom, 109},
		{"a mistake of the user's", With(Invalid, boom), 104},
		{"the code survives wrapping", fmt.Errorf("while x: %w", Invalidf("boom")), 104},
		{"the innermost place knows best", With(109, With(Invalid, boom)), 104},
		{"no error has no code", With(104, nil), 0},
	}
	for _, tt := range tests {
		if got := StatusOf(tt.err); got != tt.want {
			t.Errorf("%s: %v gives %d, expected %d", tt.why, tt.err, got, tt.want)
		}
	}
	if !errors.Is(With(Invalid, boom), boom) {
		t.Error("the error is lost on the way")
	}
}
