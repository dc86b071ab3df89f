package scenarios

import "testing"

// TestGateSchemaIsCommitted keeps gate.schema.json, which a gate.yaml can name
// in its first line, the one that GateSchema makes.
func TestGateSchemaIsCommitted(t *testing.T) {
	got, err := GateSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "gate.schema.json", string(got))
}
