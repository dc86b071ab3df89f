// Command notices writes the licences of all that a binary of quotalab links, on every
// system that is released: of each module, and of Go itself. In flow what the go
// command says of the packages and the modules' own files, out flows one text. A
// module without a licence is an error.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/notices FILE")
		os.Exit(2)
	}
	text, err := notices()
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(os.Args[1]), 0o755), os.WriteFile(os.Args[1], text, 0o644))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// systems are those that are released: what is linked differs between them.
var systems = []string{"linux", "darwin", "windows"}

// licence matches the names of files that state one.
var licence = regexp.MustCompile(`(?i)^((?:un)?licen[cs]e|copying|notice|copyright|patents)([.-].*)?$`)

// notices returns the text.
func notices() ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	folders := map[string][]string{"Go " + strings.TrimPrefix(runtime.Version(), "go"): {strings.TrimSpace(string(root))}}
	for _, system := range systems {
		if err := linked(system, folders); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "A binary of quotalab contains code of these %d projects, unmodified, each under its own licence.\n", len(folders))
	for _, module := range slices.Sorted(maps.Keys(folders)) {
		found := false
		fmt.Fprintf(&out, "\n%s\n%s\n", strings.Repeat("=", 80), module)
		for _, folder := range folders[module] {
			entries, err := os.ReadDir(folder)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if !licence.MatchString(e.Name()) || e.IsDir() || strings.HasSuffix(e.Name(), ".go") {
					continue
				}
				text, err := os.ReadFile(filepath.Join(folder, e.Name()))
				if err != nil {
					return nil, err
				}
				found = true
				fmt.Fprintf(&out, "\n%s\n", bytes.TrimSpace(text))
			}
		}
		if !found {
			return nil, fmt.Errorf("%s: no licence in %s", module, folders[module][0])
		}
	}
	return out.Bytes(), nil
}

// linked adds of each module that quotalab links on a system the folders that may
// hold licences: its own, and those of its packages that are linked.
func linked(system string, folders map[string][]string) error {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", "./cmd/quotalab")
	list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	for line := range strings.Lines(string(out)) {
		module, dirs, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for dir := range strings.SplitSeq(dirs, "\t") {
			if module != "" && !slices.Contains(folders[module], dir) {
				folders[module] = append(folders[module], dir)
			}
		}
	}
	return nil
}
