package rediscmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Prefix is what all keys of one system begin with.
type Prefix string

// Check refuses two kinds of prefixes: braces would be the hash tag of every key, and without a prefix all
// keys of a database would be the run's.
func (p Prefix) Check() error {
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

// Of returns the key under the prefix, on the shard or slot that it has
// without: what is hashed, its hash tag or all of it, stays the same. A key
// without a hash tag is put in braces; so that it is not taken for one that
// had them, that one ends in a brace more.
func (p Prefix) Of(key string) (string, error) {
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

// Without returns the key that was put under the prefix.
func (p Prefix) Without(key string) string {
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

// Wrapped is a command whose keys are under the prefix for as long as it is
// under way.
type Wrapped struct {
	Cmd  redis.Cmder
	Keys []WrappedKey
	few  [2]WrappedKey // most commands have one
}

// WrappedKey is one key of a command.
type WrappedKey struct {
	at    int
	was   any    // the argument
	Plain string // the key without the prefix
}

// Wrap puts the prefix on the command's keys, or on none if it cannot.
func (p Prefix) Wrap(w *Wrapped, cmd redis.Cmder) error {
	w.Cmd, w.Keys = cmd, w.few[:0]
	args := cmd.Args()
	var first error
	KeysAt(cmd, func(at int) {
		plain := Word(args[at])
		key, err := p.Of(plain)
		if err != nil {
			if first == nil {
				first = err
			}
			return
		}
		w.Keys = append(w.Keys, WrappedKey{at, args[at], plain})
		args[at] = key
	})
	if first != nil {
		w.Unwrap(p)
	}
	return first
}

// Unwrap gives the command its own arguments back, and its reply the keys
// that the caller knows.
func (w *Wrapped) Unwrap(p Prefix) {
	p.unwrapReply(w.Cmd)
	args := w.Cmd.Args()
	for _, k := range w.Keys {
		args[k.at] = k.was
	}
}

// unwrapReply takes the prefix off keys in a reply. Commands with such a
// reply of another type are refused.
func (p Prefix) unwrapReply(cmd redis.Cmder) {
	if cmd.Err() != nil {
		return
	}
	switch c := cmd.(type) {
	case *redis.XStreamSliceCmd:
		for i := range c.Val() {
			c.Val()[i].Stream = p.Without(c.Val()[i].Stream)
		}
	case *redis.KeyValuesCmd:
		key, values := c.Val()
		c.SetVal(p.Without(key), values)
	case *redis.ZSliceWithKeyCmd:
		key, values := c.Val()
		c.SetVal(p.Without(key), values)
	}
}

// WrapAll puts the prefix on the keys of several commands, or of none.
func (p Prefix) WrapAll(cmds []redis.Cmder) ([]Wrapped, error) {
	all := make([]Wrapped, len(cmds))
	for i, cmd := range cmds {
		if err := p.Wrap(&all[i], cmd); err != nil {
			p.UnwrapAll(all[:i])
			return nil, err
		}
	}
	return all, nil
}

// UnwrapAll undoes WrapAll.
func (p Prefix) UnwrapAll(all []Wrapped) {
	for i := range all {
		all[i].Unwrap(p)
	}
}
