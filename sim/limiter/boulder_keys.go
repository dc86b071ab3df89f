package limiter

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/letsencrypt/boulder/identifier"
	"github.com/letsencrypt/boulder/ratelimits"
)

// How the keys of a scenario become what Boulder limits: addresses,
// registration ids, names of domains.

// overrideKey is how Boulder writes what an override is for.
func overrideKey(name ratelimits.Name, key string) (string, error) {
	switch name {
	case ratelimits.LimitOverrideRequestsPerIPAddress, ratelimits.NewRegistrationsPerIPAddress:
		return ratelimits.BuildBucketKey(name, 0, noIdent, nil, address(key))
	case ratelimits.NewRegistrationsPerIPv6Range:
		prefix, err := netip.ParsePrefix(key)
		if err != nil {
			return "", err
		}
		return ratelimits.BuildBucketKey(name, 0, noIdent, nil, prefix.Addr())
	case ratelimits.NewOrdersPerAccount, ratelimits.FailedAuthorizationsPerDomainPerAccount:
		return ratelimits.BuildBucketKey(name, account(key), noIdent, nil, netip.Addr{})
	case ratelimits.CertificatesPerFQDNSet:
		return ratelimits.BuildBucketKey(name, 0, noIdent, identifier.NewDNSSlice(strings.Split(key, ",")), netip.Addr{})
	}
	return ratelimits.BuildBucketKey(name, 0, identifier.NewDNS(key), nil, netip.Addr{})
}

var noIdent identifier.ACMEIdentifier

// order is what a request for a certificate says.
type order struct {
	account string // as the scenario names it
	id      int64
	idents  identifier.ACMEIdentifiers // lower case, sorted, each once: Boulder's front end sees to that
}

// orderOf picks the account and the domains out of a batch.
func orderOf(req Request) (order, error) {
	var o order
	var domains []string
	for _, t := range req.Takes {
		if t.Cost > 1 {
			return o, unitCost(t)
		}
		switch t.Limit {
		case ratelimits.NewOrdersPerAccount.String():
			o.account, o.id = t.Key, account(t.Key)
		case ratelimits.CertificatesPerDomain.String():
			domains = append(domains, t.Key)
		}
	}
	if o.id == 0 || len(domains) == 0 {
		return o, errors.New("a new order needs a batch with NewOrdersPerAccount (an account) and CertificatesPerDomain (a domain, or several)")
	}
	o.idents = identifier.Normalize(identifier.NewDNSSlice(domains))
	return o, nil
}

// address returns the address that key is, or one in 2001:db8::/32 that its
// hash says.
func address(key string) netip.Addr {
	if ip, err := netip.ParseAddr(key); err == nil {
		return ip
	}
	sum := sha256.Sum256([]byte(key))
	copy(sum[:], []byte{0x20, 0x01, 0x0d, 0xb8})
	return netip.AddrFrom16([16]byte(sum[:16]))
}

// account returns the registration id that key is, or one of 62 bits that
// its hash says.
func account(key string) int64 {
	if id, err := strconv.ParseInt(key, 10, 64); err == nil && id > 0 {
		return id
	}
	sum := sha256.Sum256([]byte(key))
	return int64(binary.BigEndian.Uint64(sum[:])>>2) + 1
}
