package record

// LimitTable finds the limit that applies to a key.
type LimitTable struct {
	defaults  map[string]Limit
	overrides map[limitKey]Limit
}

type limitKey struct{ limit, key string }

// Table returns the limits and overrides of l, indexed.
func (l Limiter) Table() *LimitTable {
	t := &LimitTable{defaults: make(map[string]Limit, len(l.Limits)), overrides: make(map[limitKey]Limit, len(l.Overrides))}
	for _, d := range l.Limits {
		t.defaults[d.Name] = d
	}
	for _, o := range l.Overrides {
		t.overrides[limitKey{o.Name, o.Key}] = o
	}
	return t
}

// For returns the limit of that name for key: its override, else the limit
// itself, else false.
func (t *LimitTable) For(name, key string) (Limit, bool) {
	if o, ok := t.overrides[limitKey{name, key}]; ok {
		return o, true
	}
	d, ok := t.defaults[name]
	return d, ok
}
