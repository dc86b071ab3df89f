package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
)

// passwordVariable is the environment's alternative to --redis-password-file.
// There is no flag with a password in it: others could read it off the
// process list.
const passwordVariable = envPrefix + "REDIS_PASSWORD"

// liveFlags name the Redis servers of a run in real time.
type liveFlags struct {
	clock               string
	redis, cluster      string
	spawn, spawnCluster int

	user, passwordFile string
	db                 int
	tls                bool
	files              realredis.TLSFiles

	allowForeign bool
}

func (f *liveFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.clock, "clock", "", "virtual, or real: on redis-server processes of its own, unless a flag names servers (default: the scenario's)")
	flags.StringVar(&f.redis, "redis", "", "run in real time on these servers, `name=host:port,…`; the names are the Ring's")
	flags.IntVar(&f.spawn, "spawn", 0, "run in real time on `N` redis-server processes of its own")
	flags.StringVar(&f.cluster, "cluster", "", "run in real time on the Redis Cluster that these nodes, `host:port,…`, belong to")
	flags.IntVar(&f.spawnCluster, "spawn-cluster", 0, "run in real time on a Redis Cluster of `N` masters of its own")
	flags.StringVar(&f.user, "redis-user", "", "user to log in as")
	flags.StringVar(&f.passwordFile, "redis-password-file", "", "`file` with the password (or the environment's "+passwordVariable+")")
	flags.IntVar(&f.db, "redis-db", 0, "database `number`")
	flags.BoolVar(&f.tls, "redis-tls", false, "encrypt the connections; implied by the flags below")
	flags.StringVar(&f.files.CA, "redis-ca", "", "`file` with the certificates of who may sign the servers' (default: the system's)")
	flags.StringVar(&f.files.Cert, "redis-cert", "", "`file` with the client's certificate")
	flags.StringVar(&f.files.Key, "redis-key", "", "`file` with the client's private key")
	flags.StringVar(&f.files.ServerName, "redis-server-name", "", "`name` that the servers' certificates must have (default: the host)")
	flags.BoolVar(&f.allowForeign, "allow-foreign-keys", false, "run although the database holds other keys; they are left alone")
}

// chosen is the one flag that names servers, "" without one.
func (f *liveFlags) chosen() (string, error) {
	var named []string
	for _, c := range []struct {
		flag  string
		given bool
	}{{"--redis", f.redis != ""}, {"--spawn", f.spawn != 0}, {"--cluster", f.cluster != ""}, {"--spawn-cluster", f.spawnCluster != 0}} {
		if c.given {
			named = append(named, c.flag)
		}
	}
	if len(named) > 1 {
		return "", usagef("expected one of --redis, --spawn, --cluster and --spawn-cluster, found %s", strings.Join(named, " and "))
	}
	if f.spawn < 0 || f.spawnCluster < 0 || f.spawn > mostSpawned || f.spawnCluster > mostSpawned {
		return "", usagef("expected 1 to %d servers to spawn", mostSpawned)
	}
	if f.clock != "" {
		if err := oneOf("--clock", f.clock, []string{"virtual", "real"}); err != nil {
			return "", err
		}
	}
	switch {
	case len(named) == 0:
		return "", nil
	case f.clock == "virtual":
		return "", usagef("--clock virtual: %s is for real time", named[0])
	}
	return named[0], nil
}

// mostSpawned is more servers than any machine that runs this has processors.
const mostSpawned = 128

// servers are what the flags say of a run's servers.
type servers struct {
	flag      string // that names them, "" none
	login     realredis.Login
	addresses []realredis.Address // of --redis
	seeds     []string            // of --cluster
	shards    []string            // names, as far as the flags tell before anybody is asked; nil: the scenario's
}

// servers checks the flags and reads the secrets that they name.
func (f *liveFlags) servers(lookup func(string) (string, bool)) (s servers, err error) {
	if s.flag, err = f.chosen(); err != nil {
		return s, err
	}
	if s.login, err = f.login(lookup); err != nil {
		return s, err
	}
	switch s.flag {
	case "--redis":
		if s.addresses, err = realredis.ParseAddresses(f.redis); err != nil {
			return s, usagef("--redis: %w", err)
		}
		for _, a := range s.addresses {
			s.shards = append(s.shards, a.Name)
		}
	case "--cluster":
		s.seeds = strings.Split(f.cluster, ",")
	case "--spawn":
		s.shards = numbered(f.spawn)
	case "--spawn-cluster":
		s.shards = numbered(f.spawnCluster)
	}
	return s, f.fits(s)
}

