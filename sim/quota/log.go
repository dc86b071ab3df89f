package quota

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Row is an entry of a log: a notice was sent.
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

// RedisLog is a Log in Redis: a list of rows an account, or one list for all.
// A row is the text account/threshold/at. Nothing expires, as in upstream's
// table.
type RedisLog struct {
	Redis  redis.UniversalClient
	Prefix string // of all keys
	// Shared keeps the rows of all accounts in one list, which a Query for
	// AnyAccount needs. It lives on one shard then.
	Shared bool
}

func (l *RedisLog) key(account int64) string {
	if l.Shared {
		return l.Prefix + "log"
	}
	return l.Prefix + "log:" + strconv.FormatInt(account, 10)
}

// First reads the list.
func (l *RedisLog) First(ctx context.Context, q Query) (Row, bool, error) {
	if q.AnyAccount && !l.Shared {
		return Row{}, false, fmt.Errorf("log %s: a row of any account is asked for, but it keeps accounts apart; make it Shared", l.Prefix)
	}
	rows, err := l.rows(ctx, q.Account)
	if err != nil {
		return Row{}, false, err
	}
	if i := slices.IndexFunc(rows, q.matches); i >= 0 {
		return rows[i], true, nil
	}
	return Row{}, false, nil
}

// Append adds a row at the end of the list.
func (l *RedisLog) Append(ctx context.Context, r Row) error {
	if err := l.Redis.RPush(ctx, l.key(r.Account), r.text()).Err(); err != nil {
		return fmt.Errorf("log of account %d: %w", r.Account, err)
	}
	return nil
}

// Erase removes the account's list, or its rows from the common one.
func (l *RedisLog) Erase(ctx context.Context, account int64) error {
	key := l.key(account)
	if !l.Shared {
		if err := l.Redis.Del(ctx, key).Err(); err != nil {
			return fmt.Errorf("erase the log of account %d: %w", account, err)
		}
		return nil
	}
	rows, err := l.rows(ctx, account)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Account != account {
			continue
		}
		if err := l.Redis.LRem(ctx, key, 0, r.text()).Err(); err != nil {
			return fmt.Errorf("erase the log of account %d: %w", account, err)
		}
	}
	return nil
}

// rows returns the entries of the list that holds an account's.
func (l *RedisLog) rows(ctx context.Context, account int64) ([]Row, error) {
	key := l.key(account)
	texts, err := l.Redis.LRange(ctx, key, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("log of account %d: %w", account, err)
	}
	rows := make([]Row, len(texts))
	for i, text := range texts {
		if rows[i], err = parseRow(text); err != nil {
			return nil, fmt.Errorf("log of account %d: entry %d of %s: %w", account, i, key, err)
		}
	}
	return rows, nil
}

func (r Row) text() string {
	b := strconv.AppendInt(nil, r.Account, 10)
	b = strconv.AppendInt(append(b, '/'), r.Threshold, 10)
	b = strconv.AppendInt(append(b, '/'), r.At, 10)
	return string(b)
}

func parseRow(text string) (Row, error) {
	account, rest, _ := strings.Cut(text, "/")
	threshold, at, _ := strings.Cut(rest, "/")
	var r Row
	for _, f := range []struct {
		text string
		into *int64
	}{{account, &r.Account}, {threshold, &r.Threshold}, {at, &r.At}} {
		n, err := strconv.ParseInt(f.text, 10, 64)
		if err != nil {
			return Row{}, fmt.Errorf("expected account/threshold/at in integers, found %q", text)
		}
		*f.into = n
	}
	return r, nil
}
