package repository_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/quotalab/quotalab"

// folder says what one top-level folder may import. A prefix stands for a
// package and all below it.
type folder struct {
	own       []string // prefixes of our own packages that it may import, beside itself
	inner     []string // its own packages that its others may import; nil: all
	libraries []string // modules that it may use, directly or not; nil: any
	never     []string // what it must not use: standard packages directly, modules directly or not
}

// redis lists the modules that talk to a Redis or stand for one.
var redis = []string{"github.com/redis/go-redis", "github.com/alicebob/miniredis", "github.com/go-redis/redis_rate",
	"github.com/letsencrypt/boulder"}

// folders, left to right: arrows point to the left only. models/metric is the
// vocabulary that scenarios, results and plots share, and how numbers are
// written. internal holds what only tests import.
var folders = map[string]folder{
	"scenarios": {own: []string{"models/metric"}, libraries: []string{"github.com/goccy/go-yaml", "github.com/google/jsonschema-go"}},
	"models":    {inner: []string{"models/heap", "models/portable", "models/metric/unit"}, libraries: []string{"gonum.org/v1/gonum"}, never: []string{"net", "os", "syscall", "io/fs", "database/sql", "log", "embed", "path/filepath"}},
	"sim":       {own: []string{"scenarios", "models", "results/record"}},
	"results":   {own: []string{"models"}, never: redis},
	"plots":     {own: []string{"results", "models"}, never: redis},
	"internal":  {own: []string{"models", "results"}},
	"cmd":       {own: []string{"scenarios", "models", "sim", "results", "plots"}},
}

// harmless lists packages below a forbidden one that do no I/O.
var harmless = []string{"net/netip", "net/url"}

// goPackage holds what `go list -json` says of a package.
type goPackage struct {
	ImportPath string
	Standard   bool
	GoFiles    []string
	Imports    []string
	Deps       []string // Imports and theirs, and so on

	TestGoFiles, XTestGoFiles []string
}

// listPackages lists our own packages. With -e a package that does not
// compile is listed too: that is another test's failure.
func listPackages(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Standard,GoFiles,TestGoFiles,XTestGoFiles,Imports,Deps"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func within(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

func withinAny(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return within(path, p) })
}

// violations returns what a package imports against the rules. standard reports
// whether a path is of the standard library.
func violations(p goPackage, standard func(path string) bool) []string {
	relative := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
	if relative == "" {
		if files := slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles); len(files) > 0 {
			return []string{"the root folder holds no Go file, found " + strings.Join(files, ", ")}
		}
		return nil
	}
	name, _, _ := strings.Cut(relative, "/")
	rule, ok := folders[name]
	if !ok {
		return []string{"no such top-level folder: " + name}
	}
	var found []string
	for _, path := range p.Imports {
		own, isOwn := strings.CutPrefix(path, module+"/")
		switch {
		case isOwn && within(own, name) && rule.inner != nil && !slices.Contains(rule.inner, own),
			isOwn && !within(own, name) && !withinAny(own, rule.own):
			found = append(found, "must not import "+path)
		case standard(path) && withinAny(path, rule.never) && !slices.Contains(harmless, path):
			found = append(found, "must not import "+path)
		}
	}
	for _, path := range p.Deps {
		switch {
		case standard(path) || within(path, module):
		case rule.libraries != nil && !withinAny(path, rule.libraries):
			found = append(found, "must not depend on "+path)
		case withinAny(path, rule.never):
			found = append(found, "must not depend on "+path)
		}
	}
	return found
}

func TestImportArrows(t *testing.T) {
	isStandard := map[string]bool{}
	for _, p := range listPackages(t, "-deps", "./...") {
		isStandard[p.ImportPath] = p.Standard
	}
	packages := listPackages(t, "./...")
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages only; the test looks at nothing", len(packages))
	}
	for _, p := range packages {
		for _, v := range violations(p, func(path string) bool { return isStandard[path] || path == "C" }) {
			t.Errorf("%s %s (see folders in arrows_test.go)", p.ImportPath, v)
		}
	}
}

func TestImportRulesCatch(t *testing.T) {
	standard := func(path string) bool { return !strings.Contains(path, ".") }
	tests := []struct {
		why     string
		from    string
		imports []string
		want    string // "" none
	}{
		{"scenarios know the metric vocabulary", "scenarios", []string{module + "/models/metric", "os", "github.com/goccy/go-yaml/ast"}, ""},
		{"but no other model", "scenarios", []string{module + "/models/limits"}, "must not import " + module + "/models/limits"},
		{"a name that only begins alike", "scenarios", []string{module + "/models/metrics"}, "must not import " + module + "/models/metrics"},
		{"models do arithmetic on addresses", "models/keys", []string{"net/netip", "time", "gonum.org/v1/gonum/stat"}, ""},
		{"models write numbers as people do", "models/keys", []string{module + "/models/metric/unit", module + "/models/portable"}, ""},
		{"models know no other", "models/keys", []string{module + "/models/traffic"}, "must not import " + module + "/models/traffic"},
		{"models open no connection", "models/keys", []string{"net"}, "must not import net"},
		{"models start no process", "models/keys", []string{"os/exec"}, "must not import os/exec"},
		{"models know no Redis", "models/limits", []string{"github.com/redis/go-redis/v9"}, "must not depend on github.com/redis/go-redis/v9"},
		{"models do not look right", "models/limits", []string{module + "/results/record"}, "must not import " + module + "/results/record"},
		{"sim writes records", "sim/run", []string{module + "/results/record", "github.com/redis/go-redis/v9"}, ""},
		{"sim judges nothing", "sim/run", []string{module + "/results/audit"}, "must not import " + module + "/results/audit"},
		{"sim judges no notices", "sim/run", []string{module + "/results/quotaaudit"}, "must not import " + module + "/results/quotaaudit"},
		{"results work without the simulator", "results/audit", []string{module + "/sim/plan"}, "must not import " + module + "/sim/plan"},
		{"and without Redis", "results/audit", []string{"github.com/alicebob/miniredis/v2"}, "must not depend on github.com/alicebob/miniredis/v2"},
		{"cmd wires all", "cmd", []string{module + "/sim/plan", module + "/results/assert"}, ""},
		{"product code imports no test support", "cmd", []string{module + "/internal/testkit"}, "must not import " + module + "/internal/testkit"},
		{"test support makes and reads records", "internal/testkit", []string{module + "/results/record", module + "/models/limits"}, ""},
		{"but plays nothing", "internal/testkit", []string{module + "/sim/run"}, "must not import " + module + "/sim/run"},
		{"no further top-level folder", "util", nil, "no such top-level folder: util"},
	}
	for _, tt := range tests {
		got := violations(goPackage{ImportPath: module + "/" + tt.from, Imports: tt.imports, Deps: tt.imports}, standard)
		if joined := strings.Join(got, "; "); joined != tt.want {
			t.Errorf("%s: %s importing %v: got %q, expected %q", tt.why, tt.from, tt.imports, joined, tt.want)
		}
	}
	for _, p := range []goPackage{{GoFiles: []string{"util.go"}}, {TestGoFiles: []string{"util_test.go"}}, {XTestGoFiles: []string{"util_test.go"}}} {
		p.ImportPath = module
		if got := violations(p, standard); len(got) != 1 {
			t.Errorf("Go code in the root folder: got %q", got)
		}
	}
}
