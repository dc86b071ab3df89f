// Package repository_test checks the repository as a whole: who imports whom,
// what sources may hold, the README, the action for GitHub and the job for
// GitLab. In flow its files, nothing flows out.
package repository_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestMain runs the tests in the root folder of the module.
func TestMain(m *testing.M) {
	if err := os.Chdir(filepath.Join("..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if _, err := os.Stat("go.mod"); err != nil {
		fmt.Fprintf(os.Stderr, "expected the module's root folder: %v\n", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
