package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/sim/drive"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Main runs quotalab with the process's arguments and returns its exit code.
// extra adds kinds of limiter to the built-in ones, or replaces them; it may
// be nil.
func Main(extra limiter.Kinds) int {
	if os.Getenv("GOGC") == "" {
		defer drive.TuneGC()()
	}
	return newApp(extra).main(os.Args[1:])
}

// app is one invocation.
type app struct {
	kinds     limiter.Kinds
	stdin     io.Reader
	stdout    *stickyWriter
	stderr    io.Writer
	lookupEnv func(string) (string, bool)
	environ   func() []string
	signals   *signals
	input     []byte // of standard input, once read

	quiet, verbose, noColor bool
}

func newApp(extra limiter.Kinds) *app {
	return &app{
		kinds: limiter.Builtin().With(extra), stdin: os.Stdin, stdout: &stickyWriter{w: os.Stdout}, stderr: os.Stderr,
		lookupEnv: os.LookupEnv, environ: os.Environ,
	}
}

func (a *app) main(args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(a.stderr, "quotalab: internal error: %v\n\n%s", r, debug.Stack())
			code = exitInternal
		}
	}()
	a.signals = watchSignals(a.stderr)
	defer a.signals.stop()
	root := a.root()
	root.SetArgs(args)
	ran, err := root.ExecuteC()
	err = withCode(exitInvalid, err) // what has no code comes from cobra: a verb that is none
	if werr := a.stdout.err; werr != nil && (err == nil || codeOf(err) == exitAssertion) {
		err = fmt.Errorf("writing to standard output: %w", werr)
	}
	a.tell(ran, err)
	return codeOf(err)
}

// tell prints an error, and where help is if it is about how quotalab was
// called.
func (a *app) tell(ran *cobra.Command, err error) {
	var e *exitError
	if err == nil || errors.As(err, &e) && e.err == nil {
		return
	}
	fmt.Fprintf(a.stderr, "quotalab: %v\n", err)
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(a.stderr, "See %q.\n", ran.CommandPath()+" --help")
	}
}

// note tells the user something beside the results.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// stickyWriter remembers its first error, so that none is lost on the way to
// the exit code.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	s.err = err
	return n, err
}
