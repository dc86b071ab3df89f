package vectors_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/quota/vectors"
)

// folder of the vectors: QUOTALAB_VECTORS, by default beside the project.
func folder() string {
	if dir := os.Getenv("QUOTALAB_VECTORS"); dir != "" {
		return dir
	}
	return "../../../../shared/flagsmith"
}

// load reads the vectors or skips the test where there are none.
func load(t testing.TB) []vectors.Vector {
	t.Helper()
	all, err := vectors.Load(folder())
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("QUOTALAB_VECTORS") == "" {
		t.Skipf("no vectors in %s (set QUOTALAB_VECTORS to their folder)", folder())
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vector", folder())
	}
	return all
}

func TestVectorsReproduce(t *testing.T) {
	all := load(t)
	reproduced, sent, aborted, probes := 0, 0, 0, 0
	for i := range all {
		v := &all[i]
		t.Run(v.ID, func(t *testing.T) {
			got, err := vectors.Run(v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.Expect, got.Expect); diff != "" {
				t.Fatalf("%s (−recorded +ours):\n%s", v.Note, diff)
			}
			reproduced++
			sent, aborted, probes = sent+len(got.Sent), aborted+len(got.Aborted), probes+len(got.Probes)
		})
	}
	fmt.Printf("%d of %d vectors reproduced: %d notices, %d aborted runs, %d readings\n", reproduced, len(all), sent, aborted, probes)
}
