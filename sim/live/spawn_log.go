package live

import (
	"bytes"
	"strings"
	"sync"
)

// lastWords keeps the end of what a server writes to its log.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

const (
	longestLog = 8 << 10 // bytes kept
	shownLines = 8
)

func (l *lastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - longestLog; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *lastWords) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text, []byte(s))
}

// String is the last lines, indented, for the end of an error.
func (l *lastWords) String() string {
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

// forget what was said in an earlier life.
func (l *lastWords) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = nil
}
