package measure

// Schedule is how the generator kept its schedule: first tries only.
type Schedule struct {
	Due               int64    `json:"due" jsonschema:"requests that were due in the measured time, first tries only"`
	Sent              int64    `json:"sent" jsonschema:"of these, sent before the end of the run"`
	IntendedPerSecond float64  `json:"intendedPerSecond" jsonschema:"due, per second of the measured time"`
	AchievedPerSecond float64  `json:"achievedPerSecond" jsonschema:"sent, per second of the measured time"`
	Ratio             float64  `json:"ratio" jsonschema:"achieved over intended rate; below 0.99 the run is invalid"`
	LagSamples        int64    `json:"lagSamples" jsonschema:"requests whose lag is known"`
	LagMed            *float64 `json:"lagMedSeconds,omitempty" jsonschema:"median of sent - intended"`
	LagP99            *float64 `json:"lagP99Seconds,omitempty" jsonschema:"99th percentile of sent - intended; above lagBoundSeconds the run is invalid"`
	LagMax            *float64 `json:"lagMaxSeconds,omitempty" jsonschema:"largest sent - intended"`
	LagBound          float64  `json:"lagBoundSeconds" jsonschema:"what the 99th percentile of lag may be"`
}

// Fault is something that went wrong on purpose. Instants are seconds after
// the epoch.
type Fault struct {
	At     float64 `json:"atSeconds" jsonschema:"when it began, after the start of the run"`
	Until  float64 `json:"untilSeconds" jsonschema:"when it ended; as atSeconds if it was momentary"`
	Kind   string  `json:"kind" jsonschema:"kind of fault, as the scenario spells it"`
	What   string  `json:"what" jsonschema:"what happened, in words"`
	Shard  string  `json:"shard,omitempty" jsonschema:"shard that it happened to"`
	Client string  `json:"client,omitempty" jsonschema:"client that it happened to"`
}

// Phase is how long a phase was within the measured time.
type Phase struct {
	Phase   string  `json:"phase" jsonschema:"before the first fault, during one, or after"`
	Seconds float64 `json:"seconds" jsonschema:"how long it was; rates of the phase are counts divided by it"`
}

// Server is what one live shard said of itself. What it did not say is
// absent.
type Server struct {
	Shard          string         `json:"shard" jsonschema:"name of the shard"`
	Version        string         `json:"version" jsonschema:"version of Redis"`
	KeysBefore     *int64         `json:"keysBefore,omitempty" jsonschema:"keys in the run's database before the run"`
	KeysAfter      *int64         `json:"keysAfter,omitempty" jsonschema:"keys in the run's database after the run"`
	MemoryBefore   *int64         `json:"memoryBeforeBytes,omitempty" jsonschema:"used_memory before the run"`
	MemoryAfter    *int64         `json:"memoryAfterBytes,omitempty" jsonschema:"used_memory after the run"`
	SampledKeys    int64          `json:"sampledKeys" jsonschema:"keys of the run that were asked for their memory"`
	KeyBytes       *float64       `json:"bytesPerKey,omitempty" jsonschema:"mean MEMORY USAGE of those keys"`
	CommandsSent   *int64         `json:"commandsSent,omitempty" jsonschema:"commands that the run's clients sent, and what their scripts called as far as that is known"`
	CommandsServed *int64         `json:"commandsServed,omitempty" jsonschema:"the same commands as the server counted them"`
	Compared       bool           `json:"compared" jsonschema:"whether every command can be compared: the server could be asked, did not restart, and the limiters say what their scripts call"`
	Disagreements  []CommandCount `json:"disagreements,omitempty" jsonschema:"commands that the server counted otherwise than the clients"`
	Restarted      bool           `json:"restarted,omitempty" jsonschema:"it restarted during the run, so its counts began anew"`
	Unreachable    string         `json:"unreachable,omitempty" jsonschema:"why it could not be asked at the end"`
}

// CommandCount is how often one command ran.
type CommandCount struct {
	Command string `json:"command" jsonschema:"name of the command"`
	Sent    int64  `json:"sent" jsonschema:"by the run's clients"`
	Script  *int64 `json:"script,omitempty" jsonschema:"by their scripts, if that is known"`
	Server  int64  `json:"server" jsonschema:"as the server says"`
}

// SampledAudit is the audit of one limiter's decisions on the sampled keys.
type SampledAudit struct {
	Limiter     string  `json:"limiter" jsonschema:"name of the limiter"`
	Compared    int64   `json:"compared" jsonschema:"decisions on sampled keys, compared with the oracle's"`
	Over        int64   `json:"over" jsonschema:"allowed, where the oracle denies"`
	Under       int64   `json:"under" jsonschema:"denied, where the oracle allows"`
	Ambiguous   int64   `json:"ambiguous" jsonschema:"too close to the boundary, or in an unknown order"`
	WorstExcess float64 `json:"worstExcess" jsonschema:"most tokens that one sampled key got in any window of length t above burst + t/T"`
}
