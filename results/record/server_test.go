package record_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/record"
)

func TestDisagreements(t *testing.T) {
	count := func(sent, script, server int64) []record.CommandCount {
		return []record.CommandCount{{Name: "get", Sent: sent, Script: script, Server: server}}
	}
	tests := []struct {
		why    string
		server record.Server
		want   string // "" none
	}{
		{"nothing ran", record.Server{}, ""},
		{"clients alone", record.Server{Commands: count(5, 0, 5)}, ""},
		{"clients and scripts", record.Server{Commands: count(5, 2, 7)}, ""},
		{"one was lost", record.Server{Commands: count(5, 0, 4)}, "shard a: get: clients sent 5 and scripts called 0, the server counted 4"},
		{"somebody else sends", record.Server{Commands: count(0, 0, 3)}, "shard a: get: clients sent 0 and scripts called 0, the server counted 3"},
		{"a script called less than is said", record.Server{Commands: count(5, 2, 6)}, "shard a: get: clients sent 5 and scripts called 2, the server counted 6"},
		{"scripts that do not tell explain more", record.Server{Commands: count(5, -1, 9)}, ""},
		{"but not less", record.Server{Commands: count(5, -1, 4)}, "shard a: get: clients sent 5, the server counted 4 only"},
		{"restarted: equal by chance", record.Server{Commands: count(5, 0, 5), Restarted: true}, "shard a: commands cannot be compared: the server began to count anew during the run"},
		{"unreachable", record.Server{Unreachable: "connection refused"}, "shard a: commands cannot be compared: the server could not be asked: connection refused"},
	}
	for _, tt := range tests {
		tt.server.Shard = "a"
		if d := cmp.Diff(tt.want, strings.Join(tt.server.Disagreements(), "; ")); d != "" {
			t.Errorf("%s: − expected + found:\n%s", tt.why, d)
		}
	}
}
