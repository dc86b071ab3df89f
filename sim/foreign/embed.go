package foreign

import "embed"

// shims give runtimes the virtual clock.
//
//go:embed shims
var shims embed.FS
