package scenarios

// Pos is a place in a scenario file, both counted from 1.
type Pos struct{ Line, Column int }
