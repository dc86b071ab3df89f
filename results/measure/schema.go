package measure

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the JSON Schema of the JSON summary.
func Schema() ([]byte, error) {
	s, err := jsonschema.For[Summary](nil)
	if err != nil {
		return nil, fmt.Errorf("schema of the summary: %w", err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "quotalab summary"
	s.Description = "What a run of quotalab came to, by outcome."
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("schema of the summary: %w", err)
	}
	return b.Bytes(), nil
}
