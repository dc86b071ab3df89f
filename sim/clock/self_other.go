//go:build !amd64 && !arm64

package clock

// self returns what tells the running goroutine from all others that live. On
// these processors that takes 20 µs.
func self() uintptr { return uintptr(goroutine()) }
