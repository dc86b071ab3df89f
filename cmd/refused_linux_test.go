package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestRefusedFilesCostLittle gives files that are something else to whatever reads a file. Each is
// refused with less than 100 MB and 2 s of a processor, and no word of it is shown.
func TestRefusedFilesCostLittle(t *testing.T) {
	testkit.Live(t, "starts quotalab 60 times")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", "root:$6$geheim:20228:0:99999:7:::\ndaemon:geheim:20228:0:99999:7:::\n")
	write("number", `{"x": `+strings.Repeat("9", 15_000_000)+"}")
	write("result", "BenchmarkX 1 "+strings.Repeat("9", 15_000_000)+" ns/op\n")
	write("binary", strings.Repeat("\x00\x01geheim\xff", 1_000_000))
	write("nested", "about: "+strings.Repeat("[", 400_000))
	write("sparse", "geheim")
	if err := os.Truncate(path("sparse"), 5<<30); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("ok.yaml", strings.Replace(endedScenario, "30d", "1s", 1))
	files := []string{path("secret"), path("number"), path("result"), path("binary"), path("nested"), path("sparse"), path("pipe"), "/dev/zero"}
	for i, file := range files {
		for _, format := range []string{"combined", "csv", "jsonl"} {
			name := fmt.Sprint(format, i, ".yaml")
			write(name, strings.Replace(endedScenario, "rate: 200/s", fmt.Sprintf("rate: {replay: {file: %q, format: %s}}", file, format), 1))
			cheaplyRefused(t, "", "check", path(name))
		}
		for _, args := range [][]string{{"check"}, {"compare", "--new", path("ok.yaml"), "--base"}, {"verify"}, {"run", path("ok.yaml"), "--redis", "a=127.0.0.1:1", "--redis-ca"}} {
			cheaplyRefused(t, "", append(args, file)...)
		}
		if i > 0 { // a password may be anything short
			cheaplyRefused(t, "", "run", path("ok.yaml"), "--redis", "a=127.0.0.1:1", "--redis-password-file", file)
		}
	}
	for _, file := range []string{"/dev/zero", path("sparse"), path("secret")} {
		cheaplyRefused(t, file, "check", "-")
		cheaplyRefused(t, file, "compare", "-", path("number"))
	}
}

func cheaplyRefused(t *testing.T, stdin string, args ...string) {
	t.Helper()
	c := exec.Command("measured", args...)
	if stdin != "" {
		in, err := os.Open(stdin)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		c.Stdin = in
	}
	out, _ := c.CombinedOutput()
	said, kB, _ := strings.Cut(string(out), "\nmost memory in kB: ")
	memory, err := strconv.Atoi(strings.TrimSpace(kB))
	if err != nil {
		t.Fatalf("%q says nothing of its memory: %v\n%s", args, err, out)
	}
	memory /= 1024
	cpu := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	if code := c.ProcessState.ExitCode(); code != 104 || memory >= 100 || cpu >= 2*time.Second || strings.Contains(said, "geheim") {
		t.Errorf("%q < %q: exit status %d, %d MB, %v, expected 104, less than 100 MB and 2s, and no word of the file:\n%.2000s", args, stdin, code, memory, cpu, said)
	}
}
