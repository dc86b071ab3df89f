package plan

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/quotalab/quotalab/models/keys"
	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
)

// population is a compiled key population. One that is derived has no keys
// of its own: it names the key that its root drew.
type population struct {
	name  string
	root  int             // index of the population that is drawn from: itself, or what it derives from
	keys  keys.Population // nil when derived
	key   func(id, host uint64) string
	hosts bool     // host, which every request draws, is in the key
	names []string // of a trace's keys, by number
	leaf  []int    // of a mix: its innermost parts, in the order of keys.Split
}

// compilePopulations compiles all populations, each after those that it
// refers to; the decoder has refused cycles.
func (p *Plan) compilePopulations(s *scenarios.Scenario) scenarios.Problems {
	c := &populationCompiler{s: s, plan: p, index: map[string]int{}}
	for _, e := range s.Keys {
		c.index[e.Name] = len(c.out)
		c.out = append(c.out, population{name: e.Name})
	}
	c.done = make([]bool, len(c.out))
	for i := range c.out {
		c.compile(i)
	}
	p.populations = c.out
	return c.problems
}

type populationCompiler struct {
	s        *scenarios.Scenario
	plan     *Plan // gets the traces and the warnings
	index    map[string]int
	out      []population
	done     []bool
	problems scenarios.Problems
}

func (c *populationCompiler) compile(i int) {
	if c.done[i] {
		return
	}
	c.done[i] = true
	def := c.s.Keys[i].Value
	p := &c.out[i]
	p.root = i
	var err error
	switch {
	case def.Derive != nil:
		err = c.derive(i, *def.Derive)
	case def.Mix != nil:
		err = c.mix(i, def)
	case def.FromTrace != nil:
		err = c.fromTrace(i, *def.FromTrace)
	default:
		p.keys, err = c.own(def)
		p.key = naming(p.name, i, def.As)
		if hosts := uint64(def.Hosts); hosts > 0 {
			p.hosts, p.key = true, func(id, host uint64) string { return userAddress(i, id, host%hosts).String() }
		}
	}
	if err != nil {
		c.problems = append(c.problems, c.s.Problem("keys."+p.name, "%v", err))
	}
}

// own compiles a population that refers to nothing else.
func (c *populationCompiler) own(def scenarios.Population) (keys.Population, error) {
	switch {
	case def.Uniform != nil:
		return keys.Uniform(int64(def.Uniform.N))
	case def.Zipf != nil:
		return keys.Zipf(int64(def.Zipf.N), float64(def.Zipf.S))
	case def.HotSet != nil:
		return keys.HotSet(int64(def.HotSet.N), int64(def.HotSet.Hot), float64(def.HotSet.Share))
	case def.Churn != nil:
		return churn(*def.Churn)
	case def.Growing != nil:
		return keys.Growing(float64(def.Growing.K), float64(def.Growing.B))
	case def.Sequence != nil:
		return keys.Sequence(int64(def.Sequence.N))
	default:
		return keys.Fresh(), nil
	}
}

func churn(c scenarios.ChurnKeys) (keys.Population, error) {
	life, err := distribution(c.Lifetime)
	if err != nil {
		return nil, err
	}
	start := int(c.Start)
	if start == 0 {
		start = keys.Equilibrium
	}
	return keys.Churn(float64(c.Arrivals), func(rng *rand.Rand) time.Duration { return life.Sample(rng) }, life.Mean(), start)
}

func (c *populationCompiler) fromTrace(i int, def scenarios.TraceKeys) error {
	names, weights, skipped, hash, err := traceKeys(c.s, def)
	if err != nil {
		return err
	}
	p := &c.out[i]
	c.plan.warnSkipped("keys "+p.name, def.File, skipped)
	c.plan.traces = append(c.plan.traces, traceHash{"keys." + p.name, def.File, hash})
	p.names, p.key = names, func(id, _ uint64) string { return names[id] }
	p.keys, err = keys.Empirical(weights)
	return err
}

// mix writes every key as the part that it comes from does.
func (c *populationCompiler) mix(i int, def scenarios.Population) error {
	var parts []keys.Part
	var leaves []int
	for _, m := range def.Mix {
		j := c.index[m.Keys]
		c.compile(j)
		part := c.out[j]
		if part.keys == nil {
			return nil // its own mistake has been reported
		}
		c.out[i].hosts = c.out[i].hosts || part.hosts
		parts = append(parts, keys.Part{Population: part.keys, Weight: float64(m.Weight)})
		if part.leaf != nil {
			leaves = append(leaves, part.leaf...)
		} else {
			leaves = append(leaves, j)
		}
	}
	p := &c.out[i]
	p.leaf = leaves
	p.key = func(id, host uint64) string {
		part, inner := keys.Split(id)
		return c.out[leaves[part]].key(inner, host)
	}
	var err error
	p.keys, err = keys.Mix(parts)
	return err
}

