package child

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// heldVariable has this test's binary make a folder, or sockets, say so, and wait.
const heldVariable = "QUOTALAB_TEST_HOLDS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(heldVariable); dir != "" {
		folder, _, err := FolderIn(dir, "redis")
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "file"), nil, 0o600)
		}
		var paths []string
		if err == nil {
			paths, _, err = Sockets(filepath.Join(dir, "sockets"), []string{"a", "b c"})
		}
		for _, path := range paths {
			if err == nil {
				_, err = net.Listen("unix", path)
			}
		}
		fmt.Println(folder, err)
		select {}
	}
	os.Exit(m.Run())
}

// holder runs this test's binary, which makes things in dir, and returns what kills it.
func holder(t *testing.T, dir string) (folder string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), heldVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	t.Cleanup(kill)
	var said string
	if _, err := fmt.Fscan(out, &folder, &said); err != nil || said != "<nil>" {
		t.Fatalf("%s %s %v", folder, said, err)
	}
	return folder, kill
}

// The folder of a program that was killed is removed by the next start; those of one
// that goes on, and what is anybody else's, are not.
func TestStaleFoldersAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, other := range []string{"quotalab-notes-1", "quotalab-redis-notes", "quotalab-redis-1234567", "other-redis-1234567"} {
		if err := os.MkdirAll(filepath.Join(dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, other, "mine"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	victim := t.TempDir()
	if err := os.WriteFile(filepath.Join(victim, LockFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "quotalab-gate-7654321")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "quotalab-gate-1111111"), 0o700); err != nil { // killed before it could lock it
		t.Fatal(err)
	}
	folder, kill := holder(t, dir)
	own, remove, err := FolderIn(dir, "gate")
	if err != nil {
		t.Fatal(err)
	}
	there := func(path string) bool { _, err := os.Lstat(path); return err == nil }
	RemoveStale(dir)
	if !there(folder) || !there(filepath.Join(folder, "file")) || !there(own) {
		t.Errorf("a folder that is in use is gone")
	}
	kill()
	RemoveStale(dir)
	if there(folder) || there(filepath.Join(dir, "quotalab-gate-1111111")) {
		t.Errorf("the folder of a program that was killed is left")
	}
	for _, other := range []string{"quotalab-notes-1/mine", "quotalab-redis-notes/mine", "quotalab-redis-1234567/mine", "other-redis-1234567/mine", "quotalab-gate-7654321/" + LockFile} {
		if !there(filepath.Join(dir, other)) {
			t.Errorf("%s is gone", other)
		}
	}
	if err := remove(); err != nil || there(own) {
		t.Errorf("removed: %v, there %v", err, there(own))
	}
	if len(owned.held) > 0 {
		t.Errorf("%d are held", len(owned.held))
	}
}

// Sockets of a program that was killed are removed by the next that uses their folder,
// and nothing else in it.
func TestSockets(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "sockets")
	_, kill := holder(t, parent)
	if _, _, err := Sockets(dir, []string{"a"}); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("a second program: %v", err)
	}
	kill()
	for _, name := range []string{"mine.sock", "a.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	paths, remove, err := Sockets(dir, []string{"a", "mine"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", paths[0])
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err := remove(); err != nil {
		t.Error(err)
	}
	left, err := fs.Glob(os.DirFS(dir), "*")
	if got := strings.Join(left, " "); got != "a.txt mine.sock" {
		t.Errorf("%s is left (%v), expected a.txt and mine.sock", got, err)
	}
	fresh := filepath.Join(parent, "fresh")
	if _, remove, err = Sockets(fresh, nil); err == nil {
		err = remove()
	}
	if _, there := os.Stat(fresh); err != nil || there == nil {
		t.Errorf("the folder that was made: %v, %v", err, there)
	}
}
