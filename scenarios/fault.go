package scenarios

// Fault is one thing that goes wrong in [At, At + For): exactly one field
// beside these two. It happens to every limiter's and engine's shards alike,
// and to all instances of a client. A kind whose field has the tag lasts as
// its value says: for (For is needed), end (For, or to the end of the run);
// all others are over at once.
//
// A shard goes by its name in the scenario: of shards.names or of an added
// shard, also after it was renamed.
type Fault struct {
	At  Duration `yaml:"at" doc:"when, after the start of the run" required:"true" min:"0"`
	For Duration `yaml:"for" doc:"how long: of down, frozen, delay, bandwidth, read_only and out_of_memory, and of clock, which left out lasts to the end of the run" min:"exclusive 0"`

	Restart      *ShardFault     `yaml:"restart" one:"of" doc:"the shard restarts without its data and scripts; what is under way is not lost"`
	Down         *ShardFault     `yaml:"down" one:"of" lasts:"for" doc:"the shard is killed, refuses connections, and comes back empty"`
	Frozen       *ShardFault     `yaml:"frozen" one:"of" lasts:"for" doc:"the shard answers nothing, then goes on where it was: what it was sent is executed late"`
	Delay        *DelayFault     `yaml:"delay" one:"of" lasts:"for" doc:"every round trip to the shard takes longer; the jitter is the distribution's"`
	Bandwidth    *BandwidthFault `yaml:"bandwidth" one:"of" lasts:"for" doc:"the link to the shard carries only so much, each way"`
	Reset        *ShardFault     `yaml:"reset" one:"of" doc:"every connection to the shard is reset; what has been executed stays so"`
	Rename       *RenameFault    `yaml:"rename" one:"of" doc:"clients know the shard by another name, so that keys move"`
	Add          *AddFault       `yaml:"add" one:"of" doc:"one more, empty shard joins, in the zone default, so that keys move"`
	Clock        *ClockFault     `yaml:"clock" one:"of" lasts:"end" doc:"the clocks of a client go wrong"`
	FlushScripts *ShardFault     `yaml:"flush_scripts" one:"of" doc:"the shard forgets its scripts: EVALSHA answers NOSCRIPT"`
	ReadOnly     *ShardFault     `yaml:"read_only" one:"of" lasts:"for" doc:"the shard answers READONLY to what writes, as a replica does"`
	OutOfMemory  *ShardFault     `yaml:"out_of_memory" one:"of" lasts:"for" doc:"the shard answers OOM to what may need memory, as at maxmemory with noeviction"`
}

// ShardFault is a fault of one shard.
type ShardFault struct {
	Shard string `yaml:"shard" doc:"name of the shard" required:"true"`
}

// DelayFault is more delay between all clients and one shard.
type DelayFault struct {
	Shard string       `yaml:"shard" doc:"name of the shard" required:"true"`
	RTT   Distribution `yaml:"rtt" doc:"what is added to every round trip, half on the way there, half on the way back" required:"true"`
}

// BandwidthFault is a narrow link to one shard, which all clients share.
type BandwidthFault struct {
	Shard string   `yaml:"shard" doc:"name of the shard" required:"true"`
	Rate  ByteRate `yaml:"rate" doc:"what the link carries, each way" required:"true" min:"exclusive 0"`
}

// RenameFault is another name of a shard, to all clients.
type RenameFault struct {
	Shard string `yaml:"shard" doc:"name of the shard" required:"true"`
	To    string `yaml:"to" doc:"name by which all clients know it from then on" required:"true"`
}

// AddFault is one more shard.
type AddFault struct {
	Shard string `yaml:"shard" doc:"name of the new shard" required:"true"`
}

// ClockFault is a client whose clocks go wrong.
type ClockFault struct {
	Client string   `yaml:"client" doc:"name of the client" required:"true"`
	Offset Duration `yaml:"offset" doc:"how much further ahead of true time its clocks are than clock_offset says (negative: behind)" required:"true"`
}

// ByteRate is what a link carries in bytes per second, written 1MB/s, 64KiB/s.
type ByteRate float64

// Kind returns what goes wrong as the file spells it, "" where that is
// not known because of a mistake.
func (f Fault) Kind() string { return f.kind().name }

// On returns the name of the shard that it happens to, of add the new one; ""
// of a clock.
func (f Fault) On() string {
	switch {
	case f.Delay != nil:
		return f.Delay.Shard
	case f.Bandwidth != nil:
		return f.Bandwidth.Shard
	case f.Rename != nil:
		return f.Rename.Shard
	case f.Add != nil:
		return f.Add.Shard
	}
	for _, s := range []*ShardFault{f.Restart, f.Down, f.Frozen, f.Reset, f.FlushScripts, f.ReadOnly, f.OutOfMemory} {
		if s != nil {
			return s.Shard
		}
	}
	return ""
}

// Until returns the end of the fault in a run of that horizon; of one that is
// over at once its beginning.
func (f Fault) Until(horizon Duration) Duration {
	switch lasts := f.kind().lasts; {
	case lasts == "":
		return f.At
	case f.For > 0 && f.For < horizon-f.At:
		return f.At + f.For
	}
	return horizon
}
