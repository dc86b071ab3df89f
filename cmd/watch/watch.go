// Package watch serves the live page of a run or a sweep, and then its report, to who has the
// token of the address.
//
// In flow a way to look at what goes on (a Page) and at its end a page; out flow the
// page, and a stream of server-sent events that keep it up to date: view, a JSON string of
// what changes, and end. It answers nobody without the token, and no request whose
// Host is a name that is not its own (DNS rebinding). What is drawn is plots/report's.
//
// cmd imports it.
package watch

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/meter"
)

const (
	every       = 500 * time.Millisecond // a view is sent
	patience    = 5 * time.Second        // with a browser that does not take one
	mostStreams = 16
)

// Page is what goes on as it is now: report.Watched or report.WatchedSweep.
type Page interface {
	HTML(w io.Writer) error // the whole page
	View(w io.Writer) error // the part of it that changes
}

// Server serves one run or sweep. Its methods are safe for concurrent use.
type Server struct {
	look  func(show func(Page)) // at what goes on
	name  string                // of the host, as the user gives it
	token string
	at    *meter.Server
	end   context.CancelFunc

	mu      sync.Mutex // of what follows
	report  []byte     // nil: the run goes on
	view    []byte     // the data of the latest event
	changed chan struct{}
	streams int
}

// Serve listens on addr, host:port, and shows what look shows. Without a host
// it is this machine alone.
func Serve(addr string, look func(show func(Page))) (*Server, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%w; expected host:port, such as :0 for any free port of this machine", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	s := &Server{look: look, name: host, token: rand.Text(), changed: make(chan struct{})}
	if s.at, err = meter.Serve(net.JoinHostPort(host, port), s); err != nil {
		return nil, err
	}
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	go func() {
		for clock.Sleep(ctx, every) == nil {
			s.refresh()
		}
	}()
	return s, nil
}

// URL is where the page is, with the token.
func (s *Server) URL() string { return "http://" + s.at.Address + "/?token=" + s.token }

// Exposed says where other machines can ask for the page, "" nowhere.
func (s *Server) Exposed() string { return s.at.Exposed }

// Close ends it at once. Of no server, nil, it does nothing.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	s.end()
	return s.at.Close()
}

// Report makes the page that of the report.
func (s *Server) Report(page []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = page
	s.change()
}

// change wakes all streams. s.mu is locked.
func (s *Server) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// refresh makes a new view, if anybody is looking.
func (s *Server) refresh() {
	s.mu.Lock()
	needless := s.streams == 0 || s.report != nil
	s.mu.Unlock()
	if needless {
		return
	}
	var html bytes.Buffer
	var err error
	s.look(func(now Page) { err = now.View(&html) })
	if err != nil {
		html.Reset()
		fmt.Fprintf(&html, "<p id=\"live-error\">%s</p>", "The page cannot be drawn.")
	}
	data, err := json.Marshal(html.String()) // one line, in which < is escaped
	if err != nil {
		return // a string can be written
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Equal(s.view, data) {
		s.view = data
		s.change()
	}
}

// ServeHTTP answers the page and its stream, and nothing else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "frame-ancestors 'none'") // the rest stands in the page
	given := r.URL.Query().Get("token")
	switch {
	case !s.named(r.Host):
		http.Error(w, fmt.Sprintf("Host %q: expected an IP address, localhost or %s", r.Host, s.name), http.StatusForbidden)
	case subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) != 1:
		http.Error(w, "The token in the address is missing or wrong: quotalab prints the whole address.", http.StatusForbidden)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "expected GET", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		s.page(w)
	case r.URL.Path == "/events" && r.Method == http.MethodGet:
		s.stream(w, r)
	default:
		http.NotFound(w, r)
	}
}

// named reports whether a request's Host is one of this server. Another name may have been
// pointed here by who owns it; an address cannot be.
func (s *Server) named(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "localhost" || host == s.name || net.ParseIP(host) != nil || host == "[::1]"
}

func (s *Server) page(w http.ResponseWriter) {
	s.mu.Lock()
	page := s.report
	s.mu.Unlock()
	if page == nil {
		var b bytes.Buffer
		var err error
		s.look(func(now Page) { err = now.HTML(&b) })
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		page = b.Bytes()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page) // a browser that went away is no error of the run
}

// stream sends every view until the run has ended or the browser has gone.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streams++
	full := s.streams > mostStreams
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.streams--
		s.mu.Unlock()
	}()
	if full {
		http.Error(w, fmt.Sprintf("%d pages are open already", mostStreams), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for first := true; ; first = false {
		s.mu.Lock()
		view, ended, changed := s.view, s.report != nil, s.changed
		s.mu.Unlock()
		event := ""
		switch {
		case ended:
			event = "event: end\ndata:\n\n"
		case view != nil:
			event = "event: view\ndata: " + string(view) + "\n\n"
		case first:
			event = ": nothing yet\n\n"
		}
		_ = out.SetWriteDeadline(clock.Now().Add(patience)) // where that cannot be set, there is none
		if _, err := io.WriteString(w, event); err != nil || out.Flush() != nil || ended {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
