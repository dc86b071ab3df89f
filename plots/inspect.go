package plots

import (
	"slices"

	"github.com/quotalab/quotalab/results/series"
)

// RecordNames tell some records apart, as figures of several do.
func RecordNames(sets []*series.Set) []string { return recordNames(sets) }

// Empty tells whether the figure says only why it has no data.
func (f *Figure) Empty() bool {
	return !slices.ContainsFunc(f.panels, func(p panel) bool { return p.empty == "" })
}
