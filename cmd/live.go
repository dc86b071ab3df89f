package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/sim/drive"
	"github.com/quotalab/quotalab/sim/live"
	"github.com/quotalab/quotalab/sim/plan"
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
	files              live.TLSFiles

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

// check the flags and read the secrets that they name.
func (f *liveFlags) check(lookup func(string) (string, bool)) (flag string, login live.Login, err error) {
	if flag, err = f.chosen(); err != nil {
		return "", login, err
	}
	if login, err = f.login(lookup); err != nil {
		return "", login, err
	}
	return flag, login, f.fits(flag, login)
}

// fits refuses what the servers that the flag names cannot be told.
func (f *liveFlags) fits(flag string, login live.Login) error {
	switch flag {
	case "--spawn", "--spawn-cluster":
		if f.user != "" || f.passwordFile != "" || f.db != 0 || login.TLS != nil {
			return usagef("%s: its servers have no user, password, other database or TLS: leave those flags out, or name servers by --redis or --cluster", flag)
		}
	case "--cluster":
		if _, err := live.ParseHosts(f.seeds()); err != nil {
			return usagef("--cluster: %w", err)
		}
		if f.db != 0 {
			return usagef("--redis-db: expected 0, the only database of a Redis Cluster, found %d", f.db)
		}
	}
	if flag == "--redis" || flag == "--cluster" {
		if err := login.Check(); err != nil {
			return usagef("%w", err)
		}
	}
	return nil
}

func (f *liveFlags) seeds() []string { return strings.Split(f.cluster, ",") }

// names of the shards, as far as the flags tell before anybody is asked; nil:
// those of the scenario.
func (f *liveFlags) names(flag string) ([]string, error) {
	switch flag {
	case "--redis":
		addresses, err := live.ParseAddresses(f.redis)
		if err != nil {
			return nil, usagef("--redis: %w", err)
		}
		names := make([]string, len(addresses))
		for i, a := range addresses {
			names[i] = a.Name
		}
		return names, nil
	case "--spawn":
		return numbered(f.spawn), nil
	case "--spawn-cluster":
		return numbered(f.spawnCluster), nil
	}
	return nil, nil
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("shard-%d", i+1)
	}
	return names
}

// login reads the secrets that the flags name.
func (f *liveFlags) login(lookup func(string) (string, bool)) (live.Login, error) {
	l := live.Login{Username: f.user, DB: f.db}
	if f.db < 0 {
		return l, usagef("--redis-db: expected a number from 0, found %d", f.db)
	}
	var err error
	if f.passwordFile != "" {
		if l.Password, err = live.PasswordFile(f.passwordFile); err != nil {
			return l, usagef("--redis-password-file: %w", err)
		}
	} else {
		l.Password, _ = lookup(passwordVariable)
	}
	if f.tls || f.files != (live.TLSFiles{}) {
		var config *tls.Config
		if config, err = f.files.Config(); err != nil {
			return l, usagef("%w", err)
		}
		l.TLS = config
	}
	return l, nil
}

// open starts the servers or looks for them.
func (f *liveFlags) open(ctx context.Context, flag string, shards []string, login live.Login) (*live.Servers, error) {
	switch flag {
	case "--redis":
		addresses, err := live.ParseAddresses(f.redis)
		if err != nil {
			return nil, usagef("--redis: %w", err)
		}
		return live.Dial(ctx, addresses, login)
	case "--cluster":
		return live.DialCluster(ctx, f.seeds(), login)
	case "--spawn-cluster":
		return live.SpawnCluster(ctx, shards)
	}
	return live.Spawn(ctx, shards)
}

// stage is the servers of a run in real time; one of a run in virtual time has
// none.
type stage struct {
	Live *drive.Live
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
	flag, login, err := f.check(a.lookupEnv)
	if err != nil {
		return nil, stage{}, err
	}
	o.clock = f.clock
	o.live, o.onCluster = flag != "" || f.clock == "real", flag == "--cluster" || flag == "--spawn-cluster"
	o.spawned = flag == "--spawn" || flag == "--spawn-cluster"
	if o.shards, err = f.names(flag); err != nil {
		return nil, stage{}, err
	}
	p, err := a.load(name, o)
	if err != nil || p.Scenario.Clock != "real" {
		return p, stage{}, err
	}
	servers, err := f.open(ctx, flag, p.Shards, login)
	if errors.Is(err, live.ErrUnreachable) {
		err = withCode(exitDependency, err)
	}
	if err != nil {
		return nil, stage{}, err
	}
	if found := servers.Names(); !slices.Equal(found, p.Shards) { // a cluster tells its masters itself
		o.shards = found
		if p, err = a.load(name, o); err != nil {
			return nil, stage{}, errors.Join(err, servers.Close())
		}
	}
	prefix := fmt.Sprintf("quotalab:%s-%.8s:", o.now.Format("20060102T150405.000"), p.Hash())
	return p, stage{&drive.Live{Servers: servers, Prefix: prefix, ForeignKeys: f.allowForeign}}, nil
}
