package cmd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quotalab/quotalab/cmd"
	"github.com/quotalab/quotalab/internal/testkit"
)

// servedVariable asks the program quotalab to serve.
const servedVariable = "TEST_SERVES_QUOTALAB"

// request is one call of quotalab, and reply what came of it.
type request struct {
	Dir       string
	Env, Args []string
}

type reply struct {
	Code           int
	Stdout, Stderr string
}

// server plays the calls of one script one after another in a process of its own,
// since most of what a short call takes is the start of its process. In a live script,
// and with QUOTALAB_LIVE=full, each call is a process.
type server struct {
	apart     bool     // each call is a process
	variables []string // that scripts set, and those that are set at their beginning
	command   *exec.Cmd
	requests  *json.Encoder
	replies   *json.Decoder
	stdin     io.Closer
	stderr    strings.Builder
}

// serverKey is a script's name for its server.
const serverKey = "server"

// exits CODE PROGRAM ARGS… runs a program, which must exit with CODE. After stdin,
// and with &, use exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if s := ts.Value(serverKey).(*server); args[1] == "quotalab" && !s.apart {
		got = s.call(ts, args[2:])
	} else if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, expected %d", got, want)
	}
}

func (s *server) call(ts *testscript.TestScript, args []string) (code int) {
	r := request{Dir: ts.MkAbs("."), Env: []string{"PWD=" + ts.MkAbs(".")}, Args: args}
	for _, v := range s.variables {
		if value := ts.Getenv(v); value != "" {
			r.Env = append(r.Env, v+"="+value)
		}
	}
	answer, err := s.ask(r)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), answer.Stdout)
	fmt.Fprint(ts.Stderr(), answer.Stderr)
	return answer.Code
}

// ask has the process play a call, and starts it for the first one.
func (s *server) ask(r request) (a reply, err error) {
	if s.command == nil {
		if err := s.start(r.Env); err != nil {
			return a, err
		}
	}
	if err := s.requests.Encode(r); err != nil {
		return a, err
	}
	if err := s.replies.Decode(&a); err != nil {
		return a, fmt.Errorf("the process that plays the calls: %w\n%s", err, s.stderr.String())
	}
	return a, nil
}

func (s *server) start(env []string) error {
	s.command = exec.Command("quotalab")
	s.command.Env = append(env, servedVariable+"=1")
	s.command.Stderr = &s.stderr
	in, err := s.command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdin, s.requests, s.replies = in, json.NewEncoder(in), json.NewDecoder(out)
	return s.command.Start()
}

func (s *server) stop() {
	if s.command != nil {
		_ = s.stdin.Close()  // it ends at the end of its input
		_ = s.command.Wait() // what it was called for has been judged
	}
}

// quotalab is the program of that name: it serves if it is asked to.
func quotalab() {
	if os.Getenv(servedVariable) == "" {
		os.Exit(cmd.Main(nil))
	}
	if err := serve(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil && err != io.EOF {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(requests *json.Decoder, replies *json.Encoder) error {
	testkit.CollectLess()
	var err error
	if os.Stdin, err = os.Open(os.DevNull); err != nil {
		return err
	}
	for {
		var r request
		if err := requests.Decode(&r); err != nil {
			return err
		}
		answer, err := r.play()
		if err != nil {
			return err
		}
		if err := replies.Encode(answer); err != nil {
			return err
		}
	}
}

// play does what a process would that is started so.
func (r request) play() (a reply, err error) {
	if err := os.Chdir(r.Dir); err != nil {
		return a, err
	}
	os.Clearenv()
	for _, v := range r.Env {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return a, err
		}
	}
	for _, f := range []**os.File{&os.Stdout, &os.Stderr} {
		if *f, err = os.CreateTemp("", "output-"); err != nil {
			return a, err
		}
		if err := os.Remove((*f).Name()); err != nil {
			return a, err
		}
	}
	os.Args = append([]string{"quotalab"}, r.Args...)
	a.Code = cmd.Main(nil)
	for f, text := range map[*os.File]*string{os.Stdout: &a.Stdout, os.Stderr: &a.Stderr} {
		all, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
		if err != nil {
			return a, err
		}
		*text = string(all)
		if err := f.Close(); err != nil {
			return a, err
		}
	}
	return a, nil
}
