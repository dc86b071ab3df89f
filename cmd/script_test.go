package cmd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quotalab/quotalab/cmd"
	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/summary"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"quotalab": quotalab,
		"own":      func() { os.Exit(cmd.Main(ownKinds)) },
		"exiting":  exiting,
		"limited":  limited,
		"measured": measured,
		"mutant":   mutant,
	})
}

// exiting CODE PROGRAM ARGS… runs a program and succeeds if it exits with CODE. It
// passes signals on: scripts start it in the background.
func exiting() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	go func() {
		for s := range signals {
			_ = c.Process.Signal(s) // it may have ended already
		}
	}()
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if got := c.ProcessState.ExitCode(); got != want {
		fmt.Fprintf(os.Stderr, "exit code %d, expected %d\n", got, want)
		os.Exit(1)
	}
}

// TestScripts runs testdata/script: each verb, each exit code.
func TestScripts(t *testing.T) { scripts(t, false) }

// TestLiveScripts runs those that ask whether everything is asked for.
func TestLiveScripts(t *testing.T) {
	testkit.Live(t, "plays in real time or for long")
	testkit.Program(t, "redis-server", "redis-server")
	scripts(t, true)
}

// scripts runs the scripts that have the condition [live], or those that have not.
func scripts(t *testing.T, live bool) {
	t.Helper()
	names, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	asks, sets := regexp.MustCompile(`(?m)^\[!?live\]`), regexp.MustCompile(`(?m)^env (\w+)=`)
	var variables []string
	files := slices.DeleteFunc(names, func(name string) bool {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range sets.FindAllSubmatch(text, -1) {
			variables = append(variables, string(m[1]))
		}
		return asks.Match(text) != live
	})
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			s := &server{variables: slices.Clone(variables), apart: live || testkit.Full(true, false)}
			for _, v := range env.Vars {
				name, _, _ := strings.Cut(v, "=")
				s.variables = append(s.variables, name)
			}
			env.Values[serverKey] = s
			env.Defer(s.stop)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "live" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return live, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":       await,
			"exits":       exits,
			"pause":       func(*testscript.TestScript, bool, []string) { time.Sleep(300 * time.Millisecond) },
			"summary":     summaryJSON,
			"quotas":      quotas,
			"pushgateway": pushgateway,
		},
	})
}

// await PATTERN waits until a file of a name like that exists, at most a minute.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await PATTERN")
	}
	for range 6000 {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(found) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear", args[0])
}

// summary FILE checks a JSON summary against its published schema.
func summaryJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: summary FILE")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &value))
	text, err := summary.Schema()
	ts.Check(err)
	var schema jsonschema.Schema
	ts.Check(json.Unmarshal(text, &schema))
	resolved, err := schema.Resolve(nil)
	ts.Check(err)
	ts.Check(resolved.Validate(value))
}