func (c *populationCompiler) derive(i int, def scenarios.DerivedKeys) error {
	j := c.index[def.From]
	c.compile(j)
	from := c.out[j]
	if from.key == nil {
		return nil // its own mistake has been reported
	}
	p := &c.out[i]
	p.root = from.root
	if def.Prefix > 0 {
		p.key = func(id, host uint64) string { return prefix(from.key(id, host), int(def.Prefix)) }
		return nil
	}
	name := naming(p.name, i, c.s.Keys[i].Value.As)
	if def.Groups > 0 {
		p.key = func(id, host uint64) string { return name(id%uint64(def.Groups), host) }
	} else {
		p.key = func(id, host uint64) string { return name(id/uint64(def.Size), host) }
	}
	return nil
}

// prefix returns the range of an address (of IPv4, if that is mapped into IPv6), or the key itself where it is no
// address or a shorter one.
func prefix(key string, bits int) string {
	addr, err := netip.ParseAddr(key)
	if err != nil {
		return key
	}
	p, err := addr.Unmap().Prefix(bits)
	if err != nil {
		return key
	}
	return p.String()
}

// naming returns how a population's ids are written. Addresses of different
// populations (their index in the file) stay apart.
func naming(population string, index int, as string) func(id, host uint64) string {
	switch as {
	case "id":
		return func(id, _ uint64) string { return strconv.FormatUint(id+1, 10) }
	case "ipv4":
		return func(id, _ uint64) string { return ipv4(index, id).String() }
	case "ipv6":
		return func(id, _ uint64) string { return ipv6(index, id).String() }
	case "domain":
		return func(id, _ uint64) string { return population + "-" + strconv.FormatUint(id, 10) + ".test" }
	default:
		return func(id, _ uint64) string { return population + "-" + strconv.FormatUint(id, 10) }
	}
}

// ipv4 writes 2²⁷ ids into a range of each population, from 10.0.0.0 up.
func ipv4(index int, id uint64) netip.Addr {
	n := uint32(10)<<24 + uint32(index)<<27 + uint32(id)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// ipv6 writes ids into fd00::/8: a byte for the population, 32 bits for the
// /48 range, each of 16 consecutive ids.
func ipv6(index int, id uint64) netip.Addr {
	site, host := uint32(id>>4), byte(id&15)
	a := [16]byte{0: 0xfd, 1: byte(index), 2: byte(site >> 24), 3: byte(site >> 16), 4: byte(site >> 8), 5: byte(site), 15: host + 1}
	return netip.AddrFrom16(a)
}

// userBits is the length of a user's range of addresses.
const userBits = 64

// userAddress writes ids into fd00::/8 too: a byte for the population and 48 bits for
// the user's /64. Hosts are spread over it, each another address.
func userAddress(index int, id, host uint64) netip.Addr {
	a := [16]byte{0: 0xfd, 1: byte(index)}
	for i := range 6 {
		a[2+i] = byte(id >> (40 - 8*i))
	}
	binary.BigEndian.PutUint64(a[8:], mix(host+1))
	return netip.AddrFrom16(a)
}

// distribution compiles a delay.
func distribution(d scenarios.Distribution) (network.Distribution, error) {
	switch {
	case d.Exponential != nil:
		return network.Exponential(time.Duration(d.Exponential.Mean))
	case d.Lognormal != nil:
		return network.Lognormal(time.Duration(d.Lognormal.Median), time.Duration(d.Lognormal.P99))
	case d.Gamma != nil:
		return network.Gamma(time.Duration(d.Gamma.Mean), float64(d.Gamma.CV))
	case d.Pareto != nil:
		return network.Pareto(time.Duration(d.Pareto.Min), float64(d.Pareto.Alpha))
	case d.Empirical != nil:
		values := make([]time.Duration, len(d.Empirical))
		for i, v := range d.Empirical {
			values[i] = time.Duration(v)
		}
		return network.Empirical(values)
	}
	return network.Constant(time.Duration(*d.Constant)), nil
}
