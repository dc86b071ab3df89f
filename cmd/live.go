package cmd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/sim/realredis"
)

// passwordVariable is the environment's alternative to --redis-password-file.
// There is no flag with a password in it: others could read it off the
// process list.
const passwordVariable = envPrefix + "REDIS_PASSWORD"

// liveFlags are the flags that name the Redis servers of a run in real time.
type liveFlags struct {
	clock               string
	engine              engineFlag
	redis, cluster      string
	spawn, spawnCluster int

	user, passwordFile string
	db                 int
	tls                bool
	files              realredis.TLSFiles

	allowForeign, allowMemory bool
}

func (f *liveFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.clock, "clock", "", "virtual, or real: on redis-server processes of its own, unless a flag names servers (default: the scenario's)")
	f.engine.add(flags)
	flags.IntVar(&f.spawn, "spawn", 0, "run in real time on `N` redis-server processes of its own")
	flags.IntVar(&f.spawnCluster, "spawn-cluster", 0, "run in real time on a Redis Cluster of `N` masters of its own")
	flags.BoolVar(&f.allowForeign, "allow-foreign-keys", false, "run although the database holds other keys; they are left alone")
	flags.BoolVar(&f.allowMemory, campaign.AllowMemory, false, "run although more memory is expected to be taken than the machine has")
	f.addServers(flags, "run in real time on")
}

// addServers adds the flags that name servers which are there already, and how to log in.
func (f *liveFlags) addServers(flags *pflag.FlagSet, what string) {
	flags.StringVar(&f.redis, "redis", "", what+" these servers, `name=host:port,…`; the names are the Ring's; also name=unix:/path, redis:// and rediss:// URLs")
	flags.StringVar(&f.cluster, "cluster", "", what+" the Redis Cluster that these nodes, `host:port,…`, belong to")
	flags.StringVar(&f.user, "redis-user", "", "user to log in as")
	flags.StringVar(&f.passwordFile, "redis-password-file", "", "`file` with the password (or the environment's "+passwordVariable+")")
	flags.IntVar(&f.db, "redis-db", 0, "database `number`")
	flags.BoolVar(&f.tls, "redis-tls", false, "encrypt the connections; implied by the flags below")
	flags.StringVar(&f.files.CA, "redis-ca", "", "`file` with the certificates of who may sign the servers' (default: the system's)")
	flags.StringVar(&f.files.Cert, "redis-cert", "", "`file` with the client's certificate")
	flags.StringVar(&f.files.Key, "redis-key", "", "`file` with the client's private key")
	flags.StringVar(&f.files.ServerName, "redis-server-name", "", "`name` that the servers' certificates must have (default: the host)")
}

type engineFlag struct{ campaign.Engine }

func (f *engineFlag) add(flags *pflag.FlagSet) {
	flags.Var(f, "engine", "what executes the commands of shards in virtual time: embedded, or redis or redis=/path/to/server, redis-server processes that have the simulation's clock (default: the scenario's)")
}

// Set reads the flag's value.
func (f *engineFlag) Set(text string) error {
	name, path, named := strings.Cut(text, "=")
	if name != "redis" && text != "embedded" || named && path == "" {
		return fmt.Errorf("expected embedded, redis or redis=/path/to/server, found %q%s", text, metric.DidYouMean(name, engines))
	}
	f.Engine = campaign.Engine{Name: name, Path: path}
	return nil
}

// Type names the value in the help.
func (f *engineFlag) Type() string { return "engine" }

// runClocks are the clocks that a scenario can be played in.
var runClocks = []string{"virtual", "real"}

// engines are the values that the shell completes.
var engines = []string{"embedded", "redis"}

// chosen is the one flag that names servers, "" without one.
func (f *liveFlags) chosen() (string, error) {
	var named []string
	for _, c := range []struct {
		flag  string
		given bool
	}{{"redis", f.redis != ""}, {"spawn", f.spawn != 0}, {"cluster", f.cluster != ""}, {"spawn-cluster", f.spawnCluster != 0}} {
		if c.given {
			named = append(named, c.flag)
		}
	}
	if len(named) > 1 {
		return "", usagef("expected one of --redis, --spawn, --cluster and --spawn-cluster, found %s", "--"+strings.Join(named, " and --"))
	}
	if f.spawn < 0 || f.spawnCluster < 0 || f.spawn > mostSpawned || f.spawnCluster > mostSpawned {
		return "", usagef("expected 1 to %d servers to spawn", mostSpawned)
	}
	if f.clock != "" {
		if err := oneOf("--clock", f.clock, runClocks); err != nil {
			return "", err
		}
	}
	switch {
	case len(named) == 0:
		return "", nil
	case f.clock == "virtual":
		return "", usagef("--clock virtual: --%s is for real time", named[0])
	}
	return named[0], nil
}

