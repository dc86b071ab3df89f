package cmd

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// freeValues are the flags that take any text: what it is. Numbers and files are seen
// by themselves.
var freeValues = map[string]string{
	"base": "records", "new": "records", "base-binary": "file", "baseline": "directory", "case": "name", "cluster": "addresses",
	"dir": "directory", "directory": "directory", "env": "pair", "header": "pair", "limiter": "name in a file", "metrics": "address", "names": "names",
	"option": "pair", "otlp": "address", "other-names": "names", "path": "path", "redis": "addresses", "redis-ca": "file", "redis-cert": "file", "redis-key": "file",
	"redis-password-file": "file", "redis-server-name": "name", "redis-user": "name", "rules": "file", "seed": "number", "serve": "address",
	"tag": "pair", "trace": "file", "web": "address", "workers": "number", "generators": "number", "web-linger": "duration", "domain": "name", "entry": "pair",
	"creds": "file", "join": "address", "join-file": "file", "new-join": "file", "listen": "address", "nats": "addresses", "part": "fraction",
}

// everyFlag calls visit with each flag of each verb that people see.
func everyFlag(verb *cobra.Command, visit func(verb *cobra.Command, f *pflag.Flag)) {
	verb.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden {
			visit(verb, f)
		}
	})
	for _, below := range verb.Commands() {
		everyFlag(below, visit)
	}
}

// Every flag that takes one of a set offers the set to the shell, and says it in its
// verb's help.
func TestFlagsCompleteTheirValues(t *testing.T) {
	a := newApp(nil)
	root := a.root()
	seen, used := 0, map[string]bool{}
	everyFlag(root, func(verb *cobra.Command, f *pflag.Flag) {
		name := verb.CommandPath() + " --" + f.Name
		complete, has := verb.GetFlagCompletionFunc(f.Name)
		if !has {
			used[f.Name] = true
			text := slices.Contains([]string{"string", "stringArray", "stringSlice", "engine", "func"}, f.Value.Type())
			if text && freeValues[f.Name] == "" {
				t.Errorf("%s completes no values, and is not among those that take any text", name)
			}
			return
		}
		seen++
		values, directive := complete(verb, nil, "")
		help := verb.Long + f.Usage
		for _, v := range values {
			if f.Name != "limiter" && !strings.Contains(help, strings.TrimSuffix(v, "=")) {
				t.Errorf("%s offers %s, which its help does not name", name, v)
			}
		}
		if len(values) < 2 || directive&cobra.ShellCompDirectiveNoFileComp == 0 {
			t.Errorf("%s offers %q, and files: %v", name, values, directive)
		}
	})
	if seen < 15 {
		t.Errorf("only %d flags offer values; the test looks at nothing", seen)
	}
	for name := range freeValues {
		if !used[name] {
			t.Errorf("no flag --%s takes any text", name)
		}
	}
}

// The shell asks quotalab itself.
func TestShellCompletesAFlag(t *testing.T) {
	for line, want := range map[string]string{
		"__complete report --out ":                 "json=",
		"__complete check-child --clock ":          "node",
		"__complete run race-set --clock ":         "virtual",
		"__complete plot my-record --only latency": "latency",
		"__complete new limiter dir --lang ":       "node",
	} {
		a := newApp(nil)
		root := a.root()
		var out strings.Builder
		root.SetOut(&out)
		root.SetErr(io.Discard)
		root.SetArgs(strings.Split(line, " "))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(strings.Split(out.String(), "\n"), want) {
			t.Errorf("%s: no %s in %q", line, want, out.String())
		}
	}
}

// Packages have a page for each verb that help lists, and nothing of this machine in it.
func TestPagesHaveEveryVerb(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	a := newApp(nil)
	a.stdout = &stickyWriter{w: io.Discard}
	if code := a.main([]string{"pages", dir}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	pages := 0
	for _, verb := range newApp(nil).root().Commands() {
		if verb.Hidden || verb.Name() == "help" {
			continue
		}
		pages++
		file, err := os.Open(filepath.Join(dir, "man1", "quotalab-"+verb.Name()+".1.gz"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `"Nov 2023"`) || !strings.Contains(string(text), ".SH EXAMPLE") {
			t.Errorf("the page of %s begins %.200q", verb.Name(), text)
		}
	}
	if pages < 20 {
		t.Errorf("only %d verbs have pages", pages)
	}
	for name := range shells {
		if info, err := os.Stat(filepath.Join(dir, "completions", "quotalab."+name)); err != nil || info.Size() < 1000 {
			t.Errorf("completion of %s: %v, %v", name, info, err)
		}
	}
}

// A terminal that knows no colours gets none.
func TestDumbTerminalHasNoColour(t *testing.T) {
	for _, environment := range []map[string]string{{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": "xterm"}} {
		a := newApp(nil)
		a.lookupEnv = func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
		terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
		if err != nil {
			t.Skipf("no terminal: %v", err)
		}
		a.stdout = &stickyWriter{w: terminal}
		want := environment["TERM"] == "xterm"
		if got := a.colour(); got != want {
			t.Errorf("%v: colours: %t, expected %t", environment, got, want)
		}
		if err := terminal.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
