package limiter

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/letsencrypt/boulder/config"
	"github.com/letsencrypt/boulder/ratelimits"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quotalab/quotalab/results/record"
)

type gauge = prometheus.Gauge

// What a request means to Boulder.
const (
	overrideRequest = "override_request"
	newAccount      = "new_account"
	newOrder        = "new_order"
)

var expansions = map[string]func(*boulderLimiter, Request) ([]transaction, error){
	overrideRequest: (*boulderLimiter).overrideRequest,
	newAccount:      (*boulderLimiter).newAccount,
	newOrder:        (*boulderLimiter).newOrder,
}

// boulderLimits are the limits that each kind of request takes from.
var boulderLimits = map[string][]ratelimits.Name{
	newAccount: {ratelimits.NewRegistrationsPerIPAddress, ratelimits.NewRegistrationsPerIPv6Range},
	newOrder: {ratelimits.NewOrdersPerAccount, ratelimits.FailedAuthorizationsPerDomainPerAccount,
		ratelimits.CertificatesPerDomain, ratelimits.CertificatesPerFQDNSet},
}

// boulderName returns Boulder's name for a limit of the scenario: its own,
// but the only limit of override_request may be called anything.
func boulderName(kind, limit string) string {
	if kind == overrideRequest {
		return ratelimits.LimitOverrideRequestsPerIPAddress.String()
	}
	return limit
}

func checkBoulder(spec record.Limiter, options map[string]string) error {
	kind := options["transactions"]
	if kind == overrideRequest {
		if len(spec.Limits) != 1 {
			return fmt.Errorf("transactions %s: expected one limit, found %d", kind, len(spec.Limits))
		}
		return nil
	}
	var errs []error
	for _, l := range spec.Limits {
		if !known(kind, l.Name) {
			errs = append(errs, fmt.Errorf("transactions %s: limit %q is none of %v", kind, l.Name, boulderLimits[kind]))
		}
	}
	return errors.Join(errs...)
}

// checkBoulderRequest finds what would make every request fail.
func checkBoulderRequest(options map[string]string, takes []Take) error {
	if options["transactions"] == newOrder {
		named := slices.Clone(takes)
		for i := range named {
			named[i].Key = "1" // any: what matters is which limits there are
		}
		_, err := orderOf(Request{Takes: named})
		return err
	}
	_, err := singleUnit(Request{Takes: takes})
	return err
}

func known(kind, limit string) bool {
	for _, n := range boulderLimits[kind] {
		if n.String() == limit {
			return true
		}
	}
	return false
}

func boulderOverrides(spec record.Limiter, kind string) (ratelimits.Limits, error) {
	limits := ratelimits.Limits{}
	for _, o := range spec.Overrides {
		name, ok := ratelimits.StringToName[boulderName(kind, o.Name)]
		if !ok {
			return nil, fmt.Errorf("override of %q: Boulder has no such limit", o.Name)
		}
		key, err := overrideKey(name, o.Key)
		if err != nil {
			return nil, fmt.Errorf("override of %s for %q: %w", o.Name, o.Key, err)
		}
		limits[key] = &ratelimits.Limit{
			Name: name, Burst: o.Burst, Count: o.Count, Period: config.Duration{Duration: o.Period},
		}
	}
	return limits, nil
}

// overrideRequest is the generic form: one limit by address.
func (b *boulderLimiter) overrideRequest(req Request) ([]transaction, error) {
	take, err := singleUnit(req)
	if err != nil {
		return nil, err
	}
	ip := address(take.Key)
	txn, err := b.builder.LimitOverrideRequestsPerIPAddressTransaction(ip)
	if err != nil {
		return nil, err
	}
	take.Wire = ratelimits.LimitOverrideRequestsPerIPAddress.EnumString() + ":" + ip.String()
	take.Limit, take.Mode, take.Cost = b.limit, b.mode(), 1
	return []transaction{{txn, take}}, nil
}

// newAccount expands an address into its own limit and its /48 range's.
func (b *boulderLimiter) newAccount(req Request) ([]transaction, error) {
	take, err := singleUnit(req)
	if err != nil {
		return nil, err
	}
	ip := address(take.Key)
	txns, err := b.builder.NewAccountLimitTransactions(ip)
	if err != nil {
		return nil, err
	}
	described := []Take{b.describe(ratelimits.NewRegistrationsPerIPAddress, take.Key, ip.String(), b.mode())}
	if !ip.Is4() {
		cidr := netip.PrefixFrom(ip, 48).Masked().String()
		described = append(described, b.describe(ratelimits.NewRegistrationsPerIPv6Range, cidr, cidr, b.mode()))
	}
	return pair(txns, described)
}

