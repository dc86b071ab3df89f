package summary

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
)

// mostListed is how many keys Keys.MostDenied and Busiest have at most for a
// limiter.
const mostListed = 10

// keys tallies every key of every limit: how often it was decided on and
// denied, and on which shard each client looked for it. A key costs its map
// entry, eight bytes, and with several clients 26 bytes each.
type keys struct {
	order   *order
	shards  int
	clients int
	limits  map[limitName]*tallies
	last    limitName // of the take before: often the same
	tallies *tallies  // of it
	moves   moves
}

type limitName struct{ limiter, limit string }

// tallies are those of the keys of one limit, by their number − 1.
type tallies struct {
	names  []string // "": not seen
	counts []tally
	shard  []int16    // of key i for client c, at i·clients + c: shard + 1, 0 not seen
	looks  []sighting // likewise, of two clients and more
	// wanders says that a client looked for one key on several shards before
	// any fault moved keys: its name in Redis changes.
	wanders bool
}

// sighting is the last look of a client for a key.
type sighting struct {
	at    int64 // when it was sent
	shard int16 // + 1
	apart bool  // it and the first client looked on different shards at the same time
	early bool  // they looked on different shards before any fault moved keys
}

// look notes that a client looked for a key on a shard. Two clients look on
// different shards at the same time when one looks on another shard between two
// looks of the other on one and the same: a fault that moves a key changes where
// both look for it.
func (t *tallies) look(key []sighting, client int, shard int16, at int64, m moves) {
	before := key[client]
	if before.shard > 0 && before.at > at {
		return // sent earlier and answered later
	}
	if before.shard > 0 && before.shard != shard && m.before(at) == 0 {
		t.wanders = true
	}
	key[client].at, key[client].shard = at, shard
	for c := 1; c < len(key); c++ {
		if client > 0 && c != client {
			continue
		}
		other, pair := key[0], &key[c]
		if client == 0 {
			other = key[c]
		}
		if other.shard == 0 || other.shard == shard {
			continue
		}
		if m.before(at) == 0 {
			pair.early = true
		}
		if before.shard == shard && before.at <= other.at && other.at <= at && m.before(before.at) == m.before(at) {
			pair.apart = true
		}
	}
}

type tally struct{ decisions, denied uint32 }

func newKeys(o *order, m *record.Manifest) *keys {
	return &keys{order: o, shards: len(m.Shards), clients: max(1, len(m.Clients)), limits: map[limitName]*tallies{}, moves: movesOf(m)}
}

// movesOf returns when faults that move keys begin and end.
func movesOf(m *record.Manifest) (at moves) {
	for _, f := range m.Faults {
		if f.MovesKeys {
			at = append(at, f.At, f.Until)
		}
	}
	slices.Sort(at)
	return at
}

// moves are instants at which keys may move, in order.
type moves []int64

// before returns how many are at an instant or before it.
func (m moves) before(at int64) int {
	n, _ := slices.BinarySearch(m, at+1)
	return n
}

func (k *keys) observe(o *record.Observation) error {
	if o.Decision == record.Dropped || o.Decision == record.Settled {
		return nil
	}
	client, ok := k.order.client[k.order.group(o.Client)]
	if !ok && k.clients > 1 {
		return fmt.Errorf("observation %d is of client %q, which the manifest does not list", o.Seq, o.Client)
	}
	for i := range o.Takes {
		t := &o.Takes[i]
		tallies, n := k.of(limitName{o.Limiter, t.Limit}), int(t.Number)-1
		tallies.see(n, t.Key, k.clients)
		if t.Mode != record.SpendMode {
			tallies.counts[n].decisions++
			if o.Decision == record.Denied {
				tallies.counts[n].denied++
			}
		}
		if t.Shard == "" {
			continue
		}
		shard, ok := k.order.shard[t.Shard]
		if !ok {
			return fmt.Errorf("observation %d found a key on shard %q, which the manifest does not list", o.Seq, t.Shard)
		}
		at := n * k.clients
		tallies.shard[at+client] = int16(shard + 1)
		if k.clients > 1 {
			tallies.look(tallies.looks[at:at+k.clients], client, int16(shard+1), o.Sent, k.moves)
		}
	}
	return nil
}

func (k *keys) of(name limitName) *tallies {
	if k.tallies != nil && k.last == name {
		return k.tallies
	}
	t := k.limits[name]
	if t == nil {
		t = &tallies{}
		k.limits[name] = t
	}
	k.last, k.tallies = name, t
	return t
}

// see makes room for key n.
func (t *tallies) see(n int, key string, clients int) {
	for len(t.counts) <= n {
		t.names, t.counts = append(t.names, ""), append(t.counts, tally{})
		for range clients {
			t.shard = append(t.shard, 0)
			if clients > 1 {
				t.looks = append(t.looks, sighting{})
			}
		}
	}
	t.names[n] = key
}

