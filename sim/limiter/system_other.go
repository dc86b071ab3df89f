//go:build !windows

package limiter

// ofSystem returns the kinds that not every operating system can build.
func ofSystem() Kinds { return Kinds{"boulder": boulder} }

// Missing returns what this build leaves out and why; "" if nothing.
func Missing() string { return "" }
