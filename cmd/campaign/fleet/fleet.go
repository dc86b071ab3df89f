// Package fleet plays the cells of a sweep, or the worlds of a run, on workers: other processes, of
// this machine or of others, that take cells from a queue of NATS JetStream.
//
// In flow a campaign.Sweep that is open and the cells that it hands to its Runner (a cell
// may be one world); out flow their records, or what worlds came to, with the bytes that one
// process would have made of them.
//
//  1. The Coordinator writes down the Job (what the scenario's text and its traces
//     are, by content, and which build plays them) and publishes a message for
//     each cell, under the hash of its plan.
//  2. A Worker takes the Job if it is the same build and its floating point is the same, takes
//     cells one after another, compiles each and refuses to go on if the plan has
//     another hash. While it plays a cell, it says so; another worker gets
//     the cell when it has been silent for the Job's lease.
//  3. It stores the record in chunks under names that are never used twice, and then
//     commits the cell: a stream takes one commit a cell and refuses a second. A worker that
//     comes second compares: another content ends the sweep.
//  4. The Coordinator sees the commit, unpacks the record into the sweep's directory
//     and verifies it.
//
// The queue can be lost at any instant, and so can any process: what is in the sweep's
// directory or committed is not played again, the rest is published again. Nothing
// listens unless a Coordinator is told to. cmd imports it.
package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/portable"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
)

// Lease is how long a worker may be silent by default before its cell is another's.
const Lease = 15 * time.Second

// Job is what all workers of a sweep play. It names no path of any machine: the names of traces
// are only what the scenario calls them.
type Job struct {
	ID       string            `json:"id,omitempty"` // hash of the rest
	Scenario string            `json:"scenario"`     // for people
	Build    string            `json:"build"`        // SHA-256 of the program
	Probe    string            `json:"probe"`        // of its floating point
	Servers  string            `json:"servers,omitempty"`
	Text     content           `json:"text"`
	Traces   map[string]string `json:"traces"`   // SHA-256 by name
	Contents []content         `json:"contents"` // of the traces
	Lease    time.Duration     `json:"lease"`
	Worlds   int               `json:"worlds,omitempty"` // of the one plan that is played; 0: cells of a sweep are

	Seed        *uint64 `json:"seed,omitempty"`
	Trace       string  `json:"trace,omitempty"` // a name in Traces, which stands for a path
	Clock       string  `json:"clock,omitempty"`
	Engine      string  `json:"engine,omitempty"`
	AllowMemory bool    `json:"allowMemory,omitempty"`
}

// piece is what a worker takes of the job, and whole what they make.
func (j Job) piece() string {
	if j.Worlds > 0 {
		return "world"
	}
	return "cell"
}

func (j Job) whole() string {
	if j.Worlds > 0 {
		return "run of " + j.Scenario
	}
	return "sweep of " + j.Scenario
}

// content is bytes in the store, by their SHA-256.
type content struct {
	SHA    string `json:"sha"`
	Chunks int    `json:"chunks"`
}

// cellMessage is a cell in the queue.
type cellMessage struct {
	Hash     string              `json:"hash"`
	Place    int                 `json:"place"`
	Settings []scenarios.Setting `json:"settings"`
	Repeat   int                 `json:"repeat"`
	World    int                 `json:"world,omitempty"`
}

// commit is what a cell came to: the header of a message with the packed record, if that is
// small. It stands for the cell whatever happens later.
type commit struct {
	Worker string          `json:"worker"`
	Played campaign.Played `json:"played"`
	Run    sweep.Run       `json:"run"`
	Sum    string          `json:"sum"`              // of what every playing of the cell must come to
	Pack   content         `json:"pack"`             // of the packed record
	Name   string          `json:"name,omitempty"`   // of its chunks; "": it is in the message
	Failed string          `json:"failed,omitempty"` // why the cell has no record
	Status campaign.Status `json:"status,omitempty"` // of that
}

// hello is what a worker says when it joins.
type hello struct {
	Worker string `json:"worker"`
	Jobs   int    `json:"jobs"` // cells that it plays at once
}

// commitHeader holds a commit in JSON.
const commitHeader = "Quotalab-Commit"

