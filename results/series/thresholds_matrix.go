package series

import (
	"cmp"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// cells are the matrix while it is counted.
type cells struct {
	of    map[cellKey]*MatrixCell
	first map[string]int64 // by group: the least id of an account that crossed a threshold
}

type cellKey struct {
	engine, group string
	level         int64
}

func newCells() *cells { return &cells{map[cellKey]*MatrixCell{}, map[string]int64{}} }

func (c *cells) add(v *audit.AccountVerdicts) {
	for i := range v.Obligations {
		o := &v.Obligations[i]
		if o.Verdict == audit.Censored {
			continue
		}
		cell := c.cell(cellKey{v.Engine.Name, v.Group, o.Threshold})
		cell.Crossings++
		if o.Verdict == audit.Missed {
			cell.Missed++
		}
		if id, known := c.first[v.Group]; !known || v.Account < id {
			c.first[v.Group] = v.Account
		}
	}
}

func (c *cells) cell(k cellKey) *MatrixCell {
	cell := c.of[k]
	if cell == nil {
		cell = &MatrixCell{Engine: k.engine, Group: k.group, Level: k.level}
		c.of[k] = cell
	}
	return cell
}

// matrix is the groups and the cells in order.
func (c *cells) matrix(m *record.Manifest) (groups []string, list []MatrixCell) {
	groups = slices.SortedFunc(maps.Keys(c.first), func(a, b string) int { return cmp.Compare(c.first[a], c.first[b]) })
	engines := map[string]int{}
	for i, e := range m.Engines {
		engines[e.Name] = i
	}
	for _, cell := range c.of {
		list = append(list, *cell)
	}
	slices.SortFunc(list, func(a, b MatrixCell) int {
		return cmp.Or(cmp.Compare(engines[a.Engine], engines[b.Engine]), cmp.Compare(c.first[a.Group], c.first[b.Group]), cmp.Compare(a.Level, b.Level))
	})
	return groups, list
}
