package fakeredis_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/fakeredis"
)

func TestSurvey(t *testing.T) {
	const keys = 1000
	tests := []struct {
		why      string
		names    []string
		other    []string
		sharesLo float64 // of keys on which the other client agrees
		sharesHi float64
	}{
		{"one shard holds everything, whatever its name", []string{"a"}, []string{"b"}, 1, 1},
		{"equal names agree on every key", []string{"a", "b"}, []string{"a", "b"}, 1, 1},
		{"swapped names disagree on every key", []string{"a", "b"}, []string{"b", "a"}, 0, 0},
		{"strange names agree by chance, 1/2; within 5 standard deviations", []string{"a", "b"}, []string{"c", "d"}, 0.42, 0.58},
		{"strange names agree by chance, 1/4; within 5 standard deviations", []string{"a", "b", "c", "d"}, []string{"e", "f", "g", "h"}, 0.18, 0.32},
	}
	for _, tt := range tests {
		s, err := fakeredis.SurveySpec{Keys: keys, Names: tt.names, OtherNames: tt.other}.Take()
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		total := int64(0)
		for _, c := range s.Counts {
			total += c
		}
		if total != keys {
			t.Errorf("%s: counts %v add up to %d, expected %d", tt.why, s.Counts, total, keys)
		}
		mean := keys / float64(len(s.Counts))
		for _, c := range s.Counts {
			if math.Abs(float64(c)-mean) > 5*math.Sqrt(mean) {
				t.Errorf("%s: counts %v, expected %.0f each within 5 standard deviations", tt.why, s.Counts, mean)
			}
		}
		whole := fakeredis.Agreement{Keys: keys, Found: keys, SameShard: keys}
		if s.PipelinedReads != whole || s.SingleReads != whole {
			t.Errorf("%s: pipelined reads %+v, single reads %+v, expected %+v", tt.why, s.PipelinedReads, s.SingleReads, whole)
		}
		if s.Other.Found != s.Other.SameShard {
			t.Errorf("%s: found %d keys but looked on the right shard for %d", tt.why, s.Other.Found, s.Other.SameShard)
		}
		if share := float64(s.Other.SameShard) / keys; share < tt.sharesLo || share > tt.sharesHi {
			t.Errorf("%s: agrees on %g of the keys, expected %g to %g", tt.why, share, tt.sharesLo, tt.sharesHi)
		}
	}
}

// TestSurveyChunks: numbers of keys around the size of a chunk.
func TestSurveyChunks(t *testing.T) {
	for _, keys := range []int{1, 99, 100, 101} {
		s, err := fakeredis.SurveySpec{Keys: keys, Names: []string{"a", "b", "c"}}.Take()
		if err != nil {
			t.Fatal(err)
		}
		if s.PipelinedReads.Keys != int64(keys) || !s.PipelinedReads.Complete() || !s.SingleReads.Complete() || s.Other != nil {
			t.Errorf("%d keys: %+v", keys, s)
		}
	}
}

func TestSurveyDeterminism(t *testing.T) {
	spec := fakeredis.SurveySpec{Keys: 500, Names: []string{"a", "b", "c"}, OtherNames: []string{"x", "y", "z"}}
	first, err := spec.Take()
	if err != nil {
		t.Fatal(err)
	}
	again, err := spec.Take()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
}

func TestSurveyRefuses(t *testing.T) {
	tests := []struct {
		why, want string
		spec      fakeredis.SurveySpec
	}{
		{"nothing to survey", "expected at least 1 key, found 0", fakeredis.SurveySpec{Names: []string{"a"}}},
		{"nowhere to put it", "expected at least one shard", fakeredis.SurveySpec{Keys: 1}},
		{"a Ring cannot tell them apart", `two shards are named "a": a Ring knows its shards by name`, fakeredis.SurveySpec{Keys: 1, Names: []string{"a", "a"}}},
		{"a stray comma", "shard 2 of 2 has an empty name", fakeredis.SurveySpec{Keys: 1, Names: []string{"a", ""}}},
		{"another fleet", "the other client names 1 shards, expected 2: both name the same shards",
			fakeredis.SurveySpec{Keys: 1, Names: []string{"a", "b"}, OtherNames: []string{"a"}}},
		{"mistakes in the other names", `the other client: two shards are named "c": a Ring knows its shards by name`,
			fakeredis.SurveySpec{Keys: 1, Names: []string{"a", "b"}, OtherNames: []string{"c", "c"}}},
	}
	for _, tt := range tests {
		_, err := tt.spec.Take()
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, expected %q", tt.why, err, tt.want)
		}
	}
}
