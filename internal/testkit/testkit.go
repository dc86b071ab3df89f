// Package testkit is for tests that need a program of the machine. In flows its
// name, out flows where it is. Only tests import it, those of every folder.
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
