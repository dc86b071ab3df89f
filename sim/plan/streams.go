package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// stream returns the random stream of a component. It is seeded from the
// scenario's seed and the component's name alone, so that adding a component
// does not shift another's draws.
func stream(seed uint64, name string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "quotalab stream 1\x00%d\x00%s", seed, name))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
