package scenarios

// Population of keys: exactly one of the kinds. As says how a key's number
// is written out.
type Population struct {
	As string `yaml:"as" doc:"how a key is written: name (population-17), id (17), ipv4, ipv6, domain (population-17.test); from_trace keeps the trace's own" default:"name" enum:"name,id,ipv4,ipv6,domain"`

	Uniform   *UniformKeys  `yaml:"uniform" one:"of" doc:"n keys, equally likely"`
	Zipf      *ZipfKeys     `yaml:"zipf" one:"of" doc:"n keys, the k-th with probability ∝ k^−s"`
	HotSet    *HotSetKeys   `yaml:"hot_set" one:"of" doc:"a few hot keys take a fixed share, the others the rest"`
	Fresh     *struct{}     `yaml:"fresh" one:"of" doc:"a new key each time"`
	Churn     *ChurnKeys    `yaml:"churn" one:"of" doc:"keys arrive at a rate and live a distributed time; a request picks a living one"`
	Growing   *GrowingKeys  `yaml:"growing" one:"of" doc:"Heaps' law: the number of distinct keys grows as k·nᵇ with the draws n"`
	Sequence  *SequenceKeys `yaml:"sequence" one:"of" doc:"keys 0, 1, …, n−1 in turn"`
	FromTrace *TraceKeys    `yaml:"from_trace" one:"of" doc:"keys with the frequencies of a file"`
	Mix       []MixKeys     `yaml:"mix" one:"of" doc:"weighted mixture of other populations"`
	Derive    *DerivedKeys  `yaml:"derive" one:"of" doc:"computed from another population's draw of the same request"`
}

// UniformKeys are N equally likely keys.
type UniformKeys struct {
	N Count `yaml:"n" doc:"number of keys" required:"true" min:"1"`
}

// ZipfKeys have finite support N and any exponent S ≥ 0.
type ZipfKeys struct {
	N Count  `yaml:"n" doc:"number of keys" required:"true" min:"1"`
	S Number `yaml:"s" doc:"exponent; 0 is uniform" required:"true" min:"0"`
}

// HotSetKeys give Share of all draws to Hot of N keys.
type HotSetKeys struct {
	N     Count    `yaml:"n" doc:"number of keys" required:"true" min:"1"`
	Hot   Count    `yaml:"hot" doc:"number of hot keys, less than n" required:"true" min:"1"`
	Share Fraction `yaml:"share" doc:"share of the draws that goes to hot keys" required:"true"`
}

// ChurnKeys arrive at Arrivals and live a Lifetime. Start keys live at time 0.
type ChurnKeys struct {
	Arrivals Rate         `yaml:"arrivals" doc:"rate of new keys" required:"true" min:"exclusive 0"`
	Lifetime Distribution `yaml:"lifetime" doc:"how long a key lives" required:"true"`
	Start    Count        `yaml:"start" doc:"keys alive at the start; left out: arrivals × mean lifetime"`
}

// GrowingKeys follow Heaps' law: after n draws about K·n^B distinct keys.
type GrowingKeys struct {
	K Number `yaml:"k" doc:"factor" default:"1" min:"exclusive 0"`
	B Number `yaml:"b" doc:"exponent, in (0, 1)" required:"true" min:"exclusive 0" max:"exclusive 1"`
}

// SequenceKeys count through N keys.
type SequenceKeys struct {
	N Count `yaml:"n" doc:"number of keys" required:"true" min:"1"`
}

// TraceKeys are drawn with the frequencies of a file's key field.
type TraceKeys struct {
	File     string `yaml:"file" doc:"path, relative to the scenario file; access-log-sample is built in" required:"true"`
	Format   string `yaml:"format" doc:"format of the file" default:"combined" enum:"combined,csv,jsonl"`
	KeyField string `yaml:"key_field" doc:"column or field of the key; combined logs: host, user, path, agent" default:"host"`
}

// MixKeys is one part of a mixture.
type MixKeys struct {
	Keys   string `yaml:"keys" doc:"population" required:"true"`
	Weight Number `yaml:"weight" doc:"relative weight" default:"1" min:"exclusive 0"`
}

// DerivedKeys map the key that the same request drew from another
// population: prefix cuts an address to a range, groups spreads ids over so
// many groups, size puts so many consecutive ids into one group.
type DerivedKeys struct {
	From   string `yaml:"from" doc:"population" required:"true"`
	Prefix Count  `yaml:"prefix" one:"by" doc:"address range of so many bits, e.g. 48" min:"1" max:"128"`
	Groups Count  `yaml:"groups" one:"by" doc:"so many groups: id modulo groups" min:"1"`
	Size   Count  `yaml:"size" one:"by" doc:"so many ids to a group: id divided by size" min:"1"`
}
