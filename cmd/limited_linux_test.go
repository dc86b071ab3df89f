package cmd_test

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
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
