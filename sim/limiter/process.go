package limiter

import "time"

// Process is the program of a limiter that lives in a process of its own.
type Process struct {
	Command     []string
	Directory   string
	Environment []string // NAME=value
	Quiet       string   // how it is known to be quiescent
	Clock       string   // where its clock comes from
	Service     *Service // nil: it speaks lines of JSON
	URL         string   // of a service that is running already, in real time; "": Command starts it
}

// Service is how a decision is asked of a program that speaks HTTP, or gRPC as
// Envoy does. {key}, {limit} and {cost} stand for those of the take.
type Service struct {
	Method  string
	Path    string
	Headers []string // Name: value

	Domain  string
	Entries []Entry // of the descriptor; none: it speaks HTTP
}

// Entry is one of a descriptor.
type Entry struct{ Key, Value string }

// processResolution is that of the clocks of most runtimes.
const processResolution = time.Millisecond

// process, httpService and envoyRLS are made by sim/foreign, which has to know the
// shards and the clock of the run.
var (
	process = Kind{
		About:      "a program in any language that speaks lines of JSON, with its own Redis client; see quotalab adapter",
		Resolution: processResolution, Batch: true, Outside: true,
	}
	httpService = Kind{
		About:      "a service in any language that answers 2xx or 429, with its own Redis client",
		Resolution: processResolution, Outside: true,
	}
	envoyRLS = Kind{
		About:      "a service that answers gRPC's ShouldRateLimit, as Envoy asks it, with its own Redis client",
		Resolution: processResolution, Outside: true,
	}
)