// mostSpawned is more servers than any machine that runs this has processors.
const mostSpawned = 128

// overrides checks the flags, reads the secrets that they name, and returns
// what they say of a scenario's clock and servers.
func (f *liveFlags) overrides(lookup func(string) (string, bool)) (o campaign.Overrides, err error) {
	o.Clock, o.Engine, o.AllowMemory = f.clock, f.engine.Engine, f.allowMemory
	s := &o.Servers
	if s.How, err = f.chosen(); err != nil {
		return o, err
	}
	if s.Login, err = f.login(lookup); err != nil {
		return o, err
	}
	s.Given, s.ForeignKeys = f.redis+f.cluster, f.allowForeign
	switch s.How {
	case "redis":
		if s.Addresses, s.Login, err = realredis.ParseAddresses(f.redis, s.Login); err != nil {
			return o, usagef("--redis: %w", err)
		}
		for _, a := range s.Addresses {
			s.Shards = append(s.Shards, a.Name)
		}
	case "cluster":
		s.Seeds = strings.Split(f.cluster, ",")
	case "spawn":
		s.Shards = numbered(f.spawn)
	case "spawn-cluster":
		s.Shards = numbered(f.spawnCluster)
	}
	return o, f.fits(s)
}

// fits refuses what the servers that the flags name cannot be told.
func (f *liveFlags) fits(s *campaign.Servers) error {
	switch s.How {
	case "spawn", "spawn-cluster":
		if f.user != "" || f.passwordFile != "" || f.db != 0 || s.Login.TLS != nil {
			return usagef("--%s: its servers have no user, password, other database or TLS: leave those flags out, or name servers by --redis or --cluster", s.How)
		}
	case "cluster":
		if _, err := realredis.ParseHosts(s.Seeds); err != nil {
			return usagef("--cluster: %w", err)
		}
		if f.db != 0 {
			return usagef("--redis-db: expected 0, the only database of a Redis Cluster, found %d", f.db)
		}
	}
	if s.How == "redis" || s.How == "cluster" {
		if err := s.Login.Check(); err != nil {
			return usagef("%w", err)
		}
	}
	return nil
}

// numbered are the names that a scenario gives shards without names.
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

func (a *app) cleanCommand() *cobra.Command {
	var live liveFlags
	cmd := &cobra.Command{
		Use:   "clean [PREFIX…]",
		Short: "Delete what a killed run left on Redis servers",
		Long: `Lists the keys that runs have on servers, by prefix, or deletes those of the prefixes that it is given. A run deletes its
own keys when it ends; one that was killed cannot. The list does not tell whether a run still goes on: a prefix begins
with the instant at which its run began (UTC). Keys under other prefixes are neither counted nor touched.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Unreachable),
		Example: `  quotalab clean --redis a=127.0.0.1:6379,b=127.0.0.1:6380
  quotalab clean --redis a=127.0.0.1:6379 quotalab:20260102T150405.000-0123abcd:`,
		RunE: func(cmd *cobra.Command, prefixes []string) (err error) {
			over, err := live.overrides(a.lookupEnv)
			if err != nil {
				return err
			}
			if over.Servers.How == "" {
				return usagef("expected --redis or --cluster: which servers are to be looked at")
			}
			servers, err := over.Servers.Open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, servers.Close()) }()
			left, err := servers.Leftovers(cmd.Context())
			if err != nil {
				return campaign.With(campaign.Unreachable, err)
			}
			if len(prefixes) == 0 {
				return a.listLeftovers(servers.Names(), left)
			}
			for _, p := range prefixes {
				i := slices.IndexFunc(left, func(l realredis.Leftover) bool { return l.Prefix == p })
				if i < 0 {
					return usagef("prefix %q: no run has keys under it; `quotalab clean` without a prefix lists those that have", p)
				}
				if err := errors.Join(servers.CleanUp(cmd.Context(), p)...); err != nil {
					return campaign.With(campaign.Unreachable, err)
				}
				a.print("%s: %s deleted\n", p, unit.Counted(sum(left[i].Keys), "key"))
			}
			return nil
		},
	}
	live.addServers(cmd.Flags(), "look at")
	return cmd
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}

func (a *app) listLeftovers(shards []string, left []realredis.Leftover) error {
	if len(left) == 0 {
		a.print("no run has keys on %s\n", strings.Join(shards, ", "))
		return nil
	}
	columns := []string{"prefix"}
	for _, s := range shards {
		columns = append(columns, ">keys on "+s)
	}
	t := present.NewTable("", "", columns...)
	for _, l := range left {
		row := []present.Cell{present.Words(l.Prefix)}
		for _, n := range l.Keys {
			row = append(row, present.Count(n))
		}
		t.Add(row...)
	}
	return t.Write(a.stdout, present.Look{})
}
