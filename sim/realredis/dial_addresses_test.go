package realredis

import (
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
		got, err := ParseAddresses(tt.list)
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
		got, err := ParseAddresses(tt.list)
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

// Who pastes a URL must not find its password in a log.
func TestParseAddressesKeepsSecrets(t *testing.T) {
	for _, list := range []string{"redis://u:geheim@h:1", "a=u:geheim@h:1", "h:1,geheim@h", "a=rediss://:geheim@h:6379/3"} {
		_, err := ParseAddresses(list)
		_, err2 := ParseHosts(strings.Split(list, ","))
		for _, err := range []error{err, err2} {
			if err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "on their own") {
				t.Errorf("%q: error %v, expected one without the password", list, err)
			}
		}
	}
}
