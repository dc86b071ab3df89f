package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
)

// SurveySpec asks where a number of distinct keys go.
type SurveySpec struct {
	Keys       int      // distinct keys, at least 1
	Names      []string // a client's names of the shards
	OtherNames []string // a second client's names of the same shards, nil: no second client
}

// Survey is where the Ring of one client puts keys, and whether every way of
// reading finds what every way of writing left. How even the counts are is
// for results/summary to say.
type Survey struct {
	Names  []string
	Counts []int64 // distinct keys by shard, in the order of Names

	PipelinedReads Agreement // pipelined reads of keys written singly
	SingleReads    Agreement // single reads of keys written by pipeline
	Other          *Agreement
}

// Agreement counts keys that a reader found, and that it looked for on the
// shard that the writer wrote them to.
type Agreement struct {
	Keys, Found, SameShard int64
}

// Complete tells whether reader and writer agree on every key.
func (a Agreement) Complete() bool { return a.Found == a.Keys && a.SameShard == a.Keys }

// surveyChunk keys are written, read and deleted before the next ones, so
// that memory does not grow with their number. It is one pipeline.
const surveyChunk = 100

// Take performs the survey on embedded shards in virtual time, by real
// writes and reads through a *redis.Ring for each client.
func (spec SurveySpec) Take() (s Survey, err error) {
	if spec.Keys < 1 {
		return s, fmt.Errorf("expected at least 1 key, found %d", spec.Keys)
	}
	if err := checkNames(spec.Names); err != nil {
		return s, err
	}
	if spec.OtherNames != nil {
		if err := checkNames(spec.OtherNames); err != nil {
			return s, fmt.Errorf("the other client: %w", err)
		}
		if len(spec.OtherNames) != len(spec.Names) {
			return s, fmt.Errorf("the other client names %d shards, expected %d: both name the same shards", len(spec.OtherNames), len(spec.Names))
		}
	}
	sched := clock.New(time.Unix(0, 0))
	fleet, err := NewFleet(sched, Spec{
		Names: spec.Names, Service: network.Constant(0), Scripts: network.Constant(0), Stream: surveyStream,
	})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	v := surveyor{spec: spec, survey: Survey{Names: spec.Names, Counts: make([]int64, len(spec.Names))}}
	if v.first, err = v.ring(fleet, spec.Names); err != nil {
		return s, err
	}
	if spec.OtherNames != nil {
		v.survey.Other = &Agreement{}
		if v.other, err = v.ring(fleet, spec.OtherNames); err != nil {
			return s, err
		}
	}
	sched.Go(func(*clock.Proc) { err = v.all() })
	sched.Run()
	return v.survey, err
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return errors.New("expected at least one shard")
	}
	for i, n := range names {
		if n == "" {
			return fmt.Errorf("shard %d of %d has an empty name", i+1, len(names))
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("two shards are named %q: a Ring knows its shards by name", n)
		}
	}
	return nil
}

// surveyStream is for delays, which are constant here, and for commands
// without a key, of which there are none: nothing is drawn.
func surveyStream(string) *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

// surveyor is a survey under way.
type surveyor struct {
	spec         SurveySpec
	first, other *redis.Ring
	survey       Survey
}

func (v *surveyor) ring(f *Fleet, names []string) (*redis.Ring, error) {
	rtt := make([]network.Distribution, len(names))
	for i := range rtt {
		rtt[i] = network.Constant(0)
	}
	return f.Ring(ClientSpec{ShardNames: names, RTT: rtt, Stream: surveyStream})
}

func (v *surveyor) all() error {
	for from := 0; from < v.spec.Keys; from += surveyChunk {
		keys := make([]string, min(surveyChunk, v.spec.Keys-from))
		for i := range keys {
			keys[i] = "key-" + strconv.Itoa(from+i)
		}
		if err := v.chunk(keys); err != nil {
			return err
		}
	}
	return nil
}

// chunk writes keys singly and reads them by pipeline, then the other way
// around, and lets the other client read what is there.
func (v *surveyor) chunk(keys []string) error {
	singly, err := touchSingly(v.first, keys, set)
	if err != nil {
		return err
	}
	for _, t := range singly {
		v.survey.Counts[slices.Index(v.spec.Names, t.Shard)]++
	}
	read, err := touchPipelined(v.first, keys, get)
	if err != nil {
		return err
	}
	v.survey.PipelinedReads.add(singly, read)
	if v.other != nil {
		if read, err = touchSingly(v.other, keys, get); err != nil {
			return err
		}
		v.survey.Other.add(singly, read)
	}
	if _, err = touchPipelined(v.first, keys, del); err != nil {
		return err
	}
	pipelined, err := touchPipelined(v.first, keys, set)
	if err != nil {
		return err
	}
	if read, err = touchSingly(v.first, keys, get); err != nil {
		return err
	}
	v.survey.SingleReads.add(pipelined, read)
	_, err = touchSingly(v.first, keys, del)
	return err
}

func (a *Agreement) add(written, read []KeyTouch) {
	for i, w := range written {
		a.Keys++
		if read[i].State == record.Found {
			a.Found++
		}
		if read[i].Shard == w.Shard {
			a.SameShard++
		}
	}
}

// set writes a key. It, get and del are the commands of a survey.
func set(ctx context.Context, c redis.Cmdable, key string) { c.Set(ctx, key, key, 0) }
func get(ctx context.Context, c redis.Cmdable, key string) { c.Get(ctx, key) }
func del(ctx context.Context, c redis.Cmdable, key string) { c.Del(ctx, key) }

// touchSingly sends one command a key, each on its own, and returns where
// each went and what it found there.
func touchSingly(ring *redis.Ring, keys []string, command func(context.Context, redis.Cmdable, string)) ([]KeyTouch, error) {
	trace := NewTrace(context.Background())
	for _, key := range keys {
		command(trace, ring, key)
	}
	return touches(trace, keys)
}

// touchPipelined sends all commands in one pipeline.
func touchPipelined(ring *redis.Ring, keys []string, command func(context.Context, redis.Cmdable, string)) ([]KeyTouch, error) {
	trace := NewTrace(context.Background())
	pipe := ring.Pipeline()
	for _, key := range keys {
		command(trace, pipe, key)
	}
	if _, err := pipe.Exec(trace); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("pipeline of %d commands: %w", len(keys), err)
	}
	return touches(trace, keys)
}

// touches puts what a trace saw into the order of the keys: a pipeline
// reaches them shard by shard.
func touches(trace *Trace, keys []string) ([]KeyTouch, error) {
	byKey := make(map[string]KeyTouch, len(keys))
	for _, t := range trace.Keys {
		byKey[t.Key] = t
	}
	out := make([]KeyTouch, len(keys))
	for i, key := range keys {
		t, ok := byKey[key]
		if !ok {
			return nil, fmt.Errorf("key %s reached no shard", key)
		}
		out[i] = t
	}
	return out, nil
}
