package cmd_test

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/quotalab/quotalab/cmd"
)

// limited BYTES ARGS… is quotalab where no file can become larger: what a full
// disk does to it, without one.
func limited() {
	most, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err == nil {
		signal.Ignore(syscall.SIGXFSZ) // so that writing fails instead
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: most})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Args = append([]string{"quotalab"}, os.Args[2:]...)
	os.Exit(cmd.Main(nil))
}

// measured ARGS… is quotalab, and then a line with the most memory that it had: what the
// kernel counts of a child for its parent includes the parent's own.
func measured() {
	os.Args[0] = "quotalab"
	code := cmd.Main(nil)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	most, _, _ = strings.Cut(most, "kB")
	fmt.Fprintf(os.Stderr, "\nmost memory in kB: %s\n", strings.TrimSpace(most))
	os.Exit(code)
}
