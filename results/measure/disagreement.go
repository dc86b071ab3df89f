package measure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/wording"
)

// disagreement of a client with the first one on where keys live.
type disagreement struct {
	limiter       string
	client, first *record.Client
	shared        int64 // keys that both looked for
	apart         int64 // of these, on different shards
}

// disagreements of each limiter's clients that share keys with the first.
func (k *keys) disagreements(m *record.Manifest) []disagreement {
	var out []disagreement
	for _, l := range m.Limiters {
		for c := 1; c < len(m.Clients); c++ {
			d := disagreement{limiter: l.Name, client: &m.Clients[c], first: &m.Clients[0]}
			for _, name := range k.names() {
				if name.limiter == l.Name {
					d.count(k.limits[name].shard, k.clients, c)
				}
			}
			if d.shared > 0 {
				out = append(out, d)
			}
		}
	}
	return out
}

func (d *disagreement) count(shard []int16, clients, c int) {
	for at := 0; at < len(shard); at += clients {
		if a, b := shard[at], shard[at+c]; a > 0 && b > 0 {
			d.shared++
			if a != b {
				d.apart++
			}
		}
	}
}

func (d disagreement) share() float64 { return float64(d.apart) / float64(d.shared) }

func (d disagreement) metric() Metric {
	return value("shard_disagreement", tags("limiter", d.limiter, "client", d.client.Name), d.shared, d.share())
}

// warning names the disagreement and its cause; "" if there is none.
func (d disagreement) warning() string {
	if d.apart == 0 {
		return ""
	}
	return fmt.Sprintf("%s: client %s looks for %s of %s on another shard than client %s: %s. What one client writes, the other does not find.",
		d.limiter, d.client.Name, percent(d.share()), wording.Counted(d.shared, "key"), d.first.Name, d.cause())
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