// identity returns the hash of what is the same however often and wherever a cell is played.
func identity(of *campaign.Outcome) (string, error) {
	text, err := json.Marshal(struct {
		Record string
		Played campaign.Played
		Run    sweep.Run
	}{of.Record, of.Played, of.Run})
	return hashOf(text), err
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// queue is the streams of one job. They hold one message a subject, but for the commits
// of cells that came out differently.
type queue struct {
	js                       jetstream.JetStream
	id                       string
	cells, done, data, tries jetstream.Stream
}

// jobSubject has the Job of an account, and jobStream holds it.
const (
	jobSubject = "quotalab.job"
	jobStream  = "quotalab-job"
)

// consumer is the name of the one that all workers share.
const consumer = "workers"

func (q *queue) subject(parts string) string { return "quotalab." + q.id + "." + parts }
func (q *queue) stream(kind string) string   { return "quotalab-" + q.id + "-" + kind }

// The streams of a job: cells to be played, what became of them, records and what
// workers need, and how often a cell was begun.
const (
	cellsStream = "cells"
	doneStream  = "done"
	dataStream  = "data"
	triesStream = "tries"
)

// once is the code of the error of a message whose subject has one already.
const once jetstream.ErrorCode = 10077

func isOnce(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == once
}

// A request is tried for tryFor, and again after tryAgain.
const (
	tryFor   = 5 * time.Second
	tryAgain = 200 * time.Millisecond
)

// again calls f until it succeeds or ctx ends. An election of replicas, a reconnect or the restart
// of a server passes.
func again(ctx context.Context, f func(context.Context) error) error {
	for {
		one, cancel := context.WithTimeout(ctx, tryFor)
		err := f(one)
		cancel()
		if err == nil {
			return nil
		}
		if clock.Sleep(ctx, tryAgain) != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// upFor is how long streams may take to be made: replicas elect leaders first.
const upFor = 30 * time.Second

// create makes the streams that are not there.
func (q *queue) create(ctx context.Context, replicas int, lease time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, upFor)
	defer cancel()
	for _, s := range []struct {
		kind string
		to   *jetstream.Stream
		jetstream.StreamConfig
	}{
		{cellsStream, &q.cells, jetstream.StreamConfig{Subjects: []string{q.subject("cell.*")}, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true}},
		{doneStream, &q.done, jetstream.StreamConfig{Subjects: []string{q.subject("done.*"), q.subject("differs.*")}, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true}},
		{dataStream, &q.data, jetstream.StreamConfig{Subjects: []string{q.subject("data.>"), q.subject("content.>")}, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true}},
		{triesStream, &q.tries, jetstream.StreamConfig{Subjects: []string{q.subject("try.*")}}},
	} {
		c := s.StreamConfig
		c.Name, c.Replicas, c.MaxMsgsPerSubject, c.AllowDirect, c.Duplicates = q.stream(s.kind), replicas, 1, true, time.Second
		if err := again(ctx, func(ctx context.Context) (err error) {
			*s.to, err = q.js.CreateOrUpdateStream(ctx, c)
			return err
		}); err != nil {
			return fmt.Errorf("making the stream %s: %w", c.Name, err)
		}
	}
	return again(ctx, func(ctx context.Context) error {
		_, err := q.cells.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: lease,
			MaxAckPending: mostPending, MaxDeliver: -1, MaxWaiting: mostPending})
		return err
	})
}

// mostPending is more than there are slots of workers.
const mostPending = 100_000

// open finds the streams that a coordinator has made.
func (q *queue) open(ctx context.Context) (err error) {
	for kind, to := range map[string]*jetstream.Stream{doneStream: &q.done, dataStream: &q.data, triesStream: &q.tries} {
		if *to, err = q.js.Stream(ctx, q.stream(kind)); err != nil {
			return err
		}
	}
	return nil
}

func (q *queue) drop(ctx context.Context) error {
	var errs []error
	for _, kind := range []string{cellsStream, doneStream, dataStream, triesStream} {
		if err := q.js.DeleteStream(ctx, q.stream(kind)); !errors.Is(err, jetstream.ErrStreamNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// chunk is how many bytes of a record or trace go into a message: servers take a
// mebibyte unless they are told otherwise.
const chunk = 256 << 10

// put stores what r has under names that begin with name, and returns its content. A chunk
// that is there already is the same.
func (q *queue) put(ctx context.Context, name string, r io.Reader) (c content, err error) {
	sum, buffer := sha256.New(), make([]byte, chunk)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			sum.Write(buffer[:n])
			subject := q.subject(fmt.Sprintf("%s.%d", name, c.Chunks))
			if err := again(ctx, func(ctx context.Context) error {
				_, err := q.js.Publish(ctx, subject, buffer[:n])
				if isOnce(err) {
					return nil
				}
				return err
			}); err != nil {
				return c, fmt.Errorf("storing %s: %w", subject, err)
			}
			c.Chunks++
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			c.SHA = hex.EncodeToString(sum.Sum(nil))
			return c, nil
		case err != nil:
			return c, err
		}
	}
}

// errMissing says that stored bytes are not there, or not what they should be.
var errMissing = errors.New("the store has lost it")

// missingFor is how long what is stored may be missing: replicas lag.
const missingFor = 5 * time.Second

// get writes what put stored to w.
func (q *queue) get(ctx context.Context, name string, c content, w io.Writer) error {
	sum := sha256.New()
	for i := range c.Chunks {
		subject := q.subject(fmt.Sprintf("%s.%d", name, i))
		asked := clock.Now()
		var data []byte
		if err := again(ctx, func(ctx context.Context) error {
			m, err := q.data.GetLastMsgForSubject(ctx, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) && clock.Since(asked) > missingFor {
				return nil
			}
			if err == nil {
				data = m.Data
			}
			return err
		}); err != nil {
			return fmt.Errorf("reading %s: %w", subject, err)
		}
		if data == nil {
			return fmt.Errorf("%s: %w", subject, errMissing)
		}
		sum.Write(data)
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != c.SHA {
		return fmt.Errorf("%s has another hash: %w", name, errMissing)
	}
	return nil
}

// contentName is that of what every worker needs.
func contentName(sha string) string { return "content." + sha }

// connectOptions are those of every connection.
func connectOptions(name string) []nats.Option {
	return []nats.Option{nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(tryAgain), nats.ReconnectJitter(tryAgain/4, tryAgain/4),
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(tryFor)}
}

// Probe returns a hash of what this machine's floating point makes of numbers of all
// magnitudes. Plans and draws use portable functions alone, whose results must be the same
// everywhere; those of math differ with the processor, and a worker where they do could
// write another table.
func Probe() string {
	var bits []byte
	add := func(values ...float64) {
		for _, v := range values {
			bits = binary.BigEndian.AppendUint64(bits, math.Float64bits(v))
		}
	}
	x := 1e-9
	for range 400 {
		sin, cos := portable.Sincos(x)
		add(portable.Exp(-x), portable.Log(x), portable.Log1p(x), portable.Expm1(-x), portable.Pow(x, 0.7), sin, cos)
		add(math.Exp(-x), math.Log(x), math.Pow(x, 1.3), math.Sqrt(x), math.Sin(x), x*x+1/x)
		x *= 1.11
	}
	return hashOf(bits)[:16]
}
