package summary

import "testing"

func TestGlossary(t *testing.T) {
	s := &Summary{Causes: []ThresholdCause{{Cause: "prefilter>overtaken"}, {Cause: "overtaken"}, {Cause: "of another version"}}}
	var words string
	for _, term := range s.Glossary() {
		words += string(term.Cause) + ": " + term.Meaning + "; "
	}
	if want := "overtaken: a higher threshold was told instead; prefilter: the account's cached usage was too low, so the engine did not look closer; "; words != want {
		t.Errorf("got %s, expected %s", words, want)
	}
}
