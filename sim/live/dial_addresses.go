package live

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ParseAddresses reads name=host:port,…, each shard's name as the Ring knows
// it. A shard without a name is shard-1, shard-2 and so on by its place. The
// error tells everything that is wrong.
func ParseAddresses(list string) ([]Address, error) {
	var addresses []Address
	var errs []error
	for i, part := range strings.Split(list, ",") {
		a, err := parseAddress(strings.TrimSpace(part), i+1)
		if err == nil {
			err = duplicate(addresses, a)
		}
		addresses = append(addresses, a)
		if err != nil {
			errs = append(errs, fmt.Errorf("address %d: %w", i+1, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return addresses, nil
}

func duplicate(known []Address, a Address) error {
	for i, k := range known {
		if k.Name == a.Name {
			return fmt.Errorf("its name %q is that of address %d", a.Name, i+1)
		}
		if strings.EqualFold(k.Host, a.Host) {
			return fmt.Errorf("%s is address %d, %q, too; two shards need two servers", a.Host, i+1, k.Name)
		}
	}
	return nil
}

// parseAddress reads the place-th address.
func parseAddress(part string, place int) (Address, error) {
	a := Address{Name: "shard-" + strconv.Itoa(place)}
	name, host, named := strings.Cut(part, "=")
	if !named {
		host = part
	}
	// A URL may hold a password: it is not repeated.
	if strings.Contains(part, "://") || strings.Contains(part, "@") {
		return a, errors.New("expected name=host:port, found a URL or a user; user, password and database are given on their own")
	}
	if named {
		a.Name = strings.TrimSpace(name)
		if a.Name == "" || strings.ContainsFunc(a.Name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			return a, fmt.Errorf("expected a name without spaces before =, found %q", part)
		}
	}
	var err error
	a.Host, err = parseHost(strings.TrimSpace(host))
	return a, err
}

// parseHost checks host:port.
func parseHost(text string) (string, error) {
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
