package realredis

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddresses(t *testing.T) {
	for _, tt := range []struct {
		why, list string
		want      []Address
	}{
		{"names of the Ring", "a=10.0.0.1:6379,b=redis.example:7000", []Address{{"a", "10.0.0.1:6379"}, {"b", "redis.example:7000"}}},
		{"no names", "localhost:1,localhost:2", []Address{{"shard-1", "localhost:1"}, {"shard-2", "localhost:2"}}},
		{"some names: the others count by their place", "x=h:1,h:2,y=h:3", []Address{{"x", "h:1"}, {"shard-2", "h:2"}, {"y", "h:3"}}},
		{"spaces around what counts", " a = h:1 , h:65535 ", []Address{{"a", "h:1"}, {"shard-2", "h:65535"}}},
		{"IPv6 in brackets", "a=[::1]:6379,[fe80::1%lo]:6380", []Address{{"a", "[::1]:6379"}, {"shard-2", "[fe80::1%lo]:6380"}}},
		{"names as people have them", "redis-0.eu=h:1,Größe=h:2", []Address{{"redis-0.eu", "h:1"}, {"Größe", "h:2"}}},
	} {
		got, _, err := ParseAddresses(tt.list, Login{})
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %q: error %v, difference %s", tt.why, tt.list, err, diff)
		}
	}
}

func TestParseAddressesRefuses(t *testing.T) {
	for _, tt := range []struct {
		why, list string
		want      []string
	}{
		{"nothing", "", []string{"address 1", "expected host:port"}},
		{"a comma too many", "a=h:1,", []string{"address 2", `found ""`}},
		{"no port", "a=h:1,b=example", []string{"address 2", "expected host:port as in 127.0.0.1:6379", `"example"`}},
		{"an empty port", "a=h:", []string{"address 1", "expected a port from 1 to 65535"}},
		{"a port that is none", "h:http", []string{"address 1", `"http"`}},
		{"port 0", "h:0", []string{"expected a port"}},
		{"a port beyond", "h:65536", []string{"expected a port", "65536"}},
		{"a negative port", "h:-1", []string{"expected a port"}},
		{"no host: the default would be a guess", "a=:6379", []string{"expected a host"}},
		{"IPv6 without brackets", "a=::1:6379", []string{"[::1]:6379"}},
		{"an empty name", "=h:1", []string{"expected a name"}},
		{"a name with a space", "a b=h:1", []string{"expected a name", `"a b=h:1"`}},
		{"one name twice", "a=h:1,a=h:2", []string{"address 2", `"a"`, "address 1"}},
		{"a default name that is taken", "shard-2=h:1,h:2", []string{"address 2", `"shard-2"`}},
		{"one server twice", "a=H:1,b=h:1", []string{"address 2", "h:1", "two shards need two servers"}},
		{"all that is wrong", "a=h,b=h:2,c=h:x", []string{"address 1", "address 3"}},
	} {
		got, _, err := ParseAddresses(tt.list, Login{})
		if err == nil {
			t.Errorf("%s: %q is read as %v, expected an error", tt.why, tt.list, got)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q: error %q does not tell %q", tt.why, tt.list, err, want)
			}
		}
	}
}

