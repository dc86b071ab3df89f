package record

import "fmt"

// Server is what one live shard said of itself before and after a run, and
// what the harness knows of it. Keys and memory are −1 where it did not say.
type Server struct {
	Shard   string `json:"shard"`
	Version string `json:"version"` // of Redis, e.g. 7.0.15

	Commands []CommandCount `json:"commands"` // by name, without those of the harness itself and of connections

	MemoryBefore int64 `json:"memoryBeforeBytes"` // used_memory
	MemoryAfter  int64 `json:"memoryAfterBytes"`
	KeysBefore   int64 `json:"keysBefore"` // in the run's database
	KeysAfter    int64 `json:"keysAfter"`

	SampledKeys int64   `json:"sampledKeys"`           // of the run's own, asked for their memory
	KeyBytes    float64 `json:"keyBytes"`              // their mean MEMORY USAGE, key name and prefix included; −1 none
	Restarted   bool    `json:"restarted,omitempty"`   // during the run: its counts began anew
	Unreachable string  `json:"unreachable,omitempty"` // why it could not be asked at the end
}

// CommandCount compares how often a command ran. The server counts commands
// that scripts call as it counts those of clients.
type CommandCount struct {
	Name   string `json:"name"`   // in lower case
	Sent   int64  `json:"sent"`   // by the run's clients, answered or not
	Script int64  `json:"script"` // by scripts, as far as the limiter tells what its scripts call; −1: it does not
	Server int64  `json:"server"` // executed or rejected, as the server says
}

// Disagreements returns what the server counted otherwise than the run's
// clients and their scripts, one sentence each; none if they agree. Where
// scripts do not tell what they call, the server may count more.
func (s Server) Disagreements() []string {
	switch {
	case s.Unreachable != "":
		return []string{fmt.Sprintf("shard %s: commands cannot be compared: the server could not be asked: %s", s.Shard, s.Unreachable)}
	case s.Restarted:
		return []string{fmt.Sprintf("shard %s: commands cannot be compared: the server began to count anew during the run", s.Shard)}
	}
	var found []string
	for _, c := range s.Commands {
		expected, exact := c.Sent+max(0, c.Script), c.Script >= 0
		switch {
		case exact && c.Server != expected:
			found = append(found, fmt.Sprintf("shard %s: %s: clients sent %d and scripts called %d, the server counted %d", s.Shard, c.Name, c.Sent, c.Script, c.Server))
		case c.Server < expected:
			found = append(found, fmt.Sprintf("shard %s: %s: clients sent %d, the server counted %d only", s.Shard, c.Name, c.Sent, c.Server))
		}
	}
	return found
}
