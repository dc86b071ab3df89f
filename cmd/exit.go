package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Exit codes. They are an interface: none is ever reused for another meaning.
// When several apply to a run, the first of this order is told: 109, 105,
// 107, 113, 99, 0. What is wrong with the run comes before what it found: an
// assertion is not worth looking at when the figures are not. A run that an
// assertion ended was aborted by nobody: 99, or what comes before it. A gate's
// order is gateOrder: 112 comes between 113 and 99, as a regression explains
// assertions that fail.
const (
	exitPassed     = 0
	exitAssertion  = 99
	exitInvalid    = 104
	exitAborted    = 105
	exitUnexpected = 107
	exitInternal   = 109
	exitRegression = 112
	exitSchedule   = 113
	exitDependency = 114
)

// exitCodes is the one table of what they mean.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitPassed, "passed"},
	{exitAssertion, "an assertion of the scenario failed, or ended the run by failing (abortOnFail)"},
	{exitInvalid, "invalid scenario or flag (or a record, file or directory that it names cannot be used)"},
	{exitAborted, "aborted by the user; the record up to there is kept and readable"},
	{exitUnexpected, "a limiter under test returned an unexpected failure"},
	{exitInternal, "internal error, or a result that could not be written"},
	{exitRegression, "regression against the baseline"},
	{exitSchedule, "the generator could not keep its schedule, so the result is invalid"},
	{exitDependency, "a dependency (Redis, the Pushgateway of -o prometheus) is unreachable"},
}

// exitHelp is the part of a verb's help about its exit codes; no codes means
// the whole table.
func exitHelp(codes ...int) string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		if len(codes) == 0 || slices.Contains(codes, e.code) {
			fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// exitError is an error with its exit code. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// invalid makes an error exit 104.
func invalid(err error) error { return withCode(exitInvalid, err) }

func invalidf(format string, args ...any) error { return invalid(fmt.Errorf(format, args...)) }

// withCode gives an error its code, unless it has one.
func withCode(code int, err error) error {
	var has *exitError
	if err == nil || errors.As(err, &has) {
		return err
	}
	return &exitError{code, err}
}

// codeOf is the exit code of what a verb returned.
func codeOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitPassed
	case errors.As(err, &e):
		return e.code
	}
	return exitInternal
}

// findings of a run that has come to its end, for the exit code.
type findings struct {
	aborted    bool
	unexpected bool // a limiter failed by itself
	valid      bool // the schedule was kept
	ok         bool // every assertion holds
}

func (f findings) code() int {
	switch {
	case f.aborted:
		return exitAborted
	case f.unexpected:
		return exitUnexpected
	case !f.valid:
		return exitSchedule
	case !f.ok:
		return exitAssertion
	}
	return exitPassed
}

// exitOrder tells which code a run with several findings gives.
const exitOrder = "When several apply, the first of 109, 105, 107, 113, 99 is given."
