package foreign

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// shims give runtimes the virtual clock.
//
//go:embed shims
var shims embed.FS

// adapters are small projects to start from. Files that would make one a Go
// module here end in .txt.
//
//go:embed adapters
var adapters embed.FS

// Adapters returns the names of the languages that there are adapters for.
func Adapters() (names []string) {
	entries, err := adapters.ReadDir("adapters")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// AdapterScenarios returns the scenarios of the adapters: by name, the language and the
// text.
func AdapterScenarios() map[string]AdapterScenario {
	all := map[string]AdapterScenario{}
	for _, language := range Adapters() {
		files, err := fs.Glob(adapters, path.Join("adapters", language, "*.yaml"))
		if err != nil {
			panic(err) // the pattern is right
		}
		for _, f := range files {
			text, err := adapters.ReadFile(f)
			if err != nil {
				panic(err) // it is part of the program
			}
			all[strings.TrimSuffix(path.Base(f), ".yaml")] = AdapterScenario{language, text}
		}
	}
	return all
}

// AdapterScenario is a scenario that an adapter comes with.
type AdapterScenario struct {
	Language string
	Text     []byte
}

// WriteAdapter writes the files of an adapter into a folder. None may
// be there already.
func WriteAdapter(name, dir string) (written []string, err error) {
	files, err := fs.Sub(adapters, path.Join("adapters", name))
	if err != nil {
		return nil, err
	}
	return WriteFiles(files, dir, func(text []byte) []byte { return text })
}

// WriteFiles writes files into a folder, each as edit returns it and without .txt at the
// end of its name. None may be there already.
func WriteFiles(files fs.FS, dir string, edit func([]byte) []byte) (written []string, err error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	target := func(e fs.DirEntry) string { return filepath.Join(dir, strings.TrimSuffix(e.Name(), ".txt")) }
	for _, e := range entries {
		if _, err := os.Lstat(target(e)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is there already: choose another folder", target(e))
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return written, err
		}
		if err := os.WriteFile(target(e), edit(text), 0o644); err != nil {
			return written, err
		}
		written = append(written, target(e))
	}
	return written, nil
}
