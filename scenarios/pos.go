package scenarios

import "fmt"

// Pos is a place in a scenario file, both counted from 1, columns in
// characters.
type Pos struct{ Line, Column int }

func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

func (p Pos) compare(q Pos) int {
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// Pos tells where a dotted path stands: a scalar at its value, a mapping or
// list at its key, a path that was left out at its nearest written parent.
func (s *Scenario) Pos(path string) Pos {
	for {
		if p, ok := s.Positions[path]; ok {
			return p
		}
		if path == "" {
			return Pos{1, 1}
		}
		path = parent(path)
	}
}

// Written tells whether the file gives the path, as opposed to a default.
func (s *Scenario) Written(path string) bool {
	_, ok := s.Positions[path]
	return ok
}
