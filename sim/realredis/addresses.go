package realredis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/redis/go-redis/v9"
)

// ParseAddresses reads name=address,…, each shard's name as the Ring knows
// it. A shard without a name is shard-1, shard-2 and so on by its place. An
// address is host:port, unix:/path or a URL as redis.ParseURL reads it; what a
// URL says of user, database and TLS is added to login, which all shards share
// as those of a Ring do. The error tells everything that is wrong, and never a password.
func ParseAddresses(list string, login Login) ([]Address, Login, error) {
	var addresses []Address
	var errs []error
	var first *way
	for i, part := range strings.Split(list, ",") {
		a, w, err := parseAddress(strings.TrimSpace(part), i+1, wayOf(login))
		if err == nil {
			err = duplicate(addresses, a)
		}
		if err == nil && first == nil {
			first = &w
		}
		if err == nil && w != *first {
			err = fmt.Errorf("it says %s, another %s: the shards of a Ring have one user, one database and one encryption: say the same of all", w, *first)
		}
		addresses = append(addresses, a)
		if err != nil {
			errs = append(errs, fmt.Errorf("address %d: %w", i+1, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, login, err
	}
	if login.Username, login.DB = first.user, first.db; first.tls && login.TLS == nil {
		var err error
		if login.TLS, err = (TLSFiles{}).Config(); err != nil {
			return nil, login, err
		}
	}
	return addresses, login, nil
}

// way is what an address says of the login.
type way struct {
	user string
	db   int
	tls  bool
}

func wayOf(l Login) way { return way{l.Username, l.DB, l.TLS != nil} }

func (w way) String() string {
	user := "no user"
	if w.user != "" {
		user = fmt.Sprintf("user %q", w.user)
	}
	encryption := "no TLS"
	if w.tls {
		encryption = "TLS"
	}
	return fmt.Sprintf("%s, database %d and %s", user, w.db, encryption)
}

func duplicate(known []Address, a Address) error {
	for i, k := range known {
		if k.Name == a.Name {
			return fmt.Errorf("its name %q is that of address %d", a.Name, i+1)
		}
		if k.Host == a.Host || protocolOf(a.Host) == "tcp" && strings.EqualFold(k.Host, a.Host) {
			return fmt.Errorf("%s is address %d, %q, too; two shards need two servers", a.Host, i+1, k.Name)
		}
	}
	return nil
}

// parseAddress reads the place-th address; flags is what the login has without it.
func parseAddress(part string, place int, flags way) (a Address, w way, err error) {
	a = Address{Name: "shard-" + strconv.Itoa(place)}
	name, address, named := strings.Cut(part, "=")
	if !named || strings.HasPrefix(name, "unix:") || strings.Contains(name, "://") { // = of a path or a query
		address, named = part, false
	}
	if named {
		a.Name = strings.TrimSpace(name)
		if a.Name == "" || strings.ContainsFunc(a.Name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			return a, flags, fmt.Errorf("expected a name without spaces before =, found %s", shown(part))
		}
	}
	address = strings.TrimSpace(address)
	switch path, unix := strings.CutPrefix(address, "unix:"); {
	case strings.Contains(address, "://"):
		a.Host, w, err = parseURL(address, flags)
	case unix:
		a.Host, w = path, flags
	default:
		w = flags
		a.Host, err = parseHost(address)
	}
	if err == nil && protocolOf(a.Host) == "unix" || strings.HasPrefix(address, "unix:") {
		err = errors.Join(err, checkSocket(a.Host, w.tls))
	}
	return a, w, err
}

// protocolOf is how an address of a server is dialled: as go-redis has it, a path is
// that of a Unix socket.
func protocolOf(host string) string {
	if strings.HasPrefix(host, "/") {
		return "unix"
	}
	return "tcp"
}

// longestSocket is the longest path in bytes of a Unix socket on Linux.
const longestSocket = 107

func checkSocket(path string, tls bool) error {
	switch {
	case protocolOf(path) != "unix":
		return errors.New("expected the absolute path of a Unix socket, as in unix:/run/redis/redis.sock or unix:///run/redis/redis.sock?db=1")
	case len(path) > longestSocket:
		return fmt.Errorf("expected the path of a Unix socket of at most %d bytes, found %d", longestSocket, len(path))
	case tls:
		return errors.New("redis-server has no TLS on a Unix socket: leave TLS out, or name its host and port")
	}
	return nil
}

const (
	urlForms      = "redis://[user@]host[:port][/database], rediss:// of the same with TLS, or unix://[user@]/path[?db=database]"
	passwordPlace = "the password goes into the file of --redis-password-file or into the environment's QUOTALAB_REDIS_PASSWORD, since others can read a command line"
)

// parseURL reads a URL as redis.ParseURL does. What is behind an @ that is wrong may be
// part of a password, and no error repeats it.
func parseURL(text string, flags way) (host string, w way, err error) {
	w = flags
	u, err := url.Parse(text)
	if err != nil {
		return "", w, fmt.Errorf("expected %s, found a URL that cannot be read (it is not repeated, it may hold a password); %s", urlForms, passwordPlace)
	}
	query, unread := url.ParseQuery(u.RawQuery)
	_, password := u.User.Password()
	switch {
	case strings.Contains(u.Scheme, "sentinel") || query.Has("master_name"):
		return "", w, errors.New("addresses of Sentinel are refused: it would replace a shard by another server in the middle of a run, without the writes that were not replicated, and the record could not say which server a number is of; give the address of the master, redis://host:port")
	case !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme):
		return "", w, fmt.Errorf("expected %s, found the scheme %q", urlForms, u.Scheme)
	case password || query.Has("password"):
		return "", w, errors.New("expected a URL without a password; " + passwordPlace)
	case unread != nil, u.Fragment != "", u.Scheme != "unix" && strings.Contains(u.Path, "@"), strings.Contains(u.RawQuery, "@"):
		return "", w, fmt.Errorf("expected %s, found something else behind the host (it is not repeated, it may be part of a password); %s", urlForms, passwordPlace)
	case u.Scheme == "unix" && u.Host != "":
		return "", w, fmt.Errorf("expected unix:///path with three slashes, found the host %q", u.Host)
	}
	for option := range query {
		if option != "db" {
			return "", w, fmt.Errorf("expected no option but db, found %q: a scenario's `connection` has the timeouts, retries and pools, and flags have the rest", option)
		}
	}
	o, err := redis.ParseURL(text)
	if err != nil {
		return "", w, fmt.Errorf("expected %s, found %s: %w", urlForms, shown(text), err)
	}
	return checkURL(u, o, flags)
}

// checkURL puts together what the URL and the flags say of the login.
func checkURL(u *url.URL, o *redis.Options, flags way) (host string, w way, err error) {
	w = way{flags.user, flags.db, flags.tls || o.TLSConfig != nil}
	if o.Username != "" {
		if w.user = o.Username; flags.user != "" && flags.user != o.Username {
			return "", w, fmt.Errorf("the URL's user is %q, that of --redis-user %q: say it once", o.Username, flags.user)
		}
	}
	if u.Query().Has("db") || o.DB != 0 {
		if w.db = o.DB; flags.db != 0 && flags.db != o.DB {
			return "", w, fmt.Errorf("the URL's database is %d, that of --redis-db %d: say it once", o.DB, flags.db)
		}
	}
	if o.Network == "unix" {
		return o.Addr, w, nil
	}
	host, err = parseHost(o.Addr)
	return host, w, err
}

// shown quotes an address, unless it may hold a password.
func shown(text string) string {
	if strings.Contains(text, "@") {
		return "one with an @, which is not repeated as it may hold a password"
	}
	return strconv.Quote(text)
}

// parseHost checks host:port.
func parseHost(text string) (string, error) {
	// It may hold a password: it is not repeated.
	if strings.Contains(text, "://") || strings.Contains(text, "@") {
		return "", errors.New("expected host:port, found a URL or a user; user, password and database are given on their own")
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		example := "127.0.0.1:6379"
		if strings.Count(text, ":") > 1 {
			example = "[::1]:6379"
		}
		return "", fmt.Errorf("expected host:port as in %s, found %q", example, text)
	}
	if host == "" || strings.ContainsFunc(host, unicode.IsSpace) {
		return "", fmt.Errorf("expected a host before the port, found %q", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("expected a port from 1 to 65535, found %q in %q", port, text)
	}
	return net.JoinHostPort(host, port), nil
}

// ParseHosts reads host:port of nodes of a cluster, each once. The error tells
// everything that is wrong.
func ParseHosts(list []string) ([]string, error) {
	var hosts []string
	var errs []error
	for i, text := range list {
		host, err := parseHost(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("address %d: %w", i+1, err))
		} else if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	if len(list) == 0 {
		errs = append(errs, errors.New("expected at least one host:port, found none"))
	}
	return hosts, errors.Join(errs...)
}
