// Package repository_test checks the repository as a whole: who imports whom,
// what sources may hold, the README, the action for GitHub and the job for
// GitLab. In flow its files, nothing flows out.
package repository_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestMain runs the tests in the root folder of the module.
func TestMain(m *testing.M) {
	root, err := testkit.Root()
	if err == nil {
		err = os.Chdir(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
