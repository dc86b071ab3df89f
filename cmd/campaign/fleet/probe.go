package fleet

import (
	"encoding/binary"
	"math"

	"github.com/quotalab/quotalab/models/portable"
)

// Probe returns a hash of what this machine's floating point makes of numbers of all
// magnitudes. Plans and draws use portable functions alone, whose results must be the same
// everywhere; those of math differ with the processor, and a worker where they do could
// write another table.
func Probe() string {
	var bits []byte
	add := func(values ...float64) {
		for _, v := range values {
			bits = binary.BigEndian.AppendUint64(bits, math.Float64bits(v))
		}
	}
	x := 1e-9
	for range 400 {
		sin, cos := portable.Sincos(x)
		add(portable.Exp(-x), portable.Log(x), portable.Log1p(x), portable.Expm1(-x), portable.Pow(x, 0.7), sin, cos)
		add(math.Exp(-x), math.Log(x), math.Pow(x, 1.3), math.Sqrt(x), math.Sin(x), x*x+1/x)
		x *= 1.11
	}
	return hashOf(bits)[:16]
}