// names returns the limits seen, in order.
func (k *keys) names() []limitName {
	return slices.SortedFunc(maps.Keys(k.limits), func(a, b limitName) int {
		return cmp.Or(k.order.limiter.compare(a.limiter, b.limiter), cmp.Compare(a.limit, b.limit))
	})
}

// perShard counts the distinct keys on each shard, by limiter. A key that
// clients look for on several shards lives on each of them.
func (k *keys) perShard() map[string][]int64 {
	counts := map[string][]int64{}
	for name, t := range k.limits {
		c := counts[name.limiter]
		if c == nil {
			c = make([]int64, k.shards)
			counts[name.limiter] = c
		}
		seen := t.shard
		for at := 0; at < len(seen); at += k.clients {
			for i, s := range seen[at : at+k.clients] {
				if s > 0 && !slices.Contains(seen[at:at+i], s) {
					c[s-1]++
				}
			}
		}
	}
	return counts
}

// mostDenied lists the keys with the most denials of each limiter.
func (k *keys) mostDenied() []DeniedKey {
	of := map[string][]DeniedKey{}
	for name, t := range k.limits {
		for n, c := range t.counts {
			if c.denied > 0 {
				of[name.limiter] = insert(of[name.limiter], DeniedKey{name.limiter, name.limit, t.names[n], int64(c.denied), int64(c.decisions)}, func(a, b DeniedKey) int {
					return cmp.Or(cmp.Compare(b.Denied, a.Denied), cmp.Compare(a.Decisions, b.Decisions), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Key, b.Key))
				})
			}
		}
	}
	out := []DeniedKey{}
	for _, limiter := range slices.SortedFunc(maps.Keys(of), k.order.limiter.compare) {
		out = append(out, of[limiter]...)
	}
	return out
}

// insert puts one where it belongs among the first mostListed of a list.
func insert[T any](list []T, one T, compare func(a, b T) int) []T {
	if len(list) == mostListed && compare(list[mostListed-1], one) < 0 { // as most are
		return list
	}
	i, _ := slices.BinarySearchFunc(list, one, compare)
	list = slices.Insert(list, i, one)
	return list[:min(len(list), mostListed)]
}

// BusyKey is a key with many decisions.
type BusyKey struct {
	Limit, Key string
	Shards     []string // where clients looked for it, in the manifest's order
	Decisions  int64
}

// busy is what Busiest returns of one limiter.
type busy struct {
	keys      []BusyKey
	decisions int64
}

// Busiest lists the keys of a limiter that it decided on most often, at most
// ten, the busiest first, and says how many decisions on keys there were in all:
// one on several keys counts for each. They are not known (nil, 0) of a record that
// does not hold all observations.
func (m *Measured) Busiest(limiter string) (keys []BusyKey, decisions int64) {
	b := m.busiest[limiter]
	return b.keys, b.decisions
}

// busiest keys of each limiter.
func (k *keys) busiest(shards []string) map[string]busy {
	type candidate struct {
		BusyKey
		of *tallies
		n  int
	}
	all, decided := map[string][]candidate{}, map[string]int64{}
	for name, t := range k.limits {
		for n, c := range t.counts {
			decided[name.limiter] += int64(c.decisions)
			if c.decisions > 0 {
				all[name.limiter] = insert(all[name.limiter], candidate{BusyKey{Limit: name.limit, Key: t.names[n], Decisions: int64(c.decisions)}, t, n}, func(a, b candidate) int {
					return cmp.Or(cmp.Compare(b.Decisions, a.Decisions), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Key, b.Key))
				})
			}
		}
	}
	of := map[string]busy{}
	for limiter, decisions := range decided {
		b := busy{decisions: decisions}
		for _, c := range all[limiter] {
			c.Shards = c.of.shardsOf(c.n, k.clients, shards)
			b.keys = append(b.keys, c.BusyKey)
		}
		of[limiter] = b
	}
	return of
}

func (t *tallies) shardsOf(n, clients int, shards []string) (list []string) {
	seen := t.shard[n*clients : (n+1)*clients]
	for i, s := range shards {
		if slices.Contains(seen, int16(i+1)) {
			list = append(list, s)
		}
	}
	return list
}

// EvenAt is the p-value at and above which a distribution over shards is
// called even.
const EvenAt = 0.01

// Balance says how evenly counts fall on shards.
type Balance struct {
	Total      int64
	Chi2       float64 // Pearson's χ² against equal shares
	P          float64 // that chance alone gives this χ² or more
	PeakToMean float64 // fullest shard over the mean
	CV         float64 // standard deviation over the mean
	Gini       float64 // 0 all equal, 1 − 1/N all on one
}

