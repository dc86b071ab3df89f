package realredis

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// prefix is what all keys of a fleet begin with.
type prefix string

// check refuses two kinds of prefixes: braces would be the hash tag of every key, and without a prefix all
// keys of a database would be the run's.
func (p prefix) check() error {
	switch {
	case p == "" || p == ":":
		return errors.New("a run's key prefix must not be empty")
	case strings.ContainsAny(string(p), "{}"):
		return fmt.Errorf("key prefix %q: expected none of { and }, which decide the shard of a key", string(p))
	}
	return nil
}

// errNoShard: such keys are hashed whole, and nothing can be put around them
// so that they stay on their shard.
var errNoShard = errors.New("a key that is empty, or has a } but no hash tag, cannot be prefixed without moving it to another shard")

// of returns the key under the prefix, on the shard or slot that it has
// without: what is hashed, its hash tag or all of it, stays the same. A key
// without a hash tag is put in braces; so that it is not taken for one that
// had them, that one ends in a brace more.
func (p prefix) of(key string) (string, error) {
	open := strings.IndexByte(key, '{')
	switch {
	case open >= 0 && strings.IndexByte(key[open+1:], '}') > 0:
		if open == 0 && braced(key) {
			return string(p) + key + "}", nil
		}
		return string(p) + key, nil
	case key == "" || strings.IndexByte(key, '}') >= 0:
		return "", fmt.Errorf("key %q: %w", key, errNoShard)
	}
	return string(p) + "{" + key + "}", nil
}

// without returns the key that was put under the prefix.
func (p prefix) without(key string) string {
	rest, ok := strings.CutPrefix(key, string(p))
	switch {
	case !ok || !strings.HasPrefix(rest, "{") || !braced(rest):
		return rest
	case strings.IndexByte(rest, '}') == len(rest)-1:
		return rest[1 : len(rest)-1]
	}
	return rest[:len(rest)-1]
}

// braced tells whether nothing but closing braces is behind the first one of
// a key that begins with one.
func braced(key string) bool {
	shut := strings.IndexByte(key, '}')
	return shut >= 0 && strings.Trim(key[shut:], "}") == ""
}

// wrapped is a command whose keys are under the prefix for as long as it is
// under way.
type wrapped struct {
	cmd  redis.Cmder
	keys []wrappedKey
	few  [2]wrappedKey // most commands have one
}

// wrappedKey is one key of a command.
type wrappedKey struct {
	at    int
	was   any // the argument
	plain string
}

// wrap puts the prefix on the command's keys, or on none if it cannot.
func (p prefix) wrap(w *wrapped, cmd redis.Cmder) error {
	w.cmd, w.keys = cmd, w.few[:0]
	args := cmd.Args()
	var first error
	rediscmd.KeysAt(cmd, func(at int) {
		plain := rediscmd.Word(args[at])
		key, err := p.of(plain)
		if err != nil {
			if first == nil {
				first = err
			}
			return
		}
		w.keys = append(w.keys, wrappedKey{at, args[at], plain})
		args[at] = key
	})
	if first != nil {
		w.unwrap(p)
	}
	return first
}

// unwrap gives the command its own arguments back, and its reply the keys
// that the caller knows.
func (w *wrapped) unwrap(p prefix) {
	p.unwrapReply(w.cmd)
	args := w.cmd.Args()
	for _, k := range w.keys {
		args[k.at] = k.was
	}
}

// unwrapReply takes the prefix off keys in a reply. Commands with such a
// reply of another type are refused.
func (p prefix) unwrapReply(cmd redis.Cmder) {
	if cmd.Err() != nil {
		return
	}
	switch c := cmd.(type) {
	case *redis.XStreamSliceCmd:
		for i := range c.Val() {
			c.Val()[i].Stream = p.without(c.Val()[i].Stream)
		}
	case *redis.KeyValuesCmd:
		key, values := c.Val()
		c.SetVal(p.without(key), values)
	case *redis.ZSliceWithKeyCmd:
		key, values := c.Val()
		c.SetVal(p.without(key), values)
	}
}

// ErrRefused is wrapped by the error of a command that was not sent, because
// it acts on more than the keys that it names, or may.
var ErrRefused = errors.New("refused on live Redis, where a run must not touch what is not its own")

// allow returns nil if a command touches only the keys that it names, or none.
func allow(cmd redis.Cmder) error {
	name, args := cmd.Name(), cmd.Args()
	c, first := rediscmd.Of(name), wordAt(args, 1)
	switch word := c.Reaches(len(args), func(i int) string { return rediscmd.Word(args[i]) }); {
	case c.Has(rediscmd.Harmless):
		if c.Subcommands == nil || slices.Contains(c.Subcommands, first) {
			return nil
		}
		return refuse(name+" "+first, c.Why)
	case !c.Has(rediscmd.Sent):
		return refuse(name, c.Why)
	case slices.Contains(c.Keyless, first), name == "memory" && first != "usage":
		return refuse(name+" "+first, "it names no key")
	case keysInReply(cmd):
		return refuse(name, "its reply holds keys, which only the commands with a type of their own take the prefix off")
	case word != "":
		return refuse(name+" … "+word, "it reaches beyond the keys that it names")
	case c.Has(rediscmd.Script) && wordAt(args, 2) == "0":
		return refuse(name, "a script must name its keys")
	}
	keys := 0
	rediscmd.KeysAt(cmd, func(int) { keys++ })
	if keys == 0 {
		return refuse(name, "it names no key")
	}
	return nil
}

// keysInReply tells whether a reply holds keys and has no type that says
// where.
func keysInReply(cmd redis.Cmder) bool {
	typed := true
	switch cmd.Name() {
	case "xread", "xreadgroup":
		_, typed = cmd.(*redis.XStreamSliceCmd)
	case "lmpop":
		_, typed = cmd.(*redis.KeyValuesCmd)
	case "zmpop":
		_, typed = cmd.(*redis.ZSliceWithKeyCmd)
	}
	return !typed
}

func refuse(what, why string) error {
	if why == "" {
		why = "it is not known to touch only the keys that it names"
	}
	return fmt.Errorf("%s: %w: %s", strings.ToUpper(strings.TrimSpace(what)), ErrRefused, why)
}

// wordAt returns an argument in lower case, "" if there is none.
func wordAt(args []any, at int) string {
	if at >= len(args) {
		return ""
	}
	return strings.ToLower(rediscmd.Word(args[at]))
}
