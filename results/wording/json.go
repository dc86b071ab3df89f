package wording

import (
	"encoding/json"
	"io"
)

// JSON writes v as people read it too: indented, with <, > and & as they are,
// and a newline at its end.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
