package redisdata

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// counter is a HyperLogLog: Redis' own, so that its counts are the same.
type counter struct{ register [registers]uint8 }

// The size of a counter: 14 bits of a hash choose the register.
const (
	registerBits = 14
	registers    = 1 << registerBits
	hashBits     = 64 - registerBits
)

var countCommands = map[string]func(*Store, []string){
	"pfadd":   (*Store).pfadd,
	"pfcount": (*Store).pfcount,
	"pfmerge": (*Store).pfmerge,
}

// counterOf returns a key's counter, nil where there is no key.
func (s *Store) counterOf(key string) *counter {
	e := s.find(key)
	if e == nil {
		return nil
	}
	c, ok := e.value.(*counter)
	if !ok && e.value != nil {
		s.fail(wrongType)
	} else if !ok {
		s.fail("WRONGTYPE Key is not a valid HyperLogLog string value.")
	}
	return c
}

func (s *Store) pfadd(w []string) {
	c := s.counterOf(w[1])
	changed := c == nil
	if c == nil {
		c = &counter{}
		s.db.keys[w[1]] = &entry{value: c}
	}
	for _, member := range w[2:] {
		if c.add(member) {
			changed = true
		}
	}
	if changed {
		s.db.touch(w[1])
	}
	s.yes(changed)
}

func (c *counter) add(member string) bool {
	h := murmur(member)
	at := h & (registers - 1)
	zeros := uint8(bits.TrailingZeros64(h>>registerBits|1<<hashBits)) + 1
	if zeros <= c.register[at] {
		return false
	}
	c.register[at] = zeros
	return true
}

func (s *Store) merged(keys []string) *counter {
	sum := &counter{}
	for _, key := range keys {
		c := s.counterOf(key)
		if c != nil {
			for i, v := range c.register {
				sum.register[i] = max(sum.register[i], v)
			}
		}
	}
	return sum
}

func (s *Store) pfcount(w []string) {
	c := s.merged(w[1:])
	s.integer(int64(c.count()))
}

func (s *Store) pfmerge(w []string) {
	c := s.merged(w[1:])
	if e := s.find(w[1]); e != nil {
		e.value = c
	} else {
		s.db.keys[w[1]] = &entry{value: c}
	}
	s.db.touch(w[1])
	s.ok()
}

// count estimates how many different members were added, after Otmar Ertl, New
// cardinality estimation algorithms for HyperLogLog sketches (2017).
func (c *counter) count() uint64 {
	var of [hashBits + 2]int
	for _, v := range c.register {
		of[v]++
	}
	m := float64(registers)
	z := float64(m * tau((m-float64(of[hashBits+1]))/m))
	for j := hashBits; j >= 1; j-- {
		z += float64(of[j])
		z *= 0.5
	}
	z += float64(m * sigma(float64(of[0])/m))
	return uint64(math.Round(0.721347520444481703680 * m * m / z))
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if before == z {
			return z / 3
		}
	}
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if before == z {
			return z
		}
	}
}

// murmur is MurmurHash64A with Redis' seed.
func murmur(text string) uint64 {
	const m, r, seed = 0xc6a4a7935bd1e995, 47, 0xadc83b19
	b := []byte(text)
	h := uint64(seed) ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	for i := len(b) - 1; i >= 0; i-- {
		h ^= uint64(b[i]) << (8 * i)
	}
	if len(b) > 0 {
		h *= m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}
