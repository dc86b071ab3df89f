package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Second in nanoseconds. Vectors count seconds, everything else nanoseconds.
const Second = int64(1_000_000_000)

// Time is an instant or a duration in nanoseconds, in JSON in seconds.
type Time int64

// UnmarshalJSON reads seconds.
func (t *Time) UnmarshalJSON(data []byte) error {
	var seconds int64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	*t = Time(seconds * Second)
	return nil
}

// Vector is one recorded case.
type Vector struct {
	ID            string           `json:"id"`
	Pattern       string           `json:"pattern"`
	Note          string           `json:"note"`
	Generation    string           `json:"generation"`
	Commit        string           `json:"commit"`
	Pull          int              `json:"pr"`
	Options       Options          `json:"options"`
	Organisations []Organisation   `json:"organisations"`
	Changes       []Change         `json:"changes"`
	Usage         []Usage          `json:"usage"`
	Evaluations   []EvaluationTime `json:"evaluations"`
	CacheRefresh  []Time           `json:"cache_refresh"`
	Thresholds    []int64          `json:"thresholds"`
	Truth         struct {
		Limits map[string]int64 `json:"limits"` // by organisation
	} `json:"truth"`
	Expect Expect `json:"expect"`
}

// Options are the settings of a vector.
type Options struct {
	Downsample      bool      `json:"downsample"`
	QueryLatency    Time      `json:"query_latency_s"`
	MailLatency     Time      `json:"mail_latency_s"`
	InfluxDown      [][2]Time `json:"influx_down"`
	MailDown        [][2]Time `json:"mail_down"`
	FlagEnabledFrom *Time     `json:"flag_enabled_from"`
	UsageSource     string    `json:"usage_source"` // "influx" (default), "postgres" or "influx_total"
}

// Organisation as it is at the beginning. Of optional fields nil means absent.
type Organisation struct {
	ID           int64            `json:"id"`
	Plan         string           `json:"plan"`
	MaxAPICalls  *int64           `json:"max_api_calls"`
	Allowed      *int64           `json:"allowed"`
	BillingStart Optional[Time]   `json:"billing_starts_at"`
	BillingEnd   Optional[Time]   `json:"billing_ends_at"`
	Cancellation Optional[Time]   `json:"cancellation"`
	Name         *string          `json:"name"`
	Admins       *int64           `json:"admins"`
	Members      *int64           `json:"members"`
	APICalls30d  Optional[*int64] `json:"api_calls_30d"`
}

// Change is one of an organisation.
type Change struct {
	T   Time   `json:"t"`
	Org int64  `json:"org"`
	Set Set    `json:"set"`
	Via string `json:"via"` // "" or "save", or "bulk"
}

// Set is the fields that a change sets.
type Set struct {
	Plan         *string          `json:"plan"`
	MaxAPICalls  *int64           `json:"max_api_calls"`
	Allowed      *int64           `json:"allowed"`
	BillingStart Optional[Time]   `json:"billing_starts_at"`
	BillingEnd   Optional[Time]   `json:"billing_ends_at"`
	Cancellation Optional[Time]   `json:"cancellation"`
	Name         *string          `json:"name"`
	Admins       *int64           `json:"admins"`
	Members      *int64           `json:"members"`
	APICalls30d  Optional[*int64] `json:"api_calls_30d"`
}

// Optional is a field that may be absent (zero), null (Present) or a value
// (Present and Known).
type Optional[T any] struct {
	Present bool
	Known   bool
	Value   T
}

// UnmarshalJSON reads null or a value.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	o.Present = true
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	o.Known = true
	return json.Unmarshal(data, &o.Value)
}

// EvaluationTime is when a run starts. With Overlap a second one starts
// inside its first send.
type EvaluationTime struct {
	T       Time
	Overlap bool
}

// UnmarshalJSON reads a time, or an object with one.
func (e *EvaluationTime) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '{' {
		return e.T.UnmarshalJSON(data)
	}
	var object struct {
		T       Time   `json:"t"`
		Overlap string `json:"overlap"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	if object.Overlap != "" && object.Overlap != "before_record" {
		return fmt.Errorf("overlap: expected before_record, found %q", object.Overlap)
	}
	*e = EvaluationTime{object.T, object.Overlap != ""}
	return nil
}

// Load reads vectors.jsonl of a folder. Fields that it does not know are
// passed over: if a rule hangs on one, the vector does not reproduce.
func Load(dir string) ([]Vector, error) {
	path := filepath.Join(dir, "vectors.jsonl")
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	vectors, err := Decode(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return vectors, nil
}

// Decode reads vectors, one JSON object after the other.
func Decode(r io.Reader) ([]Vector, error) {
	dec := json.NewDecoder(r)
	var vectors []Vector
	for {
		var v Vector
		switch err := dec.Decode(&v); {
		case errors.Is(err, io.EOF):
			return vectors, nil
		case err != nil:
			return nil, fmt.Errorf("vector %d: %w", len(vectors)+1, err)
		}
		vectors = append(vectors, v)
	}
}
