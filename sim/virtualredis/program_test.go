package virtualredis

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

func TestFind(t *testing.T) {
	path := testkit.Program(t, "redis-server", "redis-server")
	p, err := Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(path, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if p.Path != path || p.Name != "redis" || !strings.Contains(string(said), "v="+p.Version+" ") {
		t.Errorf("found %+v, expected %s with the version of %s", p, path, said)
	}
}

// A program that would not take its clock from us is refused, with the reason.
func TestFindRefuses(t *testing.T) {
	server := testkit.Program(t, "redis-server", "redis-server")
	dir := t.TempDir()
	setuid := filepath.Join(dir, "setuid")
	b, err := os.ReadFile(server)
	if err == nil {
		err = os.WriteFile(setuid, b, 0o755)
	}
	if err == nil {
		err = os.Chmod(setuid, 0o755|fs.ModeSetuid)
	}
	if err != nil {
		t.Fatal(err)
	}
	static := filepath.Join(dir, "static")
	build := exec.Command(testkit.Program(t, "cc", "gcc"), "-static", "-x", "c", "-", "-o", static)
	build.Stdin = strings.NewReader("int main(void) { return 0; }")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nunset LD_PRELOAD\nexec %s \"$@\"\n", server), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ why, path, want string }{
		{"nobody may load a library into it", setuid, "is setuid, setgid or has capabilities"},
		{"there is no loader", static, "is linked statically"},
		{"it goes without the library", script, "LD_PRELOAD has no effect"},
		{"it is not there", filepath.Join(dir, "none"), "no such file or directory; expected the path of a server program"},
		{"it is a folder", dir, "is a directory; expected the path of a server program"},
		{"it is not on the PATH", "no-such-server", "not found in $PATH; expected the path of a server program"},
		{"it is no server", "/bin/true", "it ended before it answered"},
	} {
		if _, err := Find(t.Context(), tt.path); !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, expected %q in it", tt.why, err, tt.want)
		}
	}
}

// Only who named no server is told how to install one, whatever the PATH is.
func TestFindTellsHowToInstall(t *testing.T) {
	testkit.Live(t, "depends on Linux")
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context(), ""); !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("no server on the PATH: error %v, expected what to install", err)
	}
}

// Servers that hear the same at the same instants answer alike, also what they
// draw at random and the order of large sets.
func TestServersAnswerAlike(t *testing.T) {
	p, err := Find(t.Context(), testkit.Program(t, "redis-server", "redis-server"))
	if err != nil {
		t.Fatal(err)
	}
	var said [2]string
	for i := range said {
		s, err := p.Start(epoch)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := s.Dial()
		if err != nil {
			t.Fatal(err)
		}
		ask(t, conn, "SADD s"+members(1000), 1)
		said[i] = ask(t, conn, "SRANDMEMBER s 20", 41) + ask(t, conn, "SPOP s 5", 11) + ask(t, conn, "SMEMBERS s", 100)
		if err := errors.Join(conn.Close(), s.Stop()); err != nil {
			t.Error(err)
		}
	}
	if said[0] != said[1] {
		t.Errorf("two servers said\n%s\nand\n%s", said[0], said[1])
	}
}

func members(n int) (text string) {
	for i := range n {
		text += fmt.Sprint(" m", i)
	}
	return text
}
