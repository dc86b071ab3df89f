// Package testkit holds what tests of several folders share: records made by
// hand and analysed, programs of the machine, the built quotalab, and the line
// between what every run of the tests does and what it does only when asked. In
// flow manifests, observations and names of programs, out flow open records and
// paths. Only tests import it, those of every folder but of the packages that it
// imports itself: these use it from their external tests (package …_test).
package testkit

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// live is the environment variable that asks for what takes real time, servers,
// browsers, other languages, or minutes.
const live = "QUOTALAB_LIVE"

// IsLive reports whether everything is asked for, also what Live skips.
func IsLive() bool { return os.Getenv(live) != "" && os.Getenv(live) != "0" }

// Live skips a test unless everything is asked for. why says what it takes, such
// as "plays in real time".
func Live(t testing.TB, why string) {
	t.Helper()
	if !IsLive() {
		t.Skipf("%s: %s=1 go test -run '^%s$' runs it", why, live, t.Name())
	}
}

// Full returns all where everything is asked for, and a part of it otherwise: the
// number of repetitions of a test that takes long.
func Full[T any](all, part T) T {
	if IsLive() {
		return all
	}
	return part
}

// Program returns the path of a program, or of a file such as a font if that is
// named by its path. It skips the test where Live does, since
// other programs take long to start, and where there is none. In CI it must be
// there: .ci/run finds the calls of this function and installs what they name.
// debian is the package that has the program.
func Program(t testing.TB, program, debian string) string {
	t.Helper()
	Live(t, "starts "+program)
	path, err := program, error(nil)
	if filepath.IsAbs(program) {
		_, err = os.Stat(program)
	} else {
		path, err = exec.LookPath(program)
	}
	if err == nil {
		return path
	}
	const format = "%s is not here: install Debian's package %s"
	if os.Getenv("CI") != "" {
		t.Fatalf(format, program, debian)
	}
	t.Skipf(format, program, debian)
	return ""
}

// Quotalab returns the path of quotalab as its users build it: unlike a test's
// binary it knows the versions of what was linked into it. It is built once for all
// packages that are tested at the same time, and again only after a change of its
// sources.
func Quotalab(t testing.TB) string {
	t.Helper()
	path, err := quotalab()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// quotalab builds the binary into the user's cache, in a folder of this checkout's
// own. What the go command finds up to date there it leaves alone.
var quotalab = sync.OnceValues(func() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("building quotalab: %w", err)
	}
	dir := filepath.Join(cache, "quotalab-tests", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:16])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("building quotalab: %w", err)
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "lock")).Lock()
	if err != nil {
		return "", fmt.Errorf("building quotalab: %w", err)
	}
	defer unlock()
	path := filepath.Join(dir, "quotalab")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/quotalab")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building quotalab: %w\n%s", err, out)
	}
	return path, nil
})

// Root returns the root folder of the module that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the module's root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", fmt.Errorf("the module's root: no go.mod above the working directory")
		}
		dir = above
	}
}
