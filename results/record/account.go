package record

// Account is what one account was entitled to and what it used: the truth
// that engines are judged by. Instants are Unix nanoseconds. The struct is a
// row of the Parquet parts.
type Account struct {
	ID       int64             `parquet:"id,delta"`
	Group    string            `parquet:"group,dict"`
	Contract []ContractSegment `parquet:"contract,list"` // in the order of From
	// Saved says that its limit was saved during the run, which erases the
	// log of some engines.
	Saved bool `parquet:"saved"`
	// Usage, in the order of the instants and as many units as instants;
	// corrections are negative.
	At    []int64 `parquet:"at,list" parquet-element:",delta"`
	Units []int64 `parquet:"units,list" parquet-element:",delta"`
}

// ContractSegment is a usage.Segment.
type ContractSegment struct {
	From   int64 `parquet:"from"`
	Kind   int32 `parquet:"kind"` // of usage.Kind
	Anchor int64 `parquet:"anchor"`
	Limit  int64 `parquet:"limit"`
}

// Engine is one usage-threshold engine of a run, and what can be expected of
// it.
type Engine struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Options    map[string]string `json:"options,omitempty"`
	Thresholds []int64           `json:"thresholds"`

	// First and Last run started then, Unix nanoseconds; of an engine
	// without runs they are the start and the end of the run.
	First int64 `json:"firstUnixNanoseconds"`
	Last  int64 `json:"lastUnixNanoseconds"`
	// A notice is on time at most Gap + Slack after the crossing: Gap is the
	// largest time between the starts of two runs, Slack what the source's
	// lag, the account's place in the run and delivery may add.
	Gap   int64 `json:"gapNanoseconds"`
	Slack int64 `json:"slackNanoseconds"`

	// LooksBack says that the engine can still meet an obligation when its
	// period is over: it looks at it once more, or delivers later.
	LooksBack   bool      `json:"looksBack,omitempty"`
	SourceDown  []Span    `json:"sourceDown,omitempty"`
	Downsampled bool      `json:"downsampled,omitempty"`
	Findings    []Finding `json:"findings,omitempty"`
}

// Span is the instants from ≤ t < until, Unix nanoseconds.
type Span struct {
	From  int64 `json:"fromUnixNanoseconds"`
	Until int64 `json:"untilUnixNanoseconds"`
}

// Finding is what an engine itself noticed about its state, e.g. that a
// counter had gone back.
type Finding struct {
	What    string `json:"what"`
	Account int64  `json:"account"`
	At      int64  `json:"atUnixNanoseconds"` // when it was found first
	Count   int64  `json:"count"`             // how often it was found of the account
}
