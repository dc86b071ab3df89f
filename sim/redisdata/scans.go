package redisdata

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// scanOptions are what stands behind a cursor.
type scanOptions struct {
	pattern, typeName string
}

// scanned reads the cursor and the options of SCAN and its like. All that
// there is comes in one reply, which ends the scan: how much comes at a time
// is Redis' to choose.
func (s *Store) scanned(w []string, types bool) (o scanOptions) {
	o.pattern = "*"
	if _, ok := parseUnsigned(w[0]); !ok {
		s.fail("ERR invalid cursor")
	}
	for i := 1; i < len(w); i += 2 {
		if i+1 == len(w) {
			s.fail(syntax)
		}
		switch word := strings.ToLower(w[i]); {
		case word == "count":
			n := s.number(w[i+1])
			if n < 1 {
				s.fail(syntax)
			}
		case word == "match":
			o.pattern = w[i+1]
		case word == "type" && types:
			o.typeName = strings.ToLower(w[i+1])
		default:
			s.fail(syntax)
		}
	}
	return o
}

// sayScanned answers with what was found; of each texts,
// the first is the name.
func (s *Store) sayScanned(o scanOptions, texts []string, each int) {
	var found []string
	for i := 0; i < len(texts); i += each {
		if rediscmd.Matches(o.pattern, texts[i]) {
			found = append(found, texts[i:i+each]...)
		}
	}
	s.length(2)
	s.bulk("0")
	s.bulks(found)
}

func (s *Store) scan(w []string) {
	o := s.scanned(w[1:], true)
	keys := s.db.sorted()
	if o.typeName != "" {
		keys = slices.DeleteFunc(keys, func(key string) bool { return s.find(key).typeName() != o.typeName })
	}
	s.sayScanned(o, keys, 1)
}

func (s *Store) hscan(w []string) {
	h := s.hashOf(w[1])
	o := s.scanned(w[2:], false)
	var texts []string
	for _, name := range h.order {
		texts = append(texts, name, h.values[name])
	}
	s.sayScanned(o, texts, 2)
}

func (s *Store) sscan(w []string) {
	t := s.setOf(w[1])
	o := s.scanned(w[2:], false)
	s.sayScanned(o, t.members(), 1)
}

func (s *Store) zscan(w []string) {
	z := s.zsetOf(w[1])
	o := s.scanned(w[2:], false)
	var texts []string
	for _, x := range z.order {
		text := scoreText(x.score)
		if !z.large && math.Abs(x.score) < 1<<62 && x.score == math.Trunc(x.score) {
			text = strconv.FormatInt(int64(x.score), 10) // a packed score is an integer if it can be
		}
		texts = append(texts, x.member, text)
	}
	s.sayScanned(o, texts, 2)
}

// sortOptions are what stands behind the key of SORT.
type sortOptions struct {
	alpha, down   bool
	offset, count int64
	store         string
	stores        bool
}

func (s *Store) sortOptions(w []string, readOnly bool) (o sortOptions) {
	o.count = -1
	for i := 0; i < len(w); i++ {
		switch word, more := strings.ToLower(w[i]), len(w)-i-1; {
		case word == "asc":
			o.down = false
		case word == "desc":
			o.down = true
		case word == "alpha":
			o.alpha = true
		case word == "limit" && more >= 2:
			o.offset = s.number(w[i+1])
			o.count = s.number(w[i+2])
			i += 2
		case word == "store" && more >= 1 && !readOnly:
			i++
			o.store, o.stores = w[i], true
		case (word == "by" || word == "get") && more >= 1:
			s.refuse("SORT with " + word)
		default:
			s.fail(syntax)
		}
	}
	return o
}

func (s *Store) sort(w []string) {
	o := s.sortOptions(w[2:], strings.EqualFold(w[0], "sort_ro"))
	var texts []string
	if e := s.find(w[1]); e != nil {
		switch v := e.value.(type) {
		case *list:
			texts = slices.Clone(v.all())
		case *set:
			texts = slices.Clone(v.members())
		case *zset:
			for _, x := range v.order {
				texts = append(texts, x.member)
			}
		default:
			s.fail(wrongType)
		}
	}
	if !o.sort(texts) {
		s.fail("ERR One or more scores can't be converted into double")
	}
	texts = o.limit(texts)
	if o.stores {
		s.store(o.store, &list{items: texts}, len(texts))
	} else {
		s.bulks(texts)
	}
}

// sort sorts texts, by their numbers unless the options say otherwise; false
// where one is no number.
func (o sortOptions) sort(texts []string) bool {
	numbers := map[string]float64{}
	for _, t := range texts {
		f, ok := parseBound(t)
		if !ok || math.IsInf(f, 0) && !strings.Contains(strings.ToLower(t), "inf") {
			if !o.alpha {
				return false
			}
		}
		numbers[t] = f
	}
	slices.SortStableFunc(texts, func(a, b string) int {
		c := strings.Compare(a, b)
		switch {
		case o.alpha:
		case numbers[a] < numbers[b]:
			c = -1
		case numbers[a] > numbers[b]:
			c = 1
		}
		if o.down {
			return -c
		}
		return c
	})
	return true
}

func (o sortOptions) limit(texts []string) []string {
	offset := max(o.offset, 0)
	if offset >= int64(len(texts)) {
		return nil
	}
	texts = texts[offset:]
	if o.count >= 0 && o.count < int64(len(texts)) {
		texts = texts[:o.count]
	}
	return texts
}
