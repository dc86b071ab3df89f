// Package quota holds the engines that tell an account when its usage has
// reached a share of its limit: one engine a file, behind two interfaces.
//
// A polling engine is built from parts that are small interfaces, so that the
// same rules run in a test on recorded vectors, in virtual time and live:
//
//  1. A run (Poller.Poll) goes through the Accounts. Their plans, billing dates
//     and cached totals are the engine's knowledge, which may be wrong.
//  2. For each it asks the UsageSource how much was used since an instant. The
//     source decides what it can see: stamps, lag, outages (see View and
//     Unreliable over one table of Events).
//  3. It looks in its memory whether the notice went out before: Log, as
//     flagsmith has it, or Claims, which are unique.
//  4. It hands the notice to the Mailer, which takes time and may fail.
//  5. It reports what it did and why to the Sink, one record.Evaluation for
//     each account of each run.
//
// What flows in: those parts and options. What flows out: notices and
// evaluations. Instants and durations are nanoseconds, instants since 1970;
// the calendar is UTC; there are no floats. Nothing here reads the wall clock:
// parts that take time call Sleep. Imported by sim/ and cmd/.
package quota

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

// Engine is told of all usage as it happens. Add may be called from many
// requests at once.
type Engine interface {
	Add(ctx context.Context, u Usage) error
}

// Poller looks at all accounts from time to time. Poll starts a run at the
// clock's time; a run may begin while an earlier one is still going on. An
// error says that the run did not reach every account.
type Poller interface {
	Interval() time.Duration
	Poll(ctx context.Context) error
}

// Usage is units that an account consumed at an instant, or gave back where
// they are negative.
type Usage struct {
	Account int64
	At      int64
	Units   int64
	Series  string // which part of the product counted it
	Token   string // identifies a retried call; "" none
}

// Notice tells an account that it has reached a threshold.
type Notice struct {
	Account    int64
	Threshold  int64 // percent
	Period     int64 // start of the period that it is about; of a rolling window its start
	At         int64 // when it was sent
	Run        int64 // the run that sent it; 0 where there are no runs
	Recipients int64 // people who get it
	Delivered  bool
}

// Clock tells the time.
type Clock interface {
	Now() int64
}

// Sleep lets time pass: on a virtual clock, on a test's, or for real. A nil
// Sleep lets none pass.
type Sleep func(ctx context.Context, nanoseconds int64) error

func (s Sleep) pass(ctx context.Context, nanoseconds int64) error {
	if s == nil || nanoseconds == 0 {
		return nil
	}
	return s(ctx, nanoseconds)
}

// Mailer delivers notices. What it could not deliver is not an error: mail
// fails silently. While it works other runs may begin.
type Mailer interface {
	Send(ctx context.Context, n Notice) (delivered bool, err error)
}

// Sink gets what an engine did and why. The pointer is valid until it
// returns.
type Sink func(e *record.Evaluation)

// SeriesUnits is what one series of an account sums up to.
type SeriesUnits struct {
	Series string
	Units  int64
}

// SourceKind is how a UsageSource understands a range.
type SourceKind uint8

// The kinds of sources.
const (
	// Influx sums stamps in [from, to).
	Influx SourceKind = iota
	// InfluxTotal sums stamps in [from, midnight before to).
	InfluxTotal
	// Postgres sums by days: those after the day of from, up to that of to.
	Postgres
)

// UsageSource knows the usage of accounts, as far as it can see it by now.
type UsageSource interface {
	Kind() SourceKind
	// Sum is the usage in the range, which the source's kind interprets, for
	// each series that has any event there, by ascending name. A range that
	// is empty is ErrInfluxDB.
	Sum(ctx context.Context, account, from, to int64) ([]SeriesUnits, error)
	// Recent is the total of the last 30 days as a cache of it is refreshed.
	Recent(ctx context.Context, account int64) (int64, error)
}

// adminsOnlyBelow: a notice of a threshold below it goes to those who
// administer the account, from it on to all members too.
const adminsOnlyBelow = 100

// Recipients is how many people get a notice of a threshold.
func (a Account) Recipients(threshold int64) int64 {
	if threshold >= adminsOnlyBelow {
		return a.Admins + a.Members
	}
	return a.Admins
}

// percent is 100·units/limit truncated towards zero, without overflow in
// units. The limit is not zero.
func percent(units, limit int64) int64 {
	return units/limit*100 + units%limit*100/limit
}

// highest is the highest threshold that percent reaches, 0 for none.
// Thresholds ascend.
func highest(thresholds []int64, percent int64) int64 {
	var t int64
	for _, candidate := range thresholds {
		if candidate <= percent {
			t = candidate
		}
	}
	return t
}

// evaluation returns one without outcome: the instants that it does not have are −1.
func evaluation(engine string, run, account, at int64) record.Evaluation {
	return record.Evaluation{Engine: engine, Run: run, Account: account, At: at,
		ReadFrom: -1, PeriodAt: -1, RowAt: -1, SentAt: -1}
}

// The errors that end an evaluation of the flagsmith engine have the names of
// upstream's exceptions: by these the recorded vectors tell them.
var (
	// ErrType: something is None: no billing start, no threshold reached, no
	// row counted.
	ErrType = errors.New("TypeError")
	// ErrAssertion: usage comes in more than one series.
	ErrAssertion = errors.New("AssertionError")
	// ErrZeroDivision: the limit is zero.
	ErrZeroDivision = errors.New("ZeroDivisionError")
	// ErrInfluxDB: the source was asked for an empty range.
	ErrInfluxDB = errors.New("InfluxDBError")
)

// ErrSourceDown: the usage source is down and says so.
var ErrSourceDown = errors.New("usage source down")

// AbortError says that an error at one account ended a run, so that no later
// account was looked at.
type AbortError struct {
	Run     int64
	Account int64 // the one that failed
	Err     error
}

func (e *AbortError) Error() string {
	return fmt.Sprintf("run %d ended at account %d: %v; the accounts after it were not looked at", e.Run, e.Account, e.Err)
}

func (e *AbortError) Unwrap() error { return e.Err }
