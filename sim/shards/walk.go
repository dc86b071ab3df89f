package shards

import "github.com/redis/go-redis/v9"

// What a hook on live shards needs to know of commands.

// KeysAt calls yield for the position of each key among a command's
// arguments, as far as the table of commands tells: of a command that it does
// not hold, the first argument.
func KeysAt(cmd redis.Cmder, yield func(at int)) {
	name, args := cmd.Name(), cmd.Args()
	keysAt(name, effectOf(name), len(args), func(i int) string { return word(args[i]) }, yield)
}

// RoutingKey returns the key that a Ring routes a command by, false where it
// takes a shard at random.
func RoutingKey(cmd redis.Cmder, pipelined bool) (string, bool) {
	args := cmd.Args()
	return routingKey(cmd.Name(), pipelined, len(args), func(i int) string { return word(args[i]) })
}

// IsScript tells whether the command of that lower-case name runs a script.
func IsScript(name string) bool { return effects[name]&scripted != 0 }

// Word returns an argument as it goes over the wire, for keys and names.
func Word(arg any) string { return word(arg) }
