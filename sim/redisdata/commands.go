package redisdata

import (
	"fmt"
	"strings"
)

// command is how a command is executed. Its words include its name; a
// negative arity is the least number of words.
type command struct {
	arity     int
	container bool // its second word names what it does
	run       func(s *Store, w []string)
}

// Check returns the error with which Redis refuses a command before it is
// executed or queued, "" where it does not: there is no such command, or it
// has too many or too few words. name is its name in lower case.
func Check(name string, words []string) string {
	arity, ok := arities[name]
	if !ok {
		return unknown(words)
	}
	if containers[name] && len(words) > 1 {
		sub := strings.ToLower(words[1])
		if arity, ok = arities[name+"|"+sub]; !ok {
			return fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", words[1], strings.ToUpper(name))
		}
		name += "|" + sub
	}
	if arity > 0 && len(words) != arity || len(words) < -arity {
		return fmt.Sprintf("ERR wrong number of arguments for '%s' command", name)
	}
	return ""
}

// longestQuote is how much of an unknown command an error shows.
const longestQuote = 128

func unknown(words []string) string {
	var args strings.Builder
	for _, w := range words[1:] {
		if args.Len() >= longestQuote {
			break
		}
		fmt.Fprintf(&args, "'%s' ", w[:min(len(w), longestQuote-args.Len())])
	}
	return fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", words[0][:min(len(words[0]), longestQuote)], args.String())
}

// Execute executes a client's command and returns its reply, which is valid until the next command. name is its
// name in lower case.
func (s *Store) Execute(client *Client, name string, words []string) (reply []byte) {
	s.out, s.client = s.out[:0], client
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			s.failure(string(p))
			reply = s.out
		default:
			panic(p)
		}
	}()
	c, ok := commands[name]
	if !ok || c.container || len(words) != c.arity && (c.arity > 0 || len(words) < -c.arity) {
		if text := Check(name, words); text != "" {
			s.fail(text)
		}
	}
	if ok {
		s.db = s.dbs[client.DB]
		c.run(s, words)
	} else {
		s.refuse(name)
	}
	return s.out
}

// refuse answers a command of Redis that is not here.
func (s *Store) refuse(what string) {
	s.fail(fmt.Sprintf("ERR quotalab: the embedded shard does not have %s; shards with engine: redis do", strings.ToUpper(what)))
}

var commands = index()

// index builds the table of commands.
func index() map[string]command {
	all := map[string]command{}
	for _, group := range []map[string]func(*Store, []string){
		generic, stringCommands, bitCommands, hashCommands, listCommands, setCommands, zsetCommands, zstoreCommands, streamCommands, groupCommands, countCommands, serverCommands,
	} {
		for names, run := range group {
			for _, name := range strings.Fields(names) {
				all[name] = command{arities[name], containers[name], run}
			}
		}
	}
	return all
}
