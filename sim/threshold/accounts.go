package threshold

import (
	"math"
	"slices"
)

// Unknown is an instant that an engine does not know.
const Unknown = math.MinInt64

// Account is what an engine knows about one account.
type Account struct {
	ID        int64
	Free      bool  // on a free plan, which counts the last 30 days
	FreeLimit int64 // limit of free plans
	// Cached says that there is a row about its subscription. Without one
	// Allowed has its default and the billing dates are unknown.
	Cached       bool
	Allowed      int64 // limit of paid plans
	BillingStart int64 // first day of the first period, or Unknown
	BillingEnd   int64 // or Unknown
	Recent       int64 // cached total of the last 30 days
	Cancelled    bool  // a date of cancellation is set
	Admins       int64
	Members      int64 // beside the admins
}

// Accounts are what an engine knows about its customers.
type Accounts interface {
	// IDs ascend. The slice must not be changed and is valid until an
	// account is added.
	IDs() []int64
	Account(id int64) (Account, bool)
	// SetRecent updates the cached total of the last 30 days.
	SetRecent(id, units int64)
}

// Directory is Accounts in memory. The zero value is empty.
type Directory struct {
	ids  []int64
	byID map[int64]*Account
}

// IDs returns the ids in ascending order.
func (d *Directory) IDs() []int64 { return d.ids }

// Account returns one account, false if there is none.
func (d *Directory) Account(id int64) (Account, bool) {
	a, ok := d.byID[id]
	if !ok {
		return Account{}, false
	}
	return *a, true
}

// SetRecent updates a cached total. An unknown account is left alone.
func (d *Directory) SetRecent(id, units int64) {
	if a, ok := d.byID[id]; ok {
		a.Recent = units
	}
}

// Put adds or replaces an account. Adding them in ascending order is cheap.
func (d *Directory) Put(a Account) {
	if old, ok := d.byID[a.ID]; ok {
		*old = a
		return
	}
	if d.byID == nil {
		d.byID = map[int64]*Account{}
	}
	d.byID[a.ID] = &a
	i, _ := slices.BinarySearch(d.ids, a.ID)
	d.ids = slices.Insert(d.ids, i, a.ID)
}
