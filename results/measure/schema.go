package measure

import (
	"bytes"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/results/wording"
)

// Schema is the JSON Schema of the JSON summary.
func Schema() ([]byte, error) {
	return SchemaOf[Summary]("quotalab summary", "What a run of quotalab came to, by outcome.")
}

// SchemaOf is the JSON Schema of a type that is written as JSON.
func SchemaOf[T any](title, description string) ([]byte, error) {
	s, err := jsonschema.For[T](nil)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title, s.Description = title, description
	var b bytes.Buffer
	if err := wording.JSON(&b, s); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, err)
	}
	return b.Bytes(), nil
}
