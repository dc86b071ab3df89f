// Package campaign plays runs that belong together: the cells of a sweep, the
// turns of a gate, the reference results of shipped scenarios. A single run
// goes the same way.
//
// In flow scenarios and Overrides of them; out flow records, each an Analysis
// once it is played, and what the campaign came to: a sweep.Result, a Verdict, Files.
//
//  1. Loader.Load and Loader.Compile make a plan of a scenario, or of a Cell,
//     which is one combination of a sweep. Every mistake is told at once.
//  2. Open opens the servers of a plan in real time.
//  3. Run.Play plays a plan into a record, and Analyse says what came of it.
//  4. Sweep, Gate and Reference do that for many plans. A sweep hands its cells to a
//     Runner, by default Local (package fleet has one that hands them on to workers), and keeps each record under the hash of its
//     plan: what is finished is not played again, no matter which process played it.
//
// Nothing is printed: a Monitor is told how it goes on. Errors are an *Error
// where more is known of them than that they are internal. cmd imports it.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/sim/plan"
)

// Status is what a run or a campaign came to. Its number is the exit code of
// the process, and by that one process tells another: none is ever reused for
// another meaning.
type Status int

// The statuses.
const (
	Passed          Status = 0
	AssertionFailed Status = 99
	Invalid         Status = 104
	Aborted         Status = 105
	LimiterFailed   Status = 107
	Internal        Status = 109
	Regressed       Status = 112
	OffSchedule     Status = 113
	Unreachable     Status = 114
)

var meanings = []struct {
	Status
	text string
}{
	{Passed, "passed"},
	{AssertionFailed, "an assertion of the scenario failed, or ended the run by failing (abortOnFail)"},
	{Invalid, "invalid scenario or flag (or a record, file or directory that it names cannot be used)"},
	{Aborted, "aborted by the user; the record up to there is kept and readable"},
	{LimiterFailed, "a limiter under test returned an unexpected failure"},
	{Internal, "internal error, or a result that could not be written"},
	{Regressed, "regression against the baseline"},
	{OffSchedule, "the generator could not keep its schedule, so the result is invalid"},
	{Unreachable, "a dependency (Redis, the Pushgateway of -o prometheus, the coordinator of a worker) is unreachable"},
}

// Statuses lists all statuses by their numbers.
func Statuses() []Status {
	all := make([]Status, len(meanings))
	for i, m := range meanings {
		all[i] = m.Status
	}
	return all
}

// String returns the meaning of the status, for people.
func (s Status) String() string {
	i := slices.Index(Statuses(), s)
	if i < 0 {
		return fmt.Sprintf("status %d", int(s))
	}
	return meanings[i].text
}

// Err returns the status as an error that has been told already; nil if it is Passed.
func (s Status) Err() error {
	if s == Passed {
		return nil
	}
	return &Error{Status: s}
}

// Error is an error with its status. A nil Err has been told already.
type Error struct {
	Status Status
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Status.String()
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// With gives an error its status, unless it has one.
func With(s Status, err error) error {
	var has *Error
	if err == nil || errors.As(err, &has) {
		return err
	}
	return &Error{s, err}
}

// Invalidf returns an error with status Invalid, unless one that it wraps has another.
func Invalidf(format string, args ...any) error { return With(Invalid, fmt.Errorf(format, args...)) }

// StatusOf returns the status of an error: Passed of none, Internal of one that has none.
func StatusOf(err error) Status {
	var e *Error
	switch {
	case err == nil:
		return Passed
	case errors.As(err, &e):
		return e.Status
	}
	return Internal
}

// ErrInterrupt is the cause of a context that the user ended; its text stands
// in the record.
var ErrInterrupt = errors.New("interrupt")

// Findings are what a run or a sweep found once it has come to its end.
type Findings struct {
	Aborted    bool
	Unexpected error // a limiter failed by itself
	Valid      bool  // the schedule was kept
	OK         bool  // every assertion holds
}

// Err returns the first that applies of 105, 107, 113 and 99, which reports
// unexpected failures. What is wrong with a run comes before what it found: an
// assertion is not worth looking at when the figures are not. A run that an
// assertion ended was aborted by nobody.
func (f Findings) Err() error {
	switch {
	case f.Aborted:
		return &Error{Aborted, f.Unexpected}
	case f.Unexpected != nil:
		return &Error{LimiterFailed, f.Unexpected}
	case !f.Valid:
		return OffSchedule.Err()
	case !f.OK:
		return AssertionFailed.Err()
	}
	return nil
}

// Monitor is told how a campaign goes on. Its methods may be called at once.
type Monitor interface {
	// Begin says how many of something there will be; Done, that one is done.
	Begin(total int, of string)
	Done()
	// Run says that a run begins. step is called now and then with its instant in
	// ns after its epoch and the number of arrivals so far, end at its end.
	Run(name string, p *plan.Plan) (step func(at, arrivals int64), end func())
	// Note tells people something beside the results.
	Note(format string, args ...any)
}

// Runner plays a cell, here or elsewhere, into a record in dir, which exists and
// holds none, and stores its summary there. It may be called at once for different
// cells. An error ends the campaign.
type Runner interface {
	Run(ctx context.Context, c Cell, dir string) (*Outcome, error)
}

// Outcome is what a cell came to.
type Outcome struct {
	Played
	Run    sweep.Run // its row of the sweep's table; none if it was aborted
	Record string    // hash of the record's content
	Worker string    // that played it; "": this process
	Kept   func()    // called once the record is where it stays; may be nil
}

// AllCores returns the places of the processors, which runs that go on at once
// share: each of them has worlds that can be played side by side.
func AllCores() chan struct{} { return make(chan struct{}, runtime.GOMAXPROCS(0)) }

// InParallel calls do with 0 to n−1, as many at once as there are workers, and
// begins them in order.
func InParallel(n, workers int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
