package quota

// forgottenOf: one account in this many is forgotten.
const forgottenOf = 50

// NewBroken builds a test double: a CatchUp that forgets one account in fifty,
// those of ids 1, 51, 101 and so on. The harness is itself tested by whether it
// catches it.
func NewBroken(o CatchUpOptions) (*CatchUp, error) {
	if o.Name == "" {
		o.Name = "broken"
	}
	if o.Accounts != nil {
		o.Accounts = forgetful{o.Accounts}
	}
	return NewCatchUp(o)
}

// forgetful Accounts leave some out of the list.
type forgetful struct{ Accounts }

// Forgotten tells whether the broken engine forgets an account.
func Forgotten(id int64) bool { return id%forgottenOf == 1 }

func (f forgetful) IDs() []int64 {
	all := f.Accounts.IDs()
	kept := make([]int64, 0, len(all))
	for _, id := range all {
		if !Forgotten(id) {
			kept = append(kept, id)
		}
	}
	return kept
}
