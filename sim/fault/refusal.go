package fault

import "github.com/quotalab/quotalab/sim/rediscmd"

// FlushScripts is momentary: the shard forgets its scripts.
const FlushScripts Kind = "flush_scripts"

var flushScripts = Descriptor{
	Kind: FlushScripts, Words: words("forgets its scripts"), Foreign: others,
	Embedded: func(s Embedded, _ Fault) (func(), error) { s.FlushScripts(); return nil, nil },
	Live:     func(s Live, _ Fault) (Course, error) { return Course{}, s.Command("SCRIPT", "FLUSH", "SYNC") },
}

// ReadOnly means that the shard answers writes with READONLY, as a replica
// does.
const ReadOnly Kind = "read_only"

var readOnly = Descriptor{
	Kind: ReadOnly, Words: words("is read-only"), Foreign: others,
	Cluster: "the nodes of a cluster refuse REPLICAOF; use a Ring of shards",
	Embedded: func(s Embedded, _ Fault) (func(), error) {
		return s.Refuse(Refusal{Text: "READONLY You can't write against a read only replica.",
			Of:     func(c *rediscmd.Command, _ bool) bool { return c.Has(rediscmd.Grows | rediscmd.Frees) },
			Server: becomeReplica}), nil
	},
	Live: func(s Live, _ Fault) (Course, error) { return becomeReplica(s) },
}

func becomeReplica(s Commander) (Course, error) {
	follow := func() error { return followNobody(s) }
	return Course{End: func() error { return s.Command("REPLICAOF", "NO", "ONE") }, Again: follow}, follow()
}

// nobody is an address at which nothing answers: the port is that of tcpmux,
// which only the system's administrator may listen on.
const nobodyHost, nobodyPort = "127.0.0.1", 1

// followNobody makes the server a replica that has lost its master: it keeps
// its data and serves it, and refuses to write.
func followNobody(s Commander) error {
	for _, option := range []string{"replica-serve-stale-data", "replica-read-only"} {
		if err := s.Command("CONFIG", "SET", option, "yes"); err != nil {
			return err
		}
	}
	return s.Command("REPLICAOF", nobodyHost, nobodyPort)
}

// OutOfMemory means that the shard answers writes with OOM, as at maxmemory
// with noeviction.
const OutOfMemory Kind = "out_of_memory"

var outOfMemory = Descriptor{
	Kind: OutOfMemory, Words: words("is out of memory"), Foreign: others,
	Embedded: func(s Embedded, _ Fault) (func(), error) {
		return s.Refuse(Refusal{Text: "OOM command not allowed when used memory > 'maxmemory'.", QueuesNone: true,
			Of:     func(c *rediscmd.Command, wrote bool) bool { return c.Has(rediscmd.Grows) && !wrote },
			Server: fillMemory}), nil
	},
	Live: func(s Live, _ Fault) (Course, error) { return fillMemory(s) },
}

func fillMemory(s Commander) (Course, error) {
	var before [len(memoryOptions)]string
	for i, option := range memoryOptions {
		var err error
		if before[i], err = s.Option(option); err != nil {
			return Course{}, err
		}
	}
	fill := func() error { return setMemory(s, [...]int{0, 1}, [...]string{"noeviction", "1"}) }
	// With the old policy first it would make room.
	return Course{End: func() error { return setMemory(s, [...]int{1, 0}, before) }, Again: fill}, fill()
}

// memoryOptions are what lets a server be above the limit of its memory, which
// it may not make room in.
var memoryOptions = [2]string{"maxmemory-policy", "maxmemory"}

func setMemory(s Commander, order [2]int, values [2]string) error {
	for _, i := range order {
		if err := s.Command("CONFIG", "SET", memoryOptions[i], values[i]); err != nil {
			return err
		}
	}
	return nil
}
