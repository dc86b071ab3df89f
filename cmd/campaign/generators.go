package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
)

// Task is what one of several generators of a run in real time needs to know, beside what its coordinator says
// while it goes on. It has the password, so that nobody reads that off a command line.
type Task struct {
	Scenario, Text string // Text: of standard input
	Seed           *uint64
	Trace, Clock   string
	AllowMemory    bool
	Now            time.Time
	Plan           string // its hash
	Stripe         run.Stripe

	How            string // as of Servers, and its Shards
	Shards         []string
	Names, Hosts   []string // of the servers
	User, Password string
	DB             int
	TLS            bool
	Files          realredis.TLSFiles
	Prefix         string
}

// NewTask returns that of a stripe of a run, whose scenario has a name and whose servers are open.
func (l *Loader) NewTask(name string, r *Run, o Overrides, files realredis.TLSFiles, stripe run.Stripe) Task {
	s := o.Servers
	if s.cluster() {
		s.Shards = r.Live.Servers.Names()
	}
	return Task{Scenario: name, Text: string(l.input), Seed: o.Seed, Trace: o.Trace, Clock: o.Clock, AllowMemory: o.AllowMemory, Now: o.Now, Plan: r.Plan.Hash(),
		Stripe: stripe, How: s.How, Shards: s.Shards, Names: r.Live.Servers.Names(), Hosts: r.Live.Servers.Hosts(), User: s.Login.Username, Password: s.Login.Password, DB: s.Login.DB, TLS: s.Login.TLS != nil, Files: files, Prefix: r.Live.Prefix}
}

// Generate does a task, as the coordinator at the other end of the link says.
func (l *Loader) Generate(ctx context.Context, t Task, link io.ReadWriter) (err error) {
	if t.Scenario == Stdio {
		l.input = []byte(t.Text)
	}
	servers := Servers{How: t.How, Shards: t.Shards}
	p, err := l.Load(t.Scenario, Overrides{Seed: t.Seed, Trace: t.Trace, Clock: t.Clock, AllowMemory: t.AllowMemory, Now: t.Now, Servers: servers})
	if err != nil {
		return err
	}
	if h := p.Hash(); h != t.Plan {
		return Invalidf("expected the plan %s, compiled %s: has %s changed meanwhile?", t.Plan, h, t.Scenario)
	}
	login := realredis.Login{Username: t.User, Password: t.Password, DB: t.DB}
	if t.TLS {
		if login.TLS, err = t.Files.Config(); err != nil {
			return err
		}
	}
	opened, err := realredis.DialSame(ctx, t.Names, t.Hosts, servers.cluster(), login)
	if err != nil {
		return With(Unreachable, interrupted(ctx, err))
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	err = run.Generate(ctx, p, run.Options{Live: &run.Live{Servers: opened, Prefix: t.Prefix}, Stripe: t.Stripe}, link)
	if errors.Is(err, run.ErrLost) {
		return With(Unreachable, err)
	}
	if err != nil {
		return With(statusOfRun(err), fmt.Errorf("generating: %w", err))
	}
	return nil
}
