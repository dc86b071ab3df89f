package record_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// A record of schema version 2, whose columns had other names and no NULL, is read as
// it was written: written again it has the same hash.
func TestOlderRecord(t *testing.T) {
	old, err := record.Open(filepath.Join("testdata", "version-2"))
	must(t, err)
	m := old.Manifest()
	if m.SchemaVersion != 2 || m.Count == 0 || m.AccountCount == 0 || m.EvaluationCount == 0 {
		t.Fatalf("the record is of version %d with %d observations, %d accounts and %d evaluations, expected version 2 and some of each", m.SchemaVersion, m.Count, m.AccountCount, m.EvaluationCount)
	}
	w, err := record.Create(t.TempDir(), record.Manifest{Epoch: m.Epoch})
	must(t, err)
	failed := 0
	for o, err := range old.Observations() {
		must(t, err)
		must(t, w.Write(o))
		if o.Error != "" {
			failed++
		}
	}
	for a, err := range old.Accounts() {
		must(t, err)
		must(t, w.WriteAccount(a))
	}
	for e, err := range old.Evaluations() {
		must(t, err)
		must(t, w.WriteEvaluation(e))
	}
	if failed == 0 {
		t.Error("no observation of the record failed, expected some: their texts are NULL in the others")
	}
	again, err := w.Close(nil)
	must(t, err)
	if again.Hash != m.Hash || again.SchemaVersion != record.SchemaVersion {
		t.Errorf("written again the hash is %s (schema version %d), expected %s", again.Hash, again.SchemaVersion, m.Hash)
	}
	r, err := record.Open(w.Dir())
	must(t, err)
	must(t, r.Verify())
}

// A part says to other programs who wrote it, what its columns hold, when things
// happened, and what is not known.
func TestPartForOthers(t *testing.T) {
	epoch := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	drop := record.Observation{Traffic: "main", Limiter: "tat", Intended: 5, Done: 5, Sent: -1, Judged: -1, Effect: -1, Order: -1, Decision: record.Dropped, Key: record.Unread, Remaining: -1, RetryAfter: -1, RoundTrips: -1}
	sent := record.Observation{Traffic: "main", Client: "default", Limiter: "tat", Intended: 6, Sent: 0, Done: 9, Judged: 0, Effect: 7, Decision: record.Allowed, Key: record.Found}
	dir := testkit.WriteRecord(t, record.Manifest{Scenario: "s", Epoch: epoch, Versions: map[string]string{"quotalab": "v1.2.3", "revision": "abc"}}, []record.Observation{drop, sent}).Dir()
	file, err := os.Open(filepath.Join(dir, "observations", "part-00000.parquet"))
	must(t, err)
	defer file.Close()
	info, err := file.Stat()
	must(t, err)
	f, err := parquet.OpenFile(file, info.Size())
	must(t, err)
	if by := f.Metadata().CreatedBy; by != "quotalab version v1.2.3 (build abc)" {
		t.Errorf("created_by is %q", by)
	}
	for key, want := range map[string]string{
		"quotalab.epoch":              "2026-03-01T12:00:00Z",
		"quotalab.column.retry_after": "nanoseconds: how long to wait, as the limiter says",
		"quotalab.column.sent":        "nanoseconds since 1970-01-01T00:00:00Z: when it was sent",
		"quotalab.column.takes[].key": "what is limited, such as an address or an account",
	} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("metadata %s is %q, expected %q", key, got, want)
		}
	}
	rows := make([]parquet.Row, 2)
	reader := parquet.NewReader(f)
	n, _ := reader.ReadRows(rows) // io.EOF with the last
	must(t, reader.Close())
	if n != 2 {
		t.Fatalf("%d rows, expected 2", n)
	}
	for _, c := range []struct{ column, dropped, sent string }{
		{"client", "<null>", "default"},
		{"intended", at(epoch, 5), at(epoch, 6)},
		{"sent", "<null>", at(epoch, 0)},
		{"judged", "<null>", at(epoch, 0)},
		{"effect", "<null>", at(epoch, 7)},
		{"effect_order", "<null>", "0"},
		{"key_state", "unread", "found"},
		{"remaining", "<null>", "0"},
		{"retry_after", "<null>", "0"},
		{"round_trips", "<null>", "0"},
		{"error", "<null>", "<null>"},
		{"message", "<null>", "<null>"},
	} {
		leaf, ok := f.Schema().Lookup(c.column)
		if !ok {
			t.Errorf("there is no column %s", c.column)
			continue
		}
		isTime := leaf.Node.Type().LogicalType() != nil && strings.HasPrefix(leaf.Node.Type().LogicalType().String(), "TIMESTAMP(isAdjustedToUTC=true,unit=NANOS")
		if wants := strings.HasPrefix(c.sent, at(epoch, 0)[:8]); isTime != wants {
			t.Errorf("column %s: it is a point in time in UTC: %t (%s), expected %t", c.column, isTime, leaf.Node.Type(), wants)
		}
		for i, want := range []string{c.dropped, c.sent} {
			if got := rows[i][leaf.ColumnIndex].String(); got != want {
				t.Errorf("column %s of row %d is %s, expected %s", c.column, i, got, want)
			}
		}
	}
}

// at is a point in time as a file has it.
func at(epoch time.Time, after int64) string {
	return parquet.Int64Value(epoch.UnixNano() + after).String()
}
