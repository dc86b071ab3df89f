package repository_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clockPackage is the only one that may read the wall clock.
const clockPackage = "sim/clock"

// secretFiles are the only ones that draw what must not be guessed, or reproducible.
var secretFiles = []string{"cmd/campaign/fleet/join.go", "cmd/watch/watch.go"}

// longestFile in lines: a longer one has more than one subject. Tests may be longer.
const longestFile = 600

// ambient are names of the standard library that read the wall clock or a
// global random source: a run that uses one of them is not reproducible.
var ambient = map[string]func(name string) bool{
	"time": func(name string) bool {
		return slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}, name)
	},
	"math/rand":    isGlobalRandom,
	"math/rand/v2": isGlobalRandom,
	"crypto/rand":  func(string) bool { return true },
}

// isGlobalRandom: all of math/rand but its types and their constructors.
func isGlobalRandom(name string) bool {
	return !slices.Contains([]string{"New", "NewPCG", "NewChaCha8", "NewSource", "NewZipf",
		"Rand", "PCG", "ChaCha8", "Source", "Source64", "Zipf"}, name)
}

// sourceProblems tells what one Go file does against the rules.
func sourceProblems(path string, src []byte) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	if n := strings.Count(string(src), "\n"); n > longestFile {
		found = append(found, fmt.Sprintf("%s: %d lines, expected at most %d: one subject a file", path, n, longestFile))
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" && !within(filepath.ToSlash(path), "internal/testkit") {
			found = append(found, fmt.Sprintf("%s: init(): no global state", fset.Position(f.Pos())))
		}
	}
	if within(filepath.ToSlash(filepath.Dir(path)), clockPackage) {
		return found
	}
	return append(append(found, ambientUses(fset, file, filepath.ToSlash(path))...), unportableUses(fset, file, filepath.ToSlash(path))...)
}

// portablePackage has the functions that round alike on every processor.
const portablePackage = "models/portable"

// unportable are functions of math that are in assembly on some processors, or
// that a compiler may fuse.
var unportable = strings.Fields("Exp Exp2 Expm1 Log Log2 Log10 Log1p Pow Sin Cos Sincos Tan Sinh Cosh Tanh Asin Acos Atan Atan2 Asinh Acosh Atanh Erf Erfc Erfinv Erfcinv Gamma Lgamma Cbrt Hypot FMA")

// unportableDraws are methods of math/rand's generators and of gonum's distributions
// that use such functions.
var unportableDraws = []string{"ExpFloat64", "NormFloat64", "Rand"}

// unportableUses finds them where something is planned or drawn.
func unportableUses(fset *token.FileSet, file *ast.File, path string) (found []string) {
	drawn := within(path, "models") || within(path, "sim/plan")
	if !drawn || within(path, portablePackage) || within(path, "models/metric") {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); slices.Contains(unportableDraws, sel.Sel.Name) && !(ok && x.Name == "rand") {
				found = append(found, fmt.Sprintf("%s: %s draws by math.Log or math.Exp, which are not the same on every processor: take %s", fset.Position(sel.Pos()), sel.Sel.Name, portablePackage))
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "math" && slices.Contains(unportable, sel.Sel.Name) {
				found = append(found, fmt.Sprintf("%s: math.%s is not the same on every processor: take %s", fset.Position(sel.Pos()), sel.Sel.Name, portablePackage))
			}
		}
		return true
	})
	return found
}

// ambientUses finds calls and mere mentions (now: time.Now) alike.
func ambientUses(fset *token.FileSet, file *ast.File, of string) []string {
	var found []string
	imported := map[string]string{} // local name → import path
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || ambient[path] == nil || path == "crypto/rand" && slices.Contains(secretFiles, filepath.ToSlash(fset.Position(file.Pos()).Filename)) {
			continue
		}
		name := packageName(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			found = append(found, fmt.Sprintf("%s: dot import of %s", fset.Position(spec.Pos()), path))
		}
		imported[name] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				if forbidden := ambient[imported[x.Name]]; forbidden != nil && forbidden(sel.Sel.Name) {
					found = append(found, fmt.Sprintf("%s: %s.%s: time comes from %s, randomness as a *rand.Rand",
						fset.Position(sel.Pos()), x.Name, sel.Sel.Name, clockPackage))
				}
			}
		}
		return true
	})
	return found
}

