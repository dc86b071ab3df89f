package clock

import (
	"bytes"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
)

// Caller returns the running Proc if it is the caller, nil on any other
// goroutine, which must not touch what the Scheduler's steps share.
func (s *Scheduler) Caller() *Proc {
	if p := s.Current(); p != nil && p.self.Load() == self() {
		return p
	}
	return nil
}

// goroutine returns the number of the running goroutine.
func goroutine() int64 {
	var text [32]byte
	return numberOf(text[:runtime.Stack(text[:], false)])
}

// numberOf reads the number of a goroutine off its stack's text.
func numberOf(stack []byte) int64 {
	word, _, _ := bytes.Cut(bytes.TrimPrefix(stack, []byte("goroutine ")), []byte(" "))
	n, err := strconv.ParseInt(string(word), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// Function returns the name of the function under test that called, skipping
// the harness, go-redis and the standard library; "" if there is none.
func Function() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if underTest(frame.Function) {
			return path.Base(frame.Function)
		}
		if !more {
			return ""
		}
	}
}

// mainModule is the path of the program's own module, whose packages may have
// names like those of the standard library.
var mainModule = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
})

// harness are the packages that are never under test.
var harness = []string{"sim/clock", "sim/fakeredis", "sim/foreign", "sim/run"}

// underTest reports whether a function, by its full name, may be of a system
// under test.
func underTest(function string) bool {
	slash := strings.LastIndexByte(function, '/') + 1
	dot := strings.IndexByte(function[slash:], '.')
	if dot < 0 {
		return false
	}
	pkg := function[:slash+dot]
	for _, h := range harness {
		if pkg == "github.com/quotalab/quotalab/"+h {
			return false
		}
	}
	first, _, _ := strings.Cut(pkg, "/")
	own := mainModule()
	return pkg == "main" || own != "" && (pkg == own || strings.HasPrefix(pkg, own+"/")) ||
		strings.Contains(first, ".") && !strings.HasPrefix(pkg, "github.com/redis/") && first != "golang.org"
}