// fits refuses what the servers that the flags name cannot be told.
func (f *liveFlags) fits(s servers) error {
	switch s.flag {
	case "--spawn", "--spawn-cluster":
		if f.user != "" || f.passwordFile != "" || f.db != 0 || s.login.TLS != nil {
			return usagef("%s: its servers have no user, password, other database or TLS: leave those flags out, or name servers by --redis or --cluster", s.flag)
		}
	case "--cluster":
		if _, err := realredis.ParseHosts(s.seeds); err != nil {
			return usagef("--cluster: %w", err)
		}
		if f.db != 0 {
			return usagef("--redis-db: expected 0, the only database of a Redis Cluster, found %d", f.db)
		}
	}
	if s.flag == "--redis" || s.flag == "--cluster" {
		if err := s.login.Check(); err != nil {
			return usagef("%w", err)
		}
	}
	return nil
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("shard-%d", i+1)
	}
	return names
}

// login reads the secrets that the flags name.
func (f *liveFlags) login(lookup func(string) (string, bool)) (realredis.Login, error) {
	l := realredis.Login{Username: f.user, DB: f.db}
	if f.db < 0 {
		return l, usagef("--redis-db: expected a number from 0, found %d", f.db)
	}
	var err error
	if f.passwordFile != "" {
		if l.Password, err = realredis.PasswordFile(f.passwordFile); err != nil {
			return l, usagef("--redis-password-file: %w", err)
		}
	} else {
		l.Password, _ = lookup(passwordVariable)
	}
	if f.tls || f.files != (realredis.TLSFiles{}) {
		var config *tls.Config
		if config, err = f.files.Config(); err != nil {
			return l, usagef("%w", err)
		}
		l.TLS = config
	}
	return l, nil
}

// open starts the servers, of these names if they have none of their own, or
// looks for them.
func (s servers) open(ctx context.Context, shards []string) (*realredis.Servers, error) {
	switch s.flag {
	case "--redis":
		return realredis.Dial(ctx, s.addresses, s.login)
	case "--cluster":
		return realredis.DialCluster(ctx, s.seeds, s.login)
	case "--spawn-cluster":
		return realredis.SpawnCluster(ctx, shards)
	}
	return realredis.Spawn(ctx, shards)
}

// override the scenario by what the flags say of its servers.
func (s servers) override(o overrides, clock string) overrides {
	o.clock, o.shards = clock, s.shards
	o.live, o.onCluster = s.flag != "" || clock == "real", s.flag == "--cluster" || s.flag == "--spawn-cluster"
	o.spawned = s.flag == "--spawn" || s.flag == "--spawn-cluster"
	return o
}

// stage is the servers of a run in real time; one of a run in virtual time has
// none.
type stage struct {
	Live *run.Live
}

func (s stage) close() error {
	if s.Live == nil {
		return nil
	}
	return s.Live.Servers.Close()
}

// stage loads a scenario with what the flags say of its servers, and opens
// them. Whatever is wrong with the scenario is told before any server is asked.
func (a *app) stage(ctx context.Context, name string, o overrides, f *liveFlags) (*plan.Plan, stage, error) {
	return a.stageOf(ctx, func(o overrides) (*plan.Plan, error) { return a.load(name, o) }, o, f)
}

// stageOf is stage of a scenario that is loaded otherwise.
func (a *app) stageOf(ctx context.Context, load func(overrides) (*plan.Plan, error), o overrides, f *liveFlags) (*plan.Plan, stage, error) {
	named, err := f.servers(a.lookupEnv)
	if err != nil {
		return nil, stage{}, err
	}
	o = named.override(o, f.clock)
	p, err := load(o)
	if err != nil || p.Scenario.Clock != "real" {
		return p, stage{}, err
	}
	opened, err := named.open(ctx, p.Shards)
	if errors.Is(err, realredis.ErrUnreachable) {
		err = withCode(exitDependency, err)
	}
	if err != nil {
		return nil, stage{}, err
	}
	if found := opened.Names(); !slices.Equal(found, p.Shards) { // a cluster tells its masters itself
		o.shards = found
		if p, err = load(o); err != nil {
			return nil, stage{}, errors.Join(err, opened.Close())
		}
	}
	prefix := fmt.Sprintf("quotalab:%s-%.8s:", o.now.Format("20060102T150405.000"), p.Hash())
	return p, stage{&run.Live{Servers: opened, Prefix: prefix, ForeignKeys: f.allowForeign}}, nil
}
