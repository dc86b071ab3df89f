package record_test

import (
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

func TestClientOf(t *testing.T) {
	m := record.Manifest{Clients: []record.Client{{Name: "caller", Instances: 20}, {Name: "web/1"}}}
	for _, tt := range []struct{ why, instance, want string }{
		{"one of several instances", "caller/17", "caller"},
		{"the only instance", "caller", "caller"},
		{"a client whose name looks like an instance's", "web/1", "web/1"},
		{"not listed", "web/2", "web"},
		{"a drop, which no client sent", "", ""},
	} {
		if got := m.ClientOf(tt.instance); got != tt.want {
			t.Errorf("%s: %q is of client %q, expected %q", tt.why, tt.instance, got, tt.want)
		}
	}
}
