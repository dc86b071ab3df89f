// Command quotalab simulates and load-tests rate limiters that keep their
// state in sharded Redis. See its --help.
package main

import (
	"os"

	"github.com/quotalab/quotalab/cmd"
)

func main() { os.Exit(cmd.Main(nil)) }
