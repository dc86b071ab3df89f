package quota_test

import (
	"flag"
	"os"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestMain draws fewer stories, of months each, where not everything is asked for.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		_ = flag.Set("rapid.checks", testkit.Full("100", "25")) // rapid has the flag
	}
	os.Exit(m.Run())
}
