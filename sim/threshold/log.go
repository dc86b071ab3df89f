package threshold

import "context"

// Row of a log: a notice was sent.
type Row struct {
	Account   int64
	Threshold int64
	At        int64
}

// Query asks a log whether a notice was sent already.
type Query struct {
	Account    int64
	AnyAccount bool  // rows of other accounts count too
	After      int64 // only rows later than this
	Threshold  int64
	OrHigher   bool // rows of higher thresholds count too
}

func (q Query) matches(r Row) bool {
	return (q.AnyAccount || r.Account == q.Account) && r.At > q.After &&
		(r.Threshold == q.Threshold || q.OrHigher && r.Threshold > q.Threshold)
}

// Log remembers the notices that were sent. It is not a lock: two runs may
// both find nothing and both append.
type Log interface {
	// First is the first row appended that matches.
	First(ctx context.Context, q Query) (Row, bool, error)
	Append(ctx context.Context, r Row) error
	// Erase removes the rows of one account.
	Erase(ctx context.Context, account int64) error
}
