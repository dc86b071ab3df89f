package plan

import "math/rand/v2"

// Keyed are the random streams of what happens to single requests: one for
// each pair of numbers, so that what is drawn for one request does not depend
// on which others there are. It is not for several goroutines at once.
type Keyed struct {
	hi, lo uint64
	pcg    rand.PCG
	rng    *rand.Rand
}

// Keyed returns the streams of a component, by its name.
func (p *Plan) Keyed(name string) *Keyed {
	k := &Keyed{}
	k.hi, k.lo = seeds(p.Seed, []byte(name))
	k.rng = rand.New(&k.pcg)
	return k
}

// At returns the stream of two numbers, such as those of an arrival and an
// attempt. It is valid until the next call.
func (k *Keyed) At(a, b int64) *rand.Rand {
	k.pcg.Seed(k.hi^mix(uint64(a)), k.lo^mix(uint64(b)))
	return k.rng
}

// mix is the last steps of splitmix64, by which numbers that are near to one
// another are no more alike than others.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
