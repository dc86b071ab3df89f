package scenarios

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// With is the scenario with other values at some paths, without its sweep,
// decoded anew from the file: defaults that depend on a value follow it. What
// is wrong with a setting, alone or beside the others, is told where the sweep
// gives the value. Repeat 0 keeps the seed; the others have one that is
// derived from it and the number, below 2⁵³, which JSON keeps exactly. A seed
// that does not come from the file is one of the settings. What else was
// changed in s (OnLive, Begin) is to be changed again.
func (s *Scenario) With(settings []Setting, repeat int) (*Scenario, Problems) {
	d := newDecoder(s.source, "scenario")
	root := d.parse()
	if root == nil {
		return nil, d.problems.Sort()
	}
	root.Values = slices.DeleteFunc(root.Values, func(kv *ast.MappingValueNode) bool { return keyIs(kv, "sweep") })
	for _, set := range settings {
		key, value := s.settingPos(set)
		slot, mistake := locate(root, set.Path, key)
		if mistake != nil {
			d.report(key, "sweep", "%s: %s", set.Path, mistake.Msg)
			continue
		}
		slot.set(scalarAt(set.Value, value))
	}
	cell := d.scenario(root)
	if repeat > 0 {
		cell.Seed = repeatSeed(cell.Seed, repeat)
	}
	return cell, d.problems.Sort()
}

// settingPos is where the sweep names the path of a setting, and where its
// value; that of a search stands at the search, one that the sweep does not
// have at its block.
func (s *Scenario) settingPos(set Setting) (key, value Pos) {
	if s.Sweep == nil {
		return Pos{1, 1}, Pos{1, 1}
	}
	if a, ok := s.Sweep.Axes.Get(set.Path); ok {
		at := join("sweep.axes", set.Path)
		if i := slices.Index(a.Values, set.Value); i >= 0 {
			return s.Pos(at), s.Pos(join(at, strconv.Itoa(i)))
		}
		return s.Pos(at), s.Pos(at)
	}
	if f := s.Sweep.Find; f != nil && f.Axis == set.Path {
		switch set.Value {
		case f.From:
			return s.Pos("sweep.find.axis"), s.Pos("sweep.find.from")
		case f.To:
			return s.Pos("sweep.find.axis"), s.Pos("sweep.find.to")
		}
		return s.Pos("sweep.find.axis"), s.Pos("sweep.find.axis")
	}
	return s.Pos("sweep"), s.Pos("sweep")
}

func repeatSeed(seed uint64, repeat int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "quotalab repeat 1\x00%d\x00%d", seed, repeat))
	return binary.BigEndian.Uint64(sum[:8]) >> 11
}

// scalarAt is a value of a file as a node that stands elsewhere.
func scalarAt(text string, at Pos) *ast.StringNode {
	return ast.String(&token.Token{Type: token.StringType, Value: text, Position: &token.Position{Line: at.Line, Column: at.Column}})
}

func keyIs(kv *ast.MappingValueNode, name string) bool {
	s, ok := text(kv.Key)
	return ok && s == name
}
