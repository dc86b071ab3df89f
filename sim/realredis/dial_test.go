package realredis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/child"
)

// serve starts a redis-server with these arguments, in which PORT and BUS
// stand for free ports, and returns its host:port when somebody listens there.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	needRedis(t)
	var ports []*heldPort
	for range 2 {
		port, err := holdPort("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	args = append([]string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
	for i, a := range args {
		args[i] = strings.NewReplacer("PORT", portOf(ports[0]), "BUS", portOf(ports[1])).Replace(a)
	}
	var log child.LastWords
	cmd := exec.Command("redis-server", args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	p, err := child.Start(cmd, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if err := errors.Join(ports[0].Close(), ports[1].Close()); err != nil {
			t.Error(err)
		}
	})
	for range 2000 {
		c, err := net.Dial("tcp", ports[0].addr)
		if err == nil {
			c.Close()
			return ports[0].addr
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("redis-server %q does not listen%s", args, &log)
	return ""
}

// secured are two servers with a user, TLS with clients' certificates, and
// eight databases, and the way into them.
func secured(t *testing.T) (addresses []Address, a *authority, login Login) {
	a = newAuthority(t, "ca")
	cert, key := a.issue(t, "server")
	for _, name := range []string{"a", "b"} {
		host := serve(t, "--port", "0", "--tls-port", "PORT", "--tls-cert-file", cert, "--tls-key-file", key,
			"--tls-ca-cert-file", a.file("ca.crt"), "--tls-auth-clients", "yes", "--databases", "8",
			"--requirepass", "default-secret", "--user", "tester", "on", ">user-secret", "~*", "&*", "+@all")
		addresses = append(addresses, Address{name, host})
	}
	return addresses, a, Login{Username: "tester", Password: "user-secret", DB: 3, TLS: a.client(t)}
}

// client is the configuration of somebody whom the servers trust.
func (a *authority) client(t *testing.T) *tls.Config {
	t.Helper()
	cert, key := a.issue(t, "client")
	c, err := TLSFiles{CA: a.file(a.name + ".crt"), Cert: cert, Key: key}.Config()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDialWithUserAndTLSAndDatabase(t *testing.T) {
	noLeaks(t)
	ctx := t.Context()
	addresses, a, login := secured(t)
	s, err := Dial(ctx, addresses, login)
	s = open(t, s, err)
	if s.Own() || s.Cluster() {
		t.Errorf("own %t, cluster %t, expected neither", s.Own(), s.Cluster())
	}
	if diff := cmp.Diff([]Address{{s.Names()[0], s.Hosts()[0]}, {s.Names()[1], s.Hosts()[1]}}, addresses); diff != "" {
		t.Error(diff)
	}
	for i := range addresses {
		info, err := s.Admin(i).ClientInfo(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		if info.DB != 3 || info.Name != "quotalab-admin" || info.User != "tester" || info.Resp != 2 {
			t.Errorf("shard %d: database %d, name %q, user %q, RESP%d, expected 3, quotalab-admin, tester, RESP2", i, info.DB, info.Name, info.User, info.Resp)
		}
	}
	byName := login
	byName.TLS = a.client(t)
	byName.TLS.ServerName = "server"
	byDefault := login
	byDefault.Username, byDefault.Password = "", "default-secret"
	for why, l := range map[string]Login{"the name in the certificate": byName, "the default user": byDefault} {
		s, err := Dial(ctx, addresses, l)
		if err != nil {
			t.Errorf("%s: %v", why, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDialRefused(t *testing.T) {
	noLeaks(t)
	addresses, _, login := secured(t)
	stranger := newAuthority(t, "stranger").client(t)
	stranger.RootCAs = login.TLS.RootCAs
	bare, named, elsewhere := login.TLS.Clone(), login.TLS.Clone(), login.TLS.Clone()
	bare.Certificates = nil
	named.ServerName = "other.example"
	elsewhere.RootCAs = newAuthority(t, "elsewhere").client(t).RootCAs
	const secret = "wrong-secret"
	for _, tt := range []struct {
		why    string
		change func(*Login)
		want   []string
	}{
		{"a wrong password", func(l *Login) { l.Password = secret }, []string{"wrong user or password (WRONGPASS"}},
		{"a wrong user", func(l *Login) { l.Username = "nobody" }, []string{"wrong user or password (WRONGPASS"}},
		{"no user, so the default user's password", func(l *Login) { l.Username = "" }, []string{"WRONGPASS"}},
		{"no password", func(l *Login) { l.Username, l.Password = "", "" }, []string{"it wants a password, and none was given", "NOAUTH"}},
		{"a database beyond", func(l *Login) { l.DB = 8 }, []string{"it has fewer databases", "DB index is out of range"}},
		{"no TLS", func(l *Login) { l.TLS = nil }, []string{"does it want TLS?"}},
		{"no client's certificate", func(l *Login) { l.TLS = bare }, []string{"certificate"}},
		{"a client's certificate of somebody else", func(l *Login) { l.TLS = stranger }, []string{"certificate"}},
		{"servers' certificates of somebody else", func(l *Login) { l.TLS = elsewhere }, []string{"TLS failed", "unknown authority"}},
		{"servers' certificates for another name", func(l *Login) { l.TLS = named }, []string{"TLS failed", "other.example"}},
	} {
		l := login
		tt.change(&l)
		begun := time.Now()
		_, err := Dial(t.Context(), addresses, l)
		if took := time.Since(begun); took > dialLimit+time.Second {
			t.Errorf("%s: took %v, expected %v at most", tt.why, took, dialLimit)
		}
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: error %v, expected %v", tt.why, err, ErrUnreachable)
			continue
		}
		t.Logf("%s: %v", tt.why, err)
		for _, a := range addresses {
			tt.want = append(tt.want, fmt.Sprintf("shard %q at %s: ", a.Name, a.Host))
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not tell %q", tt.why, err, want)
			}
		}
		for _, password := range []string{secret, "user-secret", "default-secret"} {
			if strings.Contains(err.Error(), password) {
				t.Errorf("%s: error %q tells a password", tt.why, err)
			}
		}
	}
}

func TestDialNamesTheShard(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	s, err := Spawn(t.Context(), []string{"a", "frozen", "killed"})
	s = open(t, s, err)
	if err := errors.Join(s.own[1].stop(), s.own[2].kill()); err != nil {
		t.Fatal(err)
	}
	var addresses []Address
	for i, name := range s.Names() {
		addresses = append(addresses, Address{name, s.Hosts()[i]})
	}
	begun := time.Now()
	_, err = Dial(t.Context(), addresses, Login{})
	if took := time.Since(begun); took > dialLimit+time.Second {
		t.Errorf("took %v, expected %v at most", took, dialLimit)
	}
	if !errors.Is(err, ErrUnreachable) {
		t.Fatalf("error %v, expected %v", err, ErrUnreachable)
	}
	for text, want := range map[string]bool{
		`shard "a"`: false,
		fmt.Sprintf(`shard "frozen" at %s: no answer in time`, s.hosts[1]):  true,
		fmt.Sprintf(`shard "killed" at %s: connection refused`, s.hosts[2]): true,
	} {
		if strings.Contains(err.Error(), text) != want {
			t.Errorf("error %q tells %q %t, expected %t", err, text, !want, want)
		}
	}
	// TLS where there is none: Redis waits for the end of a line.
	_, err = Dial(t.Context(), addresses[:1], Login{TLS: &tls.Config{MinVersion: tls.VersionTLS12}})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("TLS with a server that has none: %v, expected %v", err, ErrUnreachable)
	}
	t.Log(err)
	// The user's own Ctrl-C is not the servers' fault.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, addresses, Login{}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("interrupted: error %v, expected %v and not %v", err, context.Canceled, ErrUnreachable)
	}
}

func TestDialRefusesLogins(t *testing.T) {
	good := []Address{{"a", "127.0.0.1:1"}}
	for _, tt := range []struct {
		why       string
		addresses []Address
		login     Login
		want      string
	}{
		{"no servers", nil, Login{}, "at least one name"},
		{"one name twice", []Address{{"a", "h:1"}, {"a", "h:2"}}, Login{}, `"a"`},
		{"go-redis would log in as the default user", good, Login{Username: "u"}, `user "u" without a password`},
		{"go-redis would take database 0", good, Login{DB: -1}, "found -1"},
	} {
		_, err := Dial(t.Context(), tt.addresses, tt.login)
		if err == nil || errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, expected one with %q", tt.why, err, tt.want)
		}
	}
}

// A server without AUTH repeats the command, and the password with it.
func TestDialErrorsKeepSecrets(t *testing.T) {
	noLeaks(t)
	host := serve(t, "--port", "PORT", "--rename-command", "AUTH", "", "--rename-command", "HELLO", "")
	_, err := Dial(t.Context(), []Address{{"a", host}}, Login{Password: "geheim"})
	if err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "***") {
		t.Errorf("error %v, expected one with *** for the password", err)
	}
}
