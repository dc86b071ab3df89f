package trace

import (
	_ "embed"
	"io"
	"strings"
)

// SampleName is the name that a scenario gives in place of a file for Sample.
const SampleName = "access-log-sample"

//go:embed sample.log
var sample string

// Sample is a small access log in the combined format: 2,000 requests of 300
// addresses from the ranges reserved for documentation, over the 24 hours of
// 14 January 2026 (UTC). Three addresses behave badly for some minutes. It is
// synthetic: sample_test.go makes it.
func Sample() io.Reader { return strings.NewReader(sample) }