// BalanceOf computes the Balance of counts; false if there are fewer than
// two shards or nothing to count. P is meaningful where the things counted
// fall on shards independently, as distinct keys do; commands follow their
// keys, so theirs says only how far they are from equal.
func BalanceOf(counts []int64) (Balance, bool) {
	total := int64(0)
	for _, c := range counts {
		total += c
	}
	if len(counts) < 2 || total == 0 {
		return Balance{}, false
	}
	n := float64(len(counts))
	mean := float64(total) / n
	b := Balance{Total: total, PeakToMean: float64(slices.Max(counts)) / mean}
	squares := 0.0
	for _, c := range counts {
		squares += (float64(c) - mean) * (float64(c) - mean)
	}
	b.Chi2 = squares / mean
	b.CV = math.Sqrt(squares/n) / mean
	b.P = distuv.ChiSquared{K: n - 1}.Survival(b.Chi2)
	b.Gini = gini(counts, float64(total))
	return b, true
}

// gini is Σ(2i − n − 1)·xᵢ / (n·Σx) over the counts in rising order.
func gini(counts []int64, total float64) float64 {
	sorted := slices.Sorted(slices.Values(counts))
	sum, n := 0.0, len(sorted)
	for i, c := range sorted {
		sum += float64(2*(i+1)-n-1) * float64(c)
	}
	return sum / (float64(n) * total)
}

// FewKeys reports whether that many keys on that many shards are too few for the χ²
// test, which needs five on each on average.
func FewKeys(keys int64, shards int) bool { return keys < 5*int64(shards) }

// Even tells whether chance explains the distribution.
func (b Balance) Even() bool { return b.P >= EvenAt }

func (b Balance) metrics(limiter, of string) []Series {
	stat := func(name string, v float64) Series {
		return value("shard_balance", tags("limiter", limiter, "of", of, "stat", name), b.Total, v)
	}
	return []Series{stat("chi2", b.Chi2), stat("p_value", b.P), stat("peak_to_mean", b.PeakToMean), stat("cv", b.CV), stat("gini", b.Gini)}
}

// disagreement is about where keys live: of a client with the first one.
type disagreement struct {
	limiter       string
	client, first *record.Client
	shared        int64 // keys that both looked for
	apart         int64 // of these, on different shards
}

// disagreements lists those of each limiter's clients that share keys with the first.
func (k *keys) disagreements(m *record.Manifest) []disagreement {
	var out []disagreement
	for _, l := range m.Limiters {
		for c := 1; c < len(m.Clients); c++ {
			d := disagreement{limiter: l.Name, client: &m.Clients[c], first: &m.Clients[0]}
			for _, name := range k.names() {
				if name.limiter == l.Name {
					d.count(k.limits[name], k.clients, c)
				}
			}
			if d.shared > 0 {
				out = append(out, d)
			}
		}
	}
	return out
}

func (d *disagreement) count(t *tallies, clients, c int) {
	for at := 0; at < len(t.looks); at += clients {
		if a, b := t.looks[at], t.looks[at+c]; a.shard > 0 && b.shard > 0 {
			d.shared++
			if b.apart || b.early && !t.wanders {
				d.apart++
			}
		}
	}
}

func (d disagreement) share() float64 { return float64(d.apart) / float64(d.shared) }

// warning names the disagreement and its cause; "" if there is none.
func (d disagreement) warning() string {
	if d.apart == 0 {
		return ""
	}
	return fmt.Sprintf("%s: client %s looks for %s of %s on another shard than client %s: %s. What one client writes, the other does not find.",
		d.limiter, d.client.Name, percent(d.share()), unit.Counted(d.shared, "key"), d.first.Name, d.cause())
}

func (d disagreement) cause() string {
	a, b := d.first.ShardNames, d.client.ShardNames
	names := fmt.Sprintf("(%s: %s; %s: %s)", d.first.Name, strings.Join(a, ", "), d.client.Name, strings.Join(b, ", "))
	common := 0
	for _, n := range a {
		if slices.Contains(b, n) {
			common++
		}
	}
	switch {
	case slices.Equal(a, b):
		return "they name the shards alike, so they must see different shards up, or map keys differently"
	case common == 0:
		// Rendezvous hashing over unrelated names: agreement is a matter of
		// chance, 1 in N.
		return fmt.Sprintf("they name the same %d shards differently %s, and a Ring maps keys by the shards' names, so they agree on a key only by chance (a disagreement of %s is expected)",
			len(a), names, percent(1-1/float64(len(a))))
	case common == len(a) && len(a) == len(b):
		return fmt.Sprintf("they give the same names to different shards %s, and a Ring maps keys by the shards' names", names)
	default:
		return fmt.Sprintf("they name some of the shards differently %s, and a Ring maps keys by the shards' names", names)
	}
}
