// Command livetests prints which tests do more with QUOTALAB_LIVE=1: one line a
// package, its folder and a pattern for go test -run. In flow the tests' sources:
// those are printed whose functions reach testkit.IsLive, Live or Program, and Full
// where QUOTALAB_LIVE=full.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := list("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// list prints the packages below a folder.
func list(root string) error {
	kit, err := usesIn(filepath.Join(root, "internal", "testkit"), ".go")
	if err != nil {
		return err
	}
	roots := []string{"testkit.IsLive"}
	if os.Getenv("QUOTALAB_LIVE") == "full" {
		roots = append(roots, "testkit.Full")
	}
	for name := range kit.reach([]string{"IsLive"}) {
		roots = append(roots, "testkit."+name)
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); name == "testdata" || name != "." && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		u, err := usesIn(path, "_test.go")
		if err != nil {
			return err
		}
		reached := u.reach(roots)
		tests := slices.DeleteFunc(slices.Sorted(maps.Keys(reached)), func(name string) bool { return !strings.HasPrefix(name, "Test") })
		switch {
		case reached["TestMain"]:
			fmt.Printf("./%s .\n", filepath.ToSlash(path))
		case len(tests) > 0:
			fmt.Printf("./%s ^(%s)$\n", filepath.ToSlash(path), strings.Join(tests, "|"))
		}
		return nil
	})
}

// uses has of each name that is used the declarations that use it.
type uses map[string][]string

// usesIn reads the files of a folder that end in suffix.
func usesIn(dir, suffix string) (uses, error) {
	u := uses{}
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				u.add(d.Name.Name, d)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, name := range v.Names {
							u.add(name.Name, v)
						}
					}
				}
			}
		}
	}
	return u, nil
}

// add notes what a declaration uses: names, and those of other packages as
// package.Name.
func (u uses) add(name string, declaration ast.Node) {
	ast.Inspect(declaration, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if p, ok := n.X.(*ast.Ident); ok {
				used := p.Name + "." + n.Sel.Name
				u[used] = append(u[used], name)
			}
		case *ast.Ident:
			u[n.Name] = append(u[n.Name], name)
		}
		return true
	})
}

// reach returns every declaration that uses one of names, directly or by others.
func (u uses) reach(names []string) map[string]bool {
	reached := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		for _, by := range u[name] {
			if by != name && !reached[by] {
				reached[by] = true
				names = append(names, by)
			}
		}
	}
	return reached
}
