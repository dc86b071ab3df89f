package redisdata

import "slices"

// Watch is what a client watches, and whether one of it was changed since.
type Watch struct {
	keys  []*watching
	dirty bool
}

// watching is a key that a client watches.
type watching struct {
	of  *Watch
	db  *database
	key string
}

// Add watches keys of a database.
func (w *Watch) Add(s *Store, db int, keys []string) {
	in := s.dbs[db]
	for _, key := range keys {
		if slices.ContainsFunc(w.keys, func(k *watching) bool { return k.key == key && k.db == in }) {
			continue
		}
		k := &watching{of: w, db: in, key: key}
		if in.watched == nil {
			in.watched = map[string][]*watching{}
		}
		in.watched[key] = append(in.watched[key], k)
		w.keys = append(w.keys, k)
	}
}

// IsDirty reports whether a watched key was changed.
func (w *Watch) IsDirty() bool { return w.dirty }

// Clear ends the watching.
func (w *Watch) Clear() {
	for _, k := range w.keys {
		left := slices.DeleteFunc(k.db.watched[k.key], func(o *watching) bool { return o == k })
		if len(left) == 0 {
			delete(k.db.watched, k.key)
		} else {
			k.db.watched[k.key] = left
		}
	}
	w.keys, w.dirty = nil, false
}

// touch makes the transactions of those fail that watch a key.
func (db *database) touch(key string) {
	if len(db.watched) == 0 {
		return
	}
	for _, k := range db.watched[key] {
		k.of.dirty = true
	}
}
