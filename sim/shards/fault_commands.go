package shards

import (
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// The commands that Redis 7.0 marks as writing, and those of them that it
// refuses at maxmemory. A test compares them with a redis-server.
var (
	denyOOM = wordSet(`append bitfield bitop blmove brpoplpush copy decr decrby geoadd georadius georadiusbymember geosearchstore
	getset hincrby hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert lmove lpush lpushx lset mset msetnx pfadd
	pfdebug pfmerge psetex restore restore-asking rpoplpush rpush rpushx sadd sdiffstore set setbit setex setnx setrange
	sinterstore sort sunionstore xadd xsetid zadd zdiffstore zincrby zinterstore zrangestore zunionstore`)
	freeing = wordSet(`blmpop blpop brpop bzmpop bzpopmax bzpopmin del expire expireat flushall flushdb getdel getex hdel lmpop
	lpop lrem ltrim migrate move persist pexpire pexpireat rename renamenx rpop smove spop srem swapdb unlink xack xautoclaim
	xclaim xdel xreadgroup xtrim zmpop zpopmax zpopmin zrem zremrangebylex zremrangebyrank zremrangebyscore`)
)

const (
	readOnlyText    = "READONLY You can't write against a read only replica."
	outOfMemoryText = "OOM command not allowed when used memory > 'maxmemory'."
	abortedText     = "EXECABORT Transaction discarded because of previous errors."
)

// refusal says why a command of that lower-case name is not executed, "" when
// it is. Redis 7 starts any script without flags of its own: what it refuses
// is the command that the script calls; and not at maxmemory if the script has
// written before.
func (t *trouble) refusal(name string) string {
	switch {
	case t.readOnly && (denyOOM[name] || freeing[name]):
		return readOnlyText
	case t.outOfMemory && denyOOM[name] && !t.dirty:
		return outOfMemoryText
	}
	return ""
}

// refusalInTransaction is of commands after MULTI. At maxmemory Redis queues
// none.
func (t *trouble) refusalInTransaction(name string) string {
	if t.outOfMemory && name != "discard" && name != "exec" && name != "multi" && name != "watch" {
		return outOfMemoryText
	}
	return t.refusal(name)
}

// guard lets every command, also one that a script calls, pass by refusal
// while there is something to refuse.
func (s *Shard) guard() {
	if !s.readOnly && !s.outOfMemory {
		s.srv.SetPreHook(nil)
		return
	}
	s.srv.SetPreHook(func(p *server.Peer, cmd string, _ ...string) bool {
		name := strings.ToLower(cmd)
		if text := s.refusal(name); text != "" {
			p.WriteError(text)
			return true
		}
		s.dirty = s.dirty || denyOOM[name] || freeing[name]
		return false
	})
}
