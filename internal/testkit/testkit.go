// Package testkit holds what tests of several folders share: records made by
// hand and analysed, programs of the machine. In flow manifests, observations
// and names of programs, out flow open records and paths. Only tests import it,
// those of every folder but of the packages that it imports itself: these use it
// from their external tests (package …_test).
package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program, or skips the test where there is
// none. In CI it must be there: .ci/run finds the calls of this function and
// installs what they name. debian is the package that has the program.
func Program(t testing.TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	const format = "%s is not on the PATH: install Debian's package %s"
	if os.Getenv("CI") != "" {
		t.Fatalf(format, program, debian)
	}
	t.Skipf(format, program, debian)
	return ""
}