func packageName(path string) string {
	parts := strings.Split(strings.TrimSuffix(path, "/v2"), "/")
	return parts[len(parts)-1]
}

// goSources calls visit with every Go file but tests, by its path from the root.
func goSources(t *testing.T, visit func(path string, src []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "quotalab-out") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err == nil {
			visit(path, src)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSources(t *testing.T) {
	files := 0
	goSources(t, func(path string, src []byte) {
		files++
		for _, problem := range sourceProblems(path, src) {
			t.Error(problem)
		}
	})
	if files < 20 {
		t.Errorf("only %d Go files found; the test looks at nothing", files)
	}
}

func TestSourceRulesCatch(t *testing.T) {
	tests := []struct {
		why, path, src string
		problems       int
	}{
		{"a function that differs between processors", "models/traffic/a.go", `import "math"; var e = math.Exp`, 1},
		{"a draw that does", "models/traffic/a.go", `import "math/rand/v2"; func f(r *rand.Rand) float64 { return r.ExpFloat64() }`, 1},
		{"a draw of gonum's", "sim/plan/a.go", `import "gonum.org/v1/gonum/stat/distuv"; var x = distuv.Normal{}.Rand()`, 1},
		{"an exact one does not", "models/traffic/a.go", `import "math"; var r = math.Sqrt(2)`, 0},
		{"nor does it matter where nothing is planned or drawn", "results/a.go", `import "math"; var e = math.Exp(1)`, 0},
		{"a call of the clock", "models/a.go", `import "time"; var _ = time.Now()`, 1},
		{"a mention of the clock", "cmd/a.go", `import "time"; var now = time.Now`, 1},
		{"the clock under another name", "sim/run/a.go", `import t "time"; func f() { t.Sleep(1) }`, 1},
		{"the clock without a name", "sim/run/a.go", `import . "time"; func f() { Sleep(1) }`, 1},
		{"the clock package", "sim/clock/a.go", `import "time"; var _ = time.Now()`, 0},
		{"a folder that only begins alike", "sim/vtimes/a.go", `import "time"; var _ = time.Now()`, 1},
		{"times without a clock", "models/a.go", `import "time"; var _ = time.Unix(0, 0).Add(time.Second)`, 0},
		{"global randomness", "models/a.go", `import "math/rand/v2"; var _ = rand.IntN(3)`, 1},
		{"global randomness, the old way", "models/a.go", `import "math/rand"; func f() { rand.Shuffle(0, nil) }`, 1},
		{"a secret", "cmd/watch/watch.go", `import "crypto/rand"; var _ = rand.Reader`, 0},
		{"randomness of the machine", "sim/a.go", `import "crypto/rand"; var _ = rand.Reader`, 1},
		{"randomness that comes in", "models/a.go", `import "math/rand/v2"; func f(r *rand.Rand) int { return r.IntN(3) }`, 0},
		{"randomness from a named seed", "sim/plan/a.go", `import "math/rand/v2"; var _ = rand.New(rand.NewPCG(1, 2))`, 0},
		{"init", "sim/limiter/a.go", `func init() {}`, 1},
		{"a method named init", "sim/limiter/a.go", `type T int; func (T) init() {}`, 0},
		{"a long file", "models/a.go", strings.Repeat("\n", longestFile+1), 1},
		{"a file that is no Go", "models/a.go", `func {`, 1},
	}
	for _, tt := range tests {
		if got := sourceProblems(tt.path, []byte("package p; "+tt.src)); len(got) != tt.problems {
			t.Errorf("%s: %d problems, expected %d: %q", tt.why, len(got), tt.problems, got)
		}
	}
}
