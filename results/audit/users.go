package audit

import (
	"net/netip"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

// userAudit judges limiters as if they had been asked by who sent the requests, in
// a run in which a user of some traffic has many addresses, each a key.
type userAudit struct {
	manifest *record.Manifest
	bits     map[string]int // by traffic, of those whose keys are such addresses
	auditors map[string]*auditor
	copy     record.Observation
	users    map[string]string // of addresses, so that each text is there once
}

func newUserAudit(m *record.Manifest) *userAudit {
	u := &userAudit{manifest: m, bits: map[string]int{}, auditors: map[string]*auditor{}, users: map[string]string{}}
	for _, t := range m.Traffic {
		if t.UserBits > 0 {
			u.bits[t.Name] = t.UserBits
		}
	}
	return u
}

func (u *userAudit) observe(o *record.Observation) error {
	if len(u.bits) == 0 {
		return nil
	}
	bits, a := u.bits[o.Traffic], u.auditors[o.Limiter]
	if a == nil {
		var err error
		i := slices.IndexFunc(u.manifest.Limiters, func(l record.Limiter) bool { return l.Name == o.Limiter })
		if a, err = newAuditor(u.manifest.Limiters[i], u.manifest); err != nil {
			return err
		}
		u.auditors[o.Limiter] = a
	}
	u.copy = *o
	u.copy.Takes = slices.Clone(o.Takes)
	for i := range u.copy.Takes {
		if t := &u.copy.Takes[i]; bits > 0 {
			t.Key, t.Number = u.user(t.Key, bits), 0
		}
	}
	return a.observe(&u.copy)
}

// user returns the range of an address; another key is a user itself.
func (u *userAudit) user(key string, bits int) string {
	address, err := netip.ParseAddr(key)
	if err != nil || address.BitLen() < bits {
		return key
	}
	text := netip.PrefixFrom(address, bits).Masked().String()
	if known, ok := u.users[text]; ok {
		return known
	}
	u.users[text] = text
	return text
}

// finish returns what was found of a limiter, nil if it was not judged by users.
func (u *userAudit) finish(limiter string) *Limiter {
	a := u.auditors[limiter]
	if a == nil {
		return nil
	}
	out := a.finish()
	return &out
}
