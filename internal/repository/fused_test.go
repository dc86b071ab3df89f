package repository_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fusion looks for products of floating-point numbers that may be rounded together
// with a sum that they are in: x*y + z is one operation of some processors and
// two of others. Go's specification allows it also where the product is held
// in a variable or returned in between; float64(x*y) is rounded by itself.
type fusion struct {
	info  *types.Info
	added map[types.Object]bool // variables and fields that are part of a sum
	found []ast.Expr
}

// fusedProducts finds the products in a package.
func fusedProducts(files []*ast.File, info *types.Info) []ast.Expr {
	f := &fusion{info: info, added: map[types.Object]bool{}}
	for _, visit := range []func(ast.Node) bool{f.collect, f.look} {
		for _, file := range files {
			ast.Inspect(file, visit)
		}
	}
	return f.found
}

// collect notes what is part of a sum.
func (f *fusion) collect(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.ADD || n.Op == token.SUB {
			f.added[f.object(n.X)], f.added[f.object(n.Y)] = true, true
		}
	case *ast.AssignStmt:
		if n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN {
			f.added[f.object(n.Lhs[0])], f.added[f.object(n.Rhs[0])] = true, true
		}
	}
	delete(f.added, nil)
	return true
}

// look finds products in sums, and those that a variable or a caller takes to one.
func (f *fusion) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.ADD || n.Op == token.SUB {
			f.check(n.X, n.Y)
		}
	case *ast.AssignStmt:
		f.assigned(n)
	case *ast.ReturnStmt:
		f.check(n.Results...)
	case *ast.KeyValueExpr:
		if f.added[f.object(n.Key)] {
			f.check(n.Value)
		}
	case *ast.CallExpr:
		signature, ok := f.info.TypeOf(n.Fun).(*types.Signature)
		for i := 0; ok && i < min(len(n.Args), signature.Params().Len()); i++ {
			if f.added[signature.Params().At(i)] {
				f.check(n.Args[i])
			}
		}
	}
	return true
}

func (f *fusion) assigned(n *ast.AssignStmt) {
	switch n.Tok {
	case token.ADD_ASSIGN, token.SUB_ASSIGN:
		f.check(n.Rhs[0])
	case token.MUL_ASSIGN:
		if f.added[f.object(n.Lhs[0])] && f.isFloat(n.Lhs[0]) && !f.isExact(n.Rhs[0]) {
			f.found = append(f.found, n.Lhs[0])
		}
	case token.ASSIGN, token.DEFINE:
		for i := range n.Rhs {
			if len(n.Lhs) == len(n.Rhs) && f.added[f.object(n.Lhs[i])] {
				f.check(n.Rhs[i])
			}
		}
	}
}

// check notes those of the expressions that are products, but for constants.
func (f *fusion) check(of ...ast.Expr) {
	for _, e := range of {
		e = positive(e)
		if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.MUL && f.info.Types[e].Value == nil && f.isFloat(e) && !f.isExact(b.X, b.Y) {
			f.found = append(f.found, e)
		}
	}
}

// isExact reports whether one of the expressions is a power of two, whose products
// need no rounding.
func (f *fusion) isExact(of ...ast.Expr) bool {
	return slices.ContainsFunc(of, func(e ast.Expr) bool {
		value := f.info.Types[e].Value
		if value == nil {
			return false
		}
		x, _ := constant.Float64Val(value)
		fraction, _ := math.Frexp(x)
		return fraction == 0.5
	})
}

func (f *fusion) isFloat(e ast.Expr) bool {
	basic, ok := f.info.TypeOf(e).Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsFloat != 0
}

// object returns the variable or field that an expression is, nil if it is none.
func (f *fusion) object(e ast.Expr) types.Object {
	switch e := positive(e).(type) {
	case *ast.Ident:
		return f.info.ObjectOf(e)
	case *ast.SelectorExpr:
		return f.info.ObjectOf(e.Sel)
	}
	return nil
}

// positive returns an expression without its parentheses and its sign.
func positive(e ast.Expr) ast.Expr {
	e = ast.Unparen(e)
	if negative, ok := e.(*ast.UnaryExpr); ok && negative.Op == token.SUB {
		return ast.Unparen(negative.X)
	}
	return e
}

// exports finds the compiled packages that those match import, by import path, and
// lists the packages themselves.
func exports(t *testing.T, patterns ...string) (of map[string]string, own []goPackage) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles,DepOnly"}, patterns...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	of = map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			goPackage
			Export, Dir string
			DepOnly     bool
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return of, own
		} else if err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		of[p.ImportPath] = p.Export
		if !p.DepOnly {
			for i := range p.GoFiles {
				p.GoFiles[i] = filepath.Join(p.Dir, p.GoFiles[i])
			}
			own = append(own, p.goPackage)
		}
	}
}

func typesInfo() *types.Info {
	return &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
}

// TestNoFusedProducts where something is planned or drawn.
func TestNoFusedProducts(t *testing.T) {
	compiled, packages := exports(t, "./models/...", "./sim/plan")
	fset := token.NewFileSet()
	check := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })}
	looked := 0
	for _, p := range packages {
		if within(p.ImportPath, module+"/models/metric") {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		info := typesInfo()
		if _, err := check.Check(p.ImportPath, fset, files, info); err != nil {
			t.Fatal(err)
		}
		looked += len(files)
		for _, e := range fusedProducts(files, info) {
			t.Errorf("%s: %s may be rounded together with a sum that it comes into: write float64(…) around it", fset.Position(e.Pos()), types.ExprString(e))
		}
	}
	if looked < 20 {
		t.Errorf("only %d files: the test looks at nothing", looked)
	}
}

// TestFusedProductsAreFound in code that has them, and in no other.
func TestFusedProductsAreFound(t *testing.T) {
	for expression, want := range map[string]int{
		"x = y + x*y": 1, "x = x*y - y": 1, "x = y - x*y": 1, "x = -(x*y) + y": 1, "x += x*y": 1, "x -= (x*y)": 1, "x = x*y + y*y": 2, "x = x*(1+x*y)": 1,
		"x = y + float64(x*y)": 0, "n = n + n*n": 0, "x = y + 2*3.5": 0, "z = (x + y)*y": 0, "x = y + 2*x": 0, "x = y + 3*x": 1, "x = x*-0.25 - y": 1, "x = x*0.25 - y": 0, "x = y + x/y": 0, "x = x*y; y = x/2": 0,
		"x = x*y; x += y": 1, "t := x*y; x = t - y": 1, "t := float64(x*y); x = t - y": 0, "x *= y; x = y - x": 1, "x *= y": 0, "n *= n; n += n": 0,
		"var s struct{ a float64 }; s.a = x*y; x = y + s.a": 1, "g := func() float64 { return x*y }; x = g() + y": 1,
		"g := func(z float64) { x = y + z }; g(x*y)": 1, "g := func(z float64) { x = y / z }; g(x*y)": 0,
		"type s struct{ a float64 }; t := s{a: x*y}; x = y - t.a": 1,
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "a.go", fmt.Sprintf("package p; func f(x, y, z float64, n int) { %s }", expression), 0)
		if err != nil {
			t.Fatal(err)
		}
		info := typesInfo()
		if _, err := new(types.Config).Check("p", fset, []*ast.File{file}, info); err != nil && !strings.Contains(err.Error(), "declared and not used") {
			t.Fatal(err)
		}
		if got := len(fusedProducts([]*ast.File{file}, info)); got != want {
			t.Errorf("%s: %d products found, want %d", expression, got, want)
		}
	}
}
