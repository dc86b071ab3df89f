package fault

import (
	"reflect"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
)

// Every fault of the language is in the table once, and everything in the
// table is of the language, has words, and can happen somewhere.
func TestKindsAreThoseOfTheLanguage(t *testing.T) {
	language := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[scenarios.Fault]()) {
		if field.Tag.Get("one") != "" {
			language[field.Tag.Get("yaml")] = true
		}
	}
	f := Fault{Name: "b", RTT: network.Constant(time.Millisecond), BytesPerSecond: 1, Offset: time.Second}
	for _, d := range kinds {
		if !language[string(d.Kind)] {
			t.Errorf("%s is not of the language, or in the table twice", d.Kind)
		}
		delete(language, string(d.Kind))
		if d.Kind.Of() != d || d.Words(f) == "" {
			t.Errorf("%s is not found, or has no words", d.Kind)
		}
		if embedded, live := d.Embedded != nil, d.Live != nil || d.Link != nil; embedded != live || embedded == (d.Client != nil) {
			t.Errorf("%s: embedded shards %t, live shards %t, a client %t", d.Kind, embedded, live, d.Client != nil)
		}
	}
	if len(language) > 0 {
		t.Errorf("not in the table: %v", language)
	}
	if d := Kind("flood").Of(); d.Embedded != nil || d.Live != nil || d.Link != nil || d.Client != nil {
		t.Error("a kind that there is not can happen")
	}
}
