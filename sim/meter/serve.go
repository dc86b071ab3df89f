package meter

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// patience with a client that does not send its request.
const patience = 5 * time.Second

// Serve listens on addr, as given (":9464" is every interface, "localhost:0"
// any free port of this machine alone), and answers GET /metrics in the
// format that the scraper asks for: protobuf, OpenMetrics or Prometheus' text.
// url is where that is. stop ends it at once; its error is one of the
// server's. The error says that addr cannot be listened on.
func (m *Meter) Serve(addr string) (url string, stop func() error, err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("serving metrics on %q: %w; expected host:port with a free port, such as localhost:9464", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.Handle("GET /{$}", http.RedirectHandler("/metrics", http.StatusFound))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	stop = func() error {
		err := server.Close()
		if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		return err
	}
	return "http://" + reachable(listener.Addr()) + "/metrics", stop, nil
}

// reachable turns "every interface" into one that can be asked.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}
