package threshold

import (
	"context"
	"slices"
)

// MemoryLog is a Log in memory. The zero value is empty.
type MemoryLog struct {
	all       []Row
	byAccount map[int64][]Row
}

// First looks among the account's own rows, or among all.
func (l *MemoryLog) First(_ context.Context, q Query) (Row, bool, error) {
	rows := l.all
	if !q.AnyAccount {
		rows = l.byAccount[q.Account]
	}
	if i := slices.IndexFunc(rows, q.matches); i >= 0 {
		return rows[i], true, nil
	}
	return Row{}, false, nil
}

// Append adds a row.
func (l *MemoryLog) Append(_ context.Context, r Row) error {
	if l.byAccount == nil {
		l.byAccount = map[int64][]Row{}
	}
	l.byAccount[r.Account] = append(l.byAccount[r.Account], r)
	l.all = append(l.all, r)
	return nil
}

// Erase removes the rows of one account.
func (l *MemoryLog) Erase(_ context.Context, account int64) error {
	if len(l.byAccount[account]) == 0 {
		return nil
	}
	delete(l.byAccount, account)
	l.all = slices.DeleteFunc(l.all, func(r Row) bool { return r.Account == account })
	return nil
}