// newOrder takes the account and its domains from the batch. A client that
// takes or checks runs the front end's transactions, which check the domains
// and the name set and spend only the account's; a client that spends runs
// those of the issuance.
func (b *boulderLimiter) newOrder(req Request) ([]transaction, error) {
	o, err := orderOf(req)
	if err != nil {
		return nil, err
	}
	if b.does == record.SpendMode {
		return b.issuance(o)
	}
	txns, err := b.builder.NewOrderLimitTransactions(o.id, o.idents, false)
	if err != nil {
		return nil, err
	}
	regID := strconv.FormatInt(o.id, 10)
	described := []Take{b.describe(ratelimits.NewOrdersPerAccount, o.account, regID, b.mode())}
	for _, i := range o.idents {
		described = append(described, b.describe(ratelimits.FailedAuthorizationsPerDomainPerAccount, regID+":"+i.Value, regID+":"+i.Value, record.CheckMode))
	}
	more, err := b.certificates(o, record.CheckMode)
	if err != nil {
		return nil, err
	}
	return pair(txns, append(described, more...))
}

func (b *boulderLimiter) issuance(o order) ([]transaction, error) {
	txns, err := b.builder.CertificatesPerDomainSpendOnlyTransactions(o.id, o.idents)
	if err != nil {
		return nil, err
	}
	set, err := b.builder.CertificatesPerFQDNSetSpendOnlyTransaction(o.idents)
	if err != nil {
		return nil, err
	}
	described, err := b.certificates(o, record.SpendMode)
	if err != nil {
		return nil, err
	}
	return pair(append(txns, set), described)
}

// certificates describes the transactions of each registered domain, of
// which several names may have the same, and of the set of names.
func (b *boulderLimiter) certificates(o order, mode record.Mode) ([]Take, error) {
	var takes []Take
	var names, wires []string
	for _, i := range o.idents {
		wire, err := ratelimits.BuildBucketKey(ratelimits.CertificatesPerDomain, 0, i, nil, netip.Addr{})
		if err != nil {
			return nil, err
		}
		names, wires = append(names, i.Value), append(wires, wire)
	}
	slices.Sort(wires) // Boulder's order
	for _, wire := range slices.Compact(wires) {
		_, domain, _ := strings.Cut(wire, ":")
		takes = append(takes, Take{Limit: ratelimits.CertificatesPerDomain.String(), Key: domain, Wire: wire, Cost: 1, Mode: mode})
	}
	wire, err := ratelimits.BuildBucketKey(ratelimits.CertificatesPerFQDNSet, 0, noIdent, o.idents, netip.Addr{})
	if err != nil {
		return nil, err
	}
	return append(takes, Take{Limit: ratelimits.CertificatesPerFQDNSet.String(), Key: strings.Join(names, ","), Wire: wire, Cost: 1, Mode: mode}), nil
}

func (b *boulderLimiter) describe(name ratelimits.Name, key, id string, mode record.Mode) Take {
	return Take{Limit: name.String(), Key: key, Wire: name.EnumString() + ":" + id, Cost: 1, Mode: mode}
}

func (b *boulderLimiter) mode() record.Mode {
	if b.does == record.CheckMode {
		return record.CheckMode
	}
	return record.TakeMode
}

// pair joins Boulder's transactions to our descriptions of them.
func pair(txns []ratelimits.Transaction, takes []Take) ([]transaction, error) {
	if len(txns) != len(takes) {
		return nil, fmt.Errorf("boulder made %d transactions where %d limits were expected: configure every limit of the request", len(txns), len(takes))
	}
	pairs := make([]transaction, len(txns))
	for i := range txns {
		pairs[i] = transaction{txns[i], takes[i]}
	}
	return pairs, nil
}

// singleUnit is single with a cost that Boulder's transactions have.
func singleUnit(req Request) (Take, error) {
	take, err := single(req)
	if err == nil && take.Cost > 1 {
		err = unitCost(take)
	}
	return take, err
}

func unitCost(t Take) error {
	return fmt.Errorf("limit %s: boulder's transactions cost 1, found a cost of %d: leave cost out", t.Limit, t.Cost)
}
