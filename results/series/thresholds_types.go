package series

// MaxCauses is how many causes of misses are told apart; the rest of them are
// OtherCauses.
const (
	MaxCauses   = 5
	OtherCauses = "other causes"
)

// Thresholds is how usage-threshold engines did. Of a record that was not
// audited, or that holds no account, it is only known which engines there were.
type Thresholds struct {
	Engines  []string // as in the manifest
	Levels   []int64  // percent, ascending: those of the engines, and others that one sent
	Accounts int64
	Groups   []string // of accounts that crossed a threshold, by the least id in each
	Causes   []string // of misses, over all engines the most frequent first; OtherCauses, if any, last
	Missed   []MissedBar
	Matrix   []MatrixCell
	Delays   []EngineDelay // by engine; of all of them
	Account  *AccountStory // nil: no account has one to tell
}

// MissedBar is how many of an engine's crossings of a threshold had no notice,
// for one cause. Where none was missed there is one bar, without a cause, of
// Count 0; where nothing was crossed there is none. They are by engine, threshold,
// and cause in the order of Causes.
type MissedBar struct {
	Engine           string
	Level            int64
	Cause            string
	Count, Crossings int64
}

// MatrixCell is how an engine did with one threshold in one group of accounts.
// There is none where the group did not cross it. They are by engine, group, and
// threshold.
type MatrixCell struct {
	Engine, Group     string
	Level             int64
	Missed, Crossings int64
}

// EngineDelay is how long after a crossing an engine's first notice came, of
// all thresholds together. Delays are of the crossings that have one: Delays.N of
// Crossings.
type EngineDelay struct {
	Engine            string
	Bound             float64 // seconds within which a notice is on time
	Crossings, OnTime int64
	Delays            Distribution
}

// AccountStory is one account's usage with all that happened to it, in the
// period (or around the excursion) of one crossing. Instants are seconds since the
// run's epoch.
type AccountStory struct {
	ID            int64
	Group, Engine string // Engine: the one whose story it is
	From, Until   float64
	At            float64 // of the crossing that it is about
	Level         int64   // percent, of that crossing; 0: there was none to judge
	Verdict       string  // on it: missed, late, on-time or censored
	Cause         string  // of missed and late
	Limit         []Point
	Usage         []Point // percent of the limit, in steps; at most MaxPoints
	Looks         []Look  // of Engine: at most MaxPoints, evenly spread over LooksMade
	LooksMade     int64
	Engines       []EngineStory // as in the manifest, Engine among them
}

// EngineStory is what one engine was due to tell the account, and what it did.
type EngineStory struct {
	Engine    string
	Crossings []Crossing
	Notices   []Mark // Text says of what kind: first, duplicate, …
}

// Crossing is a threshold that was reached, and what became of it.
type Crossing struct {
	At      float64
	Level   int64
	Verdict string
	Until   float64 // when its first notice came; else when its period or excursion, or the run, ended
	Cause   string  // of missed and late: causes in their order, joined by ">"
}

// Look is one evaluation.
type Look struct {
	At      float64
	Outcome string
	Percent float64 // of the limit, as the engine read it; NaN: it did not read usage
	Level   int64   // of a suppressed or sent notice: its threshold in percent
	By      int64   // of suppressed: the account whose record suppressed it
}

// Mark is something that happened at an instant.
type Mark struct {
	At    float64
	Level int64 // percent
	Text  string
}
