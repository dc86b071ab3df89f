package repository_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// isVerb reports whether a word can be the verb of a doc comment's first
// sentence: one in the third person, or an auxiliary. Function words that end
// alike are none.
func isVerb(word string) bool {
	word = strings.TrimRight(word, ",:;.")
	if slices.Contains([]string{"this", "its", "his", "as", "of", "less", "plus", "minus", "across", "whose", "thus"}, word) {
		return false
	}
	return strings.HasSuffix(word, "s") || slices.Contains([]string{"are", "have", "may", "must", "can", "will", "do", "hold"}, word)
}

// isSentence reports whether a doc comment begins with the name and a verb. That of
// a type may begin with an article.
func isSentence(name string, doc string, article bool) bool {
	words := strings.Fields(doc)
	if article && len(words) > 2 && slices.Contains([]string{"A", "An", "The"}, words[0]) {
		words = words[1:]
		return words[0] == name
	}
	return len(words) > 1 && words[0] == name && isVerb(words[1])
}

// proseProblems returns the doc comments of a Go file's functions and types that
// do not begin with the name and a verb.
func proseProblems(path string, src []byte) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	check := func(name string, doc *ast.CommentGroup, article bool) {
		if doc == nil || isSentence(name, doc.Text(), article) {
			return
		}
		first, _, _ := strings.Cut(doc.Text(), "\n")
		found = append(found, fmt.Sprintf("%s: %q: expected %s and a verb, as in “%s returns …”", fset.Position(doc.Pos()), first, name, name))
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			check(decl.Name.Name, decl.Doc, false)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					doc := spec.Doc
					if doc == nil && len(decl.Specs) == 1 {
						doc = decl.Doc
					}
					check(spec.Name.Name, doc, true)
				}
			}
		}
	}
	return found
}

func TestProse(t *testing.T) {
	goSources(t, func(path string, src []byte) {
		for _, problem := range proseProblems(path, src) {
			t.Error(problem)
		}
	})
}

func TestProseRulesCatch(t *testing.T) {
	tests := []struct {
		why, src string
		problems int
	}{
		{"a sentence", "// f returns nothing.\nfunc f() {}", 0},
		{"a fragment", "// f of all that is.\nfunc f() {}", 1},
		{"a function word that ends like a verb", "// f as it was.\nfunc f() {}", 1},
		{"the name alone", "// f.\nfunc f() {}", 1},
		{"another name", "// g returns nothing.\nfunc f() {}", 1},
		{"an article before a function", "// The f returns nothing.\nfunc f() {}", 1},
		{"an imperative", "// Return nothing.\nfunc f() {}", 1},
		{"a method", "// f writes it.\nfunc (T) f() {}", 0},
		{"a type", "// T holds it.\ntype T int", 0},
		{"a type with an article", "// A T is an integer.\ntype T int", 0},
		{"a type that is a fragment", "// T of it.\ntype T int", 1},
		{"types in a group, each by itself", "type (\n// T is an integer.\nT int\n// of it\nU int\n)", 1},
		{"a plural", "// names are sorted.\nfunc names() {}", 0},
		{"no comment", "func f() {}; type T int", 0},
		{"a comment on the lines of a body", "// f returns nothing.\nfunc f() {\n// why\n}", 0},
	}
	for _, tt := range tests {
		if got := proseProblems("a.go", []byte("package p\n"+tt.src)); len(got) != tt.problems {
			t.Errorf("%s: %d problems, expected %d: %q", tt.why, len(got), tt.problems, got)
		}
	}
}

// outside matches what lies beside a clone: a reader of the clone cannot look it
// up, so the fact itself belongs here.
var outside = regexp.MustCompile(`\.\./shared\b|\b(DESIGN|STYLE|CONVENTIONS|LIMITERS|THRESHOLDS)\.md\b`)

// refersOutside returns the references of a file to what lies beside the clone.
// Tests may read vectors from there.
func refersOutside(path string, text []byte) (found []string) {
	for n, line := range strings.Split(string(text), "\n") {
		for _, to := range outside.FindAllString(line, -1) {
			code, _, _ := strings.Cut(line, "//")
			if strings.HasSuffix(path, "_test.go") && strings.Contains(code, to) {
				continue
			}
			found = append(found, fmt.Sprintf("%s:%d: %s is not part of the clone: say the fact instead", path, n+1, to))
		}
	}
	return found
}

func TestNothingRefersOutside(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "quotalab-out", filepath.Join("results", "reference")}, path):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, problem := range refersOutside(filepath.ToSlash(path), text) {
			t.Error(problem)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files found; the test looks at nothing", files)
	}
}

func TestRefersOutsideCatches(t *testing.T) {
	const beside = "../" + "shared/vectors"
	tests := []struct {
		why, path, text string
		problems        int
	}{
		{"a comment", "models/a.go", "// as in " + beside, 1},
		{"code that is no test", "models/a.go", `const dir = "` + beside + `"`, 1},
		{"a test that reads vectors", "models/a_test.go", `const dir = "` + beside + `"`, 0},
		{"a comment of a test", "models/a_test.go", "x := 1 // as in " + beside, 1},
		{"a document beside the clone", "README.md", "see DESIGN" + ".md", 1},
		{"a document of the clone", "sim/a.go", "// see README.md", 0},
	}
	for _, tt := range tests {
		if got := refersOutside(tt.path, []byte(tt.text)); len(got) != tt.problems {
			t.Errorf("%s: %d problems, expected %d: %q", tt.why, len(got), tt.problems, got)
		}
	}
}
