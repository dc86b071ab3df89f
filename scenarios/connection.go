package scenarios

// Connection is how a client talks to its shards. The defaults are
// go-redis'. In virtual time a command is sent once, on a connection that is
// always free: of these only read_timeout and heartbeat count.
type Connection struct {
	PoolSize      Count    `yaml:"pool_size" doc:"connections to each shard; 0: 10 a processor" default:"0" max:"100_000"`
	MinIdle       Count    `yaml:"min_idle" doc:"connections to each shard that are opened before the run begins; 0: as many as pool_size, at most 16" default:"0" max:"100_000"`
	PoolTimeout   Duration `yaml:"pool_timeout" doc:"how long a command waits for a connection that is free; 0: read_timeout and 1s" default:"0s" min:"0"`
	DialTimeout   Duration `yaml:"dial_timeout" doc:"how long opening a connection may take" default:"5s" min:"1e6"`
	ReadTimeout   Duration `yaml:"read_timeout" doc:"how long a reply may take" default:"3s" min:"1e6"`
	WriteTimeout  Duration `yaml:"write_timeout" doc:"how long sending may take" default:"3s" min:"1e6"`
	MaxRetries    Count    `yaml:"max_retries" doc:"how often a command that failed for want of a connection or an answer is sent again" default:"3" max:"100"`
	DialerRetries Count    `yaml:"dialer_retries" doc:"how often opening a connection is tried" default:"5" min:"1" max:"100"`
	Heartbeat     Duration `yaml:"heartbeat" doc:"time between two looks at whether a shard is up; after three failures the Ring does without it" default:"500ms" min:"1e6"`
	Pipelining    string   `yaml:"pipelining" doc:"none: every command on its own; auto: commands of different requests to one shard share round trips (go-redis' auto-pipelining, one a shard; hides queueing in the latency)" default:"none" enum:"none,auto"`
}

// defaultConnection is that of a client that the scenario does not name: the
// defaults above.
var defaultConnection = Connection{DialTimeout: 5e9, ReadTimeout: 3e9, WriteTimeout: 3e9, MaxRetries: 3, DialerRetries: 5, Heartbeat: 5e8, Pipelining: "none"}
