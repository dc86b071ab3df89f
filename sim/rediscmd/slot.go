package rediscmd

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

// Slots is the number of slots of every Redis Cluster.
const Slots = 16384

// Slot returns the slot of a key in a Redis Cluster: CRC-16 (XMODEM) of what is
// between the first { and the next }, of the whole key where that is nothing.
func Slot(key string) int {
	if _, behind, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(behind, "}"); ok && tag != "" {
			key = tag
		}
	}
	sum := uint16(0)
	for i := range len(key) {
		sum ^= uint16(key[i]) << 8
		for range 8 {
			carry := sum&0x8000 != 0
			if sum <<= 1; carry {
				sum ^= 0x1021
			}
		}
	}
	return int(sum) % Slots
}

// Crossing returns two keys of commands that are in different slots; false where
// all are in one.
func Crossing[T redis.Cmder](cmds ...T) (keys [2]string, crosses bool) {
	n, slot := 0, 0
	for _, cmd := range cmds {
		args := cmd.Args()
		KeysAt(cmd, func(at int) {
			key := Word(args[at])
			switch n++; n {
			case 1: // of most commands the only one
				keys[0] = key
				return
			case 2:
				slot = Slot(keys[0])
			}
			if !crosses && Slot(key) != slot {
				keys[1], crosses = key, true
			}
		})
	}
	return keys, crosses
}
