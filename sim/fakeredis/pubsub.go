package fakeredis

import (
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// guest is a connection of another program, which may subscribe.
type guest struct {
	*inlineConn
	channels []string // that it subscribed to
	patterns []string
	told     func() // is called when there are replies that no command asked for
	lost     func() // is called when the shard drops its connections; nil: it never does
}

// newGuest returns a connection that hears what is published on the shard until leave.
func (s *embedded) newGuest(told, lost func()) *guest {
	g := &guest{inlineConn: newInlineConn(s), told: told, lost: lost}
	s.guests = append(s.guests, g)
	return g
}

// leave ends the connection.
func (g *guest) leave() {
	_ = g.Close() // never fails
	g.shard.guests = slices.DeleteFunc(g.shard.guests, func(o *guest) bool { return o == g })
}

// subscribing are the commands by which a program that is served hears what
// others publish.
var subscribing = map[string]func(g *guest, name string, words []string){
	"subscribe":    func(g *guest, name string, words []string) { g.subscribe(name, words, &g.channels) },
	"psubscribe":   func(g *guest, name string, words []string) { g.subscribe(name, words, &g.patterns) },
	"unsubscribe":  func(g *guest, name string, words []string) { g.unsubscribe(name, words, &g.channels) },
	"punsubscribe": func(g *guest, name string, words []string) { g.unsubscribe(name, words, &g.patterns) },
}

func (g *guest) subscribe(name string, words []string, list *[]string) {
	if len(words) == 0 {
		g.refuse("ERR wrong number of arguments for '" + name + "' command")
		return
	}
	for _, w := range words {
		if !slices.Contains(*list, w) {
			*list = append(*list, w)
		}
		g.push(name, w)
		g.say(":" + strconv.Itoa(len(g.channels)+len(g.patterns)))
	}
}

// unsubscribe ends subscriptions: all, where none is named.
func (g *guest) unsubscribe(name string, words []string, list *[]string) {
	if len(words) == 0 {
		words = slices.Clone(*list)
	}
	if len(words) == 0 {
		g.head(3)
		g.bulk(name)
		g.say("$-1")
		g.say(":" + strconv.Itoa(len(g.channels)+len(g.patterns)))
	}
	for _, w := range words {
		*list = slices.DeleteFunc(*list, func(o string) bool { return o == w })
		g.push(name, w)
		g.say(":" + strconv.Itoa(len(g.channels)+len(g.patterns)))
	}
}

// head begins a message that no command asked for.
func (g *guest) head(n int) {
	kind := "*"
	if g.client.RESP3 {
		kind = ">"
	}
	g.say(kind + strconv.Itoa(n))
}

func (g *guest) bulk(text string) {
	g.say("$" + strconv.Itoa(len(text)))
	g.say(text)
}

// push writes the first words of a message of three, or all of them.
func (g *guest) push(words ...string) {
	g.head(max(len(words), 3))
	for _, w := range words {
		g.bulk(w)
	}
}

// publish hands a message to all who subscribed, in the order in which they
// connected, and returns how many subscriptions it met.
func (s *embedded) publish(channel, message string) (n int) {
	for _, g := range s.guests {
		before := n
		if slices.Contains(g.channels, channel) {
			g.push("message", channel, message)
			n++
		}
		for _, p := range g.patterns {
			if rediscmd.Matches(p, channel) {
				g.push("pmessage", p, channel, message)
				n++
			}
		}
		if n > before {
			g.told()
		}
	}
	return n
}
