package drive

import (
	"runtime"
	"runtime/debug"
)

// A simulation makes much short-lived garbage beside a small live heap, so
// that at Go's default the collector runs many times a second: a quarter of
// the speed. A ballast that is never touched, and so takes no memory, keeps
// the next collection at least gcPercent/100·ballast bytes away; gcPercent
// bounds what large runs take, 435 MB at 110 MB live, which is 10 million
// decisions over 100,000 keys.
const (
	ballastBytes = 64 << 20
	gcPercent    = 150
)

// TuneGC sets the garbage collector for simulations until the returned
// function is called.
func TuneGC() (undo func()) {
	ballast := make([]byte, ballastBytes)
	before := debug.SetGCPercent(gcPercent)
	return func() {
		debug.SetGCPercent(before)
		runtime.KeepAlive(ballast)
	}
}
