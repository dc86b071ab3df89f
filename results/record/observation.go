package record

// Decision is what came of a request.
type Decision string

// The decisions.
const (
	Allowed  Decision = "allowed"
	Denied   Decision = "denied"
	Errored  Decision = "error"
	FailOpen Decision = "fail_open"
	Dropped  Decision = "dropped"
)

// KeyState is the state of a request's keys as the shard saw it when the
// request's first command reached the key.
type KeyState string

// The key states. Mixed is a batch whose keys are in different states;
// Unread means that no command reached a key.
const (
	Found    KeyState = "found"
	NotFound KeyState = "not_found"
	Stale    KeyState = "stale"
	Mixed    KeyState = "mixed"
	Unread   KeyState = "unread"
)

// Mode is what a request does to a limit.
type Mode string

// The modes: check and spend, check without spending, spend if there is
// room without taking part in the decision.
const (
	TakeMode  Mode = "take"
	CheckMode Mode = "check"
	SpendMode Mode = "spend"
)

// Observation is one decision (or error, or drop) of one limiter on one
// request. Instants are nanoseconds after the run's epoch; an instant that
// is not known is −1. The struct is a row of the Parquet parts.
type Observation struct {
	Seq      int64  `parquet:"seq,delta"`      // 0, 1, 2, … in the order of writing, without gaps
	Arrival  int64  `parquet:"arrival,delta"`  // number of the arrival within its traffic source
	Traffic  string `parquet:"traffic,dict"`   // traffic source
	Client   string `parquet:"client,dict"`    // client instance, e.g. "wfe" or "caller/17"
	Limiter  string `parquet:"limiter,dict"`   // limiter under test
	Step     int32  `parquet:"step"`           // index in the traffic's via
	Attempt  int32  `parquet:"attempt"`        // 0 the first try, 1 the first retry, …
	Done     int64  `parquet:"done,delta"`     // when the answer was there
	Intended int64  `parquet:"intended,delta"` // when the request was due
	Sent     int64  `parquet:"sent,delta"`     // when it was sent
	Judged   int64  `parquet:"judged,delta"`   // true instant of the last clock reading that the decision rests on
	Effect   int64  `parquet:"effect,delta"`   // when its last command on a key executed
	Order    int64  `parquet:"order,delta"`    // position of that command in the total order of commands; −1: unknown (real time)

	Decision   Decision `parquet:"decision,dict"`
	Key        KeyState `parquet:"key,dict"`
	Remaining  int64    `parquet:"remaining"`    // tokens left as the limiter says; −1 unknown
	RetryAfter int64    `parquet:"retry_after"`  // nanoseconds as the limiter says; −1 unknown
	RoundTrips int32    `parquet:"round_trips"`  // sequential round trips
	Error      string   `parquet:"error,dict"`   // kind of error, "" none: timeout, cancelled, refused, pool_exhausted, script_missing, connection, server, unexpected
	Message    string   `parquet:"message,dict"` // the error's text

	Takes   []Take  `parquet:"takes,list"`   // one for each limit
	Touched []Touch `parquet:"touched,list"` // commands by shard
}

// Take is one limit that a request takes from.
type Take struct {
	Limit string   `parquet:"limit,dict"`
	Key   string   `parquet:"key,dict"`
	Cost  int64    `parquet:"cost"`
	Mode  Mode     `parquet:"mode,dict"`
	Shard string   `parquet:"shard,dict"` // the shard that its key's commands went to, "" none
	State KeyState `parquet:"state,dict"`
}

// Touch counts a request's commands on one shard.
type Touch struct {
	Shard    string `parquet:"shard,dict"`
	Commands int32  `parquet:"commands"`
}
