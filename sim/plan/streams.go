package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

// stream returns the random stream of a component. It is seeded from the
// scenario's seed and the component's name alone, so that adding a component
// does not shift another's draws.
func stream(seed uint64, name string) *rand.Rand {
	return rand.New(rand.NewPCG(seeds(seed, []byte(name))))
}

// seeds hashes without allocating where the name is short: there may be a
// stream for each of a million accounts.
func seeds(seed uint64, name []byte) (hi, lo uint64) {
	var buf [192]byte
	text := append(buf[:0], "quotalab stream 1\x00"...)
	text = append(strconv.AppendUint(text, seed, 10), 0)
	sum := sha256.Sum256(append(text, name...))
	return binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
}
