//go:build !windows

package limiter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jmhodges/clock"
	"github.com/letsencrypt/boulder/config"
	"github.com/letsencrypt/boulder/identifier"
	blog "github.com/letsencrypt/boulder/log"
	"github.com/letsencrypt/boulder/ratelimits"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// boulder is github.com/letsencrypt/boulder/ratelimits, unmodified, on its
// own Redis source.
var boulder = Kind{
	About:     "Let's Encrypt's ratelimits package, unmodified, with its own transactions",
	Algorithm: "gcra", Resolution: 0, Batch: true, RingOnly: true, TAT: unixNanoTAT,
	Options: []Option{{
		Name: "transactions", Default: overrideRequest, Values: []string{overrideRequest, newAccount, newOrder},
		About: "override_request: one limit by address, any key is mapped to one, and a client that spends also checks, as Boulder has no other way; new_account: the address's and its /48 range's limits; new_order: the account's, each domain's and the exact name set's",
	}},
	Expands:      func(options map[string]string) bool { return options["transactions"] != overrideRequest },
	Check:        checkBoulder,
	CheckRequest: checkBoulderRequest,
	New:          newBoulder,
	Telemetry:    spendLatency,
}

type boulderLimiter struct {
	limiter *ratelimits.Limiter
	builder *ratelimits.TransactionBuilder
	does    record.Mode
	limit   string // the scenario's name of the only limit (override_request)
	expand  func(*boulderLimiter, Request) ([]transaction, error)
}

// transaction is one of Boulder's with the take that describes it.
type transaction struct {
	ratelimits.Transaction
	take Take
}

func newBoulder(env Env) (Limiter, error) {
	ring, ok := env.Redis.(*redis.Ring)
	if !ok {
		return nil, fmt.Errorf("boulder takes only a *redis.Ring, found %T", env.Redis)
	}
	kind := env.Options["transactions"]
	builder, err := newBuilder(env, kind)
	if err != nil {
		return nil, err
	}
	clk := boulderClock{env.Clock}
	source := ratelimits.NewRedisSource(ring, clk, env.Registerer)
	limiter, err := ratelimits.NewLimiter(clk, source, env.Registerer)
	if err != nil {
		return nil, err
	}
	return &boulderLimiter{limiter: limiter, builder: builder, does: env.Does, limit: env.Spec.Limits[0].Name, expand: expansions[kind]}, nil
}

// newBuilder gives Boulder the scenario's limits and waits until it has
// taken over the overrides.
func newBuilder(env Env, kind string) (*ratelimits.TransactionBuilder, error) {
	defaults := ratelimits.LimitConfigs{}
	for _, l := range env.Spec.Limits {
		defaults[boulderName(kind, l.Name)] = &ratelimits.LimitConfig{Burst: l.Burst, Count: l.Count, Period: config.Duration{Duration: l.Period}}
	}
	overrides, err := boulderOverrides(env.Spec, kind)
	if err != nil {
		return nil, err
	}
	refresh := func(context.Context, gauge, blog.Logger) (ratelimits.Limits, error) { return overrides, nil }
	builder, err := ratelimits.NewTransactionBuilder(defaults, refresh, env.Registerer, noLog{})
	if err != nil || len(overrides) == 0 {
		return builder, err
	}
	loaded := make(chan struct{})
	builder.OnHealthy(func() { close(loaded) })
	stop := builder.NewRefresher(365 * 24 * time.Hour)
	<-loaded
	stop()
	for !builder.Ready() { // Ready takes the lock that loading holds to its end
	}
	return builder, nil
}

// Take runs the client's part: Check, or BatchSpend of what the request
// expands to. Boulder has no way to spend its override limit without
// checking, so there spending is taking, as in its registration authority.
func (b *boulderLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	txns, err := b.expand(b, req)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Allowed: true, Remaining: -1, RetryAfter: -1}
	for _, t := range txns {
		d.Takes = append(d.Takes, t.take)
	}
	if b.does == record.CheckMode {
		return d, b.check(ctx, txns, &d)
	}
	plain := make([]ratelimits.Transaction, len(txns))
	for i, t := range txns {
		plain[i] = t.Transaction
	}
	result, err := b.limiter.BatchSpend(ctx, plain)
	if err != nil {
		return d, err
	}
	d.fromBoulder(result)
	return d, nil
}

// check asks for one transaction after another, as there is no batch of
// checks, and stops at the first denial.
func (b *boulderLimiter) check(ctx context.Context, txns []transaction, d *Decision) error {
	fewest := int64(math.MaxInt64)
	for _, t := range txns {
		result, err := b.limiter.Check(ctx, t.Transaction)
		if err != nil {
			return err
		}
		if d.fromBoulder(result); !d.Allowed {
			return nil
		}
		if d.Remaining >= 0 {
			fewest = min(fewest, d.Remaining)
		}
	}
	if d.Remaining = fewest; fewest == math.MaxInt64 {
		d.Remaining = -1
	}
	return nil
}

// fromBoulder reads a Decision. Its fields are private, and its Result adds
// up to 3 % of random jitter from a global source to the wait, so they are
// read by reflection.
func (d *Decision) fromBoulder(result *ratelimits.Decision) {
	v := reflect.ValueOf(result).Elem()
	d.Allowed = v.FieldByName("allowed").Bool()
	d.Remaining = v.FieldByName("remaining").Int()
	if d.Remaining == math.MaxInt64 {
		d.Remaining = -1 // no limit took part in the decision
	}
	d.RetryAfter = 0
	if !d.Allowed {
		d.RetryAfter = time.Duration(v.FieldByName("retryIn").Int())
	}
}

// boulderClock is a clock as Boulder wants it. Its limiter only reads the
// time; waiting by a clock would stop the scheduler.
type boulderClock struct{ Clock }

func (c boulderClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (boulderClock) Sleep(time.Duration) { panic(errWaits) }

func (boulderClock) After(time.Duration) <-chan time.Time { panic(errWaits) }

func (boulderClock) NewTimer(time.Duration) *clock.Timer { panic(errWaits) }

var errWaits = errors.New("boulder's limiter waits by its clock, which virtual time cannot do")

// noLog is a logger as Boulder wants it, for what it says of its overrides.
// Boulder's own for tests starts a goroutine that nothing ends.
type noLog struct{}

func (noLog) Err(string)                             {}
func (noLog) Errf(string, ...any)                    {}
func (noLog) Warning(string)                         {}
func (noLog) Warningf(string, ...any)                {}
func (noLog) Info(string)                            {}
func (noLog) Infof(string, ...any)                   {}
func (noLog) InfoObject(string, any)                 {}
func (noLog) Debug(string)                           {}
func (noLog) Debugf(string, ...any)                  {}
func (noLog) AuditInfo(string, any)                  {}
func (noLog) AuditErr(string, error, map[string]any) {}

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
		if t.Cost != 1 {
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
			return fmt.Errorf("transactions %s: expected one limit, found %d: for several, write transactions %s or %s into options", kind, len(spec.Limits), newAccount, newOrder)
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
	if err == nil && take.Cost != 1 {
		err = unitCost(take)
	}
	return take, err
}

func unitCost(t Take) error {
	return fmt.Errorf("limit %s: boulder's transactions cost 1, found a cost of %d: leave cost out", t.Limit, t.Cost)
}