// An address may be a Unix socket or a URL as go-redis reads it, which also says how to log in.
func TestParseAddressesOfOtherKinds(t *testing.T) {
	secret := Login{Password: "p"}
	for _, tt := range []struct {
		why, list string
		login     Login
		want      []string
		way       way
	}{
		{"the path of a socket", "a=unix:/run/r.sock,b=unix:/run/q.sock", secret, []string{"/run/r.sock", "/run/q.sock"}, way{}},
		{"its URL", "unix:///run/r.sock?db=1", secret, []string{"/run/r.sock"}, way{db: 1}},
		{"its URL with a user", "a=unix://joe@/run/r.sock?db=1", secret, []string{"/run/r.sock"}, way{"joe", 1, false}},
		{"a path with =", "unix:/run/a=b", secret, []string{"/run/a=b"}, way{}},
		{"a host's URL", "a=redis://joe@h:7000/3", secret, []string{"h:7000"}, way{"joe", 3, false}},
		{"its defaults", "redis://,redis://h/0", secret, []string{"localhost:6379", "h:6379"}, way{}},
		{"the database as an option", "redis://h:1?db=2", secret, []string{"h:1"}, way{db: 2}},
		{"with TLS", "a=rediss://joe@h:7000/3,b=rediss://joe@[::1]:1/3", secret, []string{"h:7000", "[::1]:1"}, way{"joe", 3, true}},
		{"the flags say what the URL does not", "a=redis://h:1,b=g:1", Login{Username: "joe", DB: 2}, []string{"h:1", "g:1"}, way{"joe", 2, false}},
		{"both say it", "redis://joe@h:1/2", Login{Username: "joe", DB: 2}, []string{"h:1"}, way{"joe", 2, false}},
	} {
		got, login, err := ParseAddresses(tt.list, tt.login)
		var hosts []string
		for _, a := range got {
			hosts = append(hosts, a.Host)
		}
		if diff := cmp.Diff(tt.want, hosts); diff != "" || err != nil || wayOf(login) != tt.way || login.Password != tt.login.Password {
			t.Errorf("%s: %q: error %v, %s, difference %s", tt.why, tt.list, err, wayOf(login), diff)
		}
	}
	for _, tt := range []struct {
		list  string
		login Login
		want  string
	}{
		{"a=unix:run/r.sock", Login{}, "absolute path of a Unix socket, as in unix:/run/redis/redis.sock"},
		{"unix://run/r.sock", Login{}, "three slashes"},
		{"unix:", Login{}, "absolute path"},
		{"unix:/" + strings.Repeat("x", 200), Login{}, "at most 107 bytes, found 201"},
		{"unix:/run/r.sock,unix:/run/r.sock", Login{}, "two shards need two servers"},
		{"unix:/run/r.sock", Login{TLS: &tls.Config{}}, "no TLS on a Unix socket"},
		{"http://h:1", Login{}, `redis://[user@]host[:port][/database], rediss:// of the same with TLS, or unix://[user@]/path[?db=database], found the scheme "http"`},
		{"redis://h:port", Login{}, "expected redis://"},
		{"redis://h:0", Login{}, "expected a port from 1 to 65535"},
		{"redis://h/x", Login{}, `invalid database number: "x"`},
		{"redis://h?read_timeout=1s", Login{}, "expected no option but db, found \"read_timeout\": a scenario's `connection` has the timeouts"},
		{"rediss://h?skip_verify=true", Login{}, `found "skip_verify"`},
		{"redis-sentinel://h:26379/mymaster", Login{}, "addresses of Sentinel are refused: it would replace a shard"},
		{"redis://h:26379?master_name=m", Login{}, "Sentinel are refused"},
		{"a=redis://h:1/1,b=redis://h:2/2", Login{}, "it says no user, database 2 and no TLS, another no user, database 1 and no TLS"},
		{"a=rediss://h:1,b=h:2", Login{}, "one user, one database and one encryption"},
		{"redis://joe@h:1", Login{Username: "jane"}, `user is "joe", that of --redis-user "jane"`},
		{"redis://h:1/1", Login{DB: 2}, "database is 1, that of --redis-db 2"},
	} {
		if got, _, err := ParseAddresses(tt.list, tt.login); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, error %v, expected %q in it", tt.list, got, err, tt.want)
		}
	}
}

// Who pastes a URL must not find its password in a log.
func TestParseAddressesKeepsSecrets(t *testing.T) {
	for _, list := range []string{
		"redis://u:geheim@h:1", "a=rediss://:geheim@h:6379/3", "unix://u:geheim@/run/r.sock", "redis://u:1/geheim@h", "redis://u:ge%zzgeheim@h",
		"redis://:x/geheim@h:1", "redis://u:x?geheim@h", "redis://u:1#geheim@h", "redis://h?password=geheim", "redis://h?db=1&u=a;geheim@h",
		"a=u:geheim@h:1", "h:1,geheim@h", "=geheim@h:1", "sentinel://:geheim@h",
	} {
		got, _, err := ParseAddresses(list, Login{})
		_, err2 := ParseHosts(strings.Split(list, ","))
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v, error %v, expected one without the password", list, got, err)
		}
		if err2 == nil || strings.Contains(err2.Error(), "geheim") {
			t.Errorf("%q: error %v, expected one without the password", list, err2)
		}
	}
	_, _, err := ParseAddresses("redis://u:geheim@h:1", Login{})
	if want := "the file of --redis-password-file or into the environment's QUOTALAB_REDIS_PASSWORD"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, expected %q in it", err, want)
	}
}

func TestByHandOnASocket(t *testing.T) {
	s := &Servers{names: []string{"a"}, hosts: []string{"/run/r s.sock"}, login: Login{DB: 3}}
	if got, want := s.byHand(0, "run:"), "redis-cli -s '/run/r s.sock' -n 3 --scan"; !strings.HasPrefix(got, want) {
		t.Errorf("%s, expected %s", got, want)
	}
}
