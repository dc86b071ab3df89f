package child

import (
	"bytes"
	"strings"
	"sync"
)

// LastWords keeps the end of what a server writes to its log.
type LastWords struct {
	mu   sync.Mutex
	text []byte
}

const (
	longestLog = 8 << 10 // bytes kept
	shownLines = 8
)

// Write adds to them.
func (l *LastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - longestLog; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

// Contains reports whether s is among them.
func (l *LastWords) Contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text, []byte(s))
}

// String returns the last lines, indented, for the end of an error.
func (l *LastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(string(l.text))
	if text == "" {
		return "; its log is empty"
	}
	lines := strings.Split(text, "\n")
	if len(lines) > shownLines {
		lines = lines[len(lines)-shownLines:]
	}
	return "; the end of its log:\n\t" + strings.Join(lines, "\n\t")
}

// Forget drops what was said in an earlier life.
func (l *LastWords) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = nil
}
