package realredis

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The folder of a process that was killed is removed by the next start, those of
// one that lives and of anybody else are not.
func TestStaleFoldersAreRemoved(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, stays := range map[string]bool{
		fmt.Sprintf("%s%d-1", folderPrefix, gone.Process.Pid): false,
		fmt.Sprintf("%s%d-2", folderPrefix, os.Getpid()):      true,
		folderPrefix + "notes-1":                              true,
		fmt.Sprintf("other-%d-1", gone.Process.Pid):           true,
	} {
		folder := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(folder, "0"), 0o700); err != nil {
			t.Fatal(err)
		}
		removeStale(dir)
		if _, err := os.Stat(folder); (err == nil) != stays {
			t.Errorf("%s: %v, expected that it stays: %v", name, err, stays)
		}
	}
}
