package realredis

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

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
