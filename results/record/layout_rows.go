package record

import "fmt"

// layout is all that is particular to one kind of rows: observations,
// accounts or evaluations.
type layout[T any] struct {
	dir  string // folder of the parts
	name string // of the rows, in sentences
	seed string // begins the hash: one for each kind of rows and version of its encoding

	encode  func(b []byte, row *T) []byte // appends the canonical encoding, for the hash
	keep    func(row *T, a *arenas)       // moves the row's lists into the arenas
	columns func() []column[T]
	check   func() func(row *T) error // what the rows of one reading must be, from the first on
	weight  func(row *T) int64        // of a row, where it is not 1: so many make up for that many others
	batch   int                       // rows that are read at once
}

func observationRows() *layout[Observation] {
	return &layout[Observation]{
		dir: ObservationsDir, name: "observations", seed: "quotalab observations 1\n", batch: batchRows,
		encode: appendObservation, columns: observationColumns, check: gapless,
		keep: func(o *Observation, a *arenas) {
			o.Takes, o.Touched = keep(&a.takes, o.Takes), keep(&a.touched, o.Touched)
		},
	}
}

// gapless checks the sequence numbers of observations.
func gapless() func(*Observation) error {
	next := int64(0)
	return func(o *Observation) error {
		if o.Seq != next {
			return fmt.Errorf("observation %d has the sequence number %d", next, o.Seq)
		}
		next++
		return nil
	}
}

// accountBatch is few because one account may have a hundred thousand
// instants of usage.
const accountBatch = 16

func accountRows() *layout[Account] {
	return &layout[Account]{
		dir: AccountsDir, name: "accounts", seed: "quotalab accounts 1\n", batch: accountBatch,
		encode: appendAccount, columns: accountColumns, check: ascending,
		keep: func(a *Account, to *arenas) {
			a.Contract = keep(&to.segments, a.Contract)
			a.At, a.Units = keep(&to.ints, a.At), keep(&to.ints, a.Units)
		},
		weight: func(a *Account) int64 { return 1 + int64(len(a.At)) },
	}
}

// ascending checks accounts one after the other.
func ascending() func(*Account) error {
	first, before := true, int64(0)
	return func(a *Account) error {
		switch {
		case !first && a.ID <= before:
			return fmt.Errorf("account %d comes after account %d, expected ascending ids", a.ID, before)
		case len(a.At) != len(a.Units):
			return fmt.Errorf("account %d has %d instants of usage and %d numbers of units, expected as many", a.ID, len(a.At), len(a.Units))
		}
		first, before = false, a.ID
		return nil
	}
}

func evaluationRows() *layout[Evaluation] {
	return &layout[Evaluation]{
		dir: EvaluationsDir, name: "evaluations", seed: "quotalab evaluations 1\n", batch: batchRows,
		encode: appendEvaluation, columns: evaluationColumns,
		keep:  func(*Evaluation, *arenas) {},
		check: func() func(*Evaluation) error { return func(*Evaluation) error { return nil } },
	}
}
