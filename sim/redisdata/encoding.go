package redisdata

// What a small value may have, so that Redis packs it.
const (
	packedItems = 128
	packedText  = 64 // bytes
	embedded    = 44 // bytes of a string that is kept beside its object
)

// making is how a string came about, by which Redis packs it or does not.
type making uint8

const (
	whole   making = iota
	asText         // also where it is an integer
	inPlace        // changed where it was
)

// encoding returns the name of how Redis keeps a value.
func (e *entry) encoding() string {
	switch v := e.value.(type) {
	case *hash:
		if v.large {
			return "hashtable"
		}
		return "listpack"
	case *list:
		return "quicklist"
	case *set:
		if v.mixed {
			return "hashtable"
		}
		return "intset"
	case *zset:
		if v.large {
			return "skiplist"
		}
		return "listpack"
	case *stream:
		return "stream"
	}
	switch {
	case e.made == inPlace || e.value != nil:
		return "raw"
	case e.made == whole && isText(e.text):
		return "int"
	case len(e.text) <= embedded:
		return "embstr"
	}
	return "raw"
}
