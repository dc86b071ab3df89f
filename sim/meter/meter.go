// Package meter shows a run to Prometheus, or to an OpenTelemetry collector, while it goes on.
//
// In flows every observation, on its way to the record. Out flow counters and
// native histograms by outcome, on a listener or to a collector that the user asked for: there
// is none otherwise, and nothing is entered in a global registry. Names begin
// with quotalab_ and units are base units:
//
//	quotalab_decisions_total{traffic,limiter,client,decision,key}   decisions by outcome, dropped arrivals among them
//	quotalab_latency_seconds{…the same…}                            done − sent: what the limiter took
//	quotalab_lag_seconds{…}                                         sent − intended: what the generator was late
//	quotalab_sojourn_seconds{…}                                     done − intended: what a user waited
//	quotalab_errors_total{limiter,error}                            decisions that ended in an error, fail_open or not
//	quotalab_dropped_total{traffic}                                 arrivals not sent: too many were in flight, or they were more than 1 s late
//	quotalab_in_flight                                              requests under way, if the driver tells (InFlight)
//
// A client is a group of instances, so that the number of series does not grow
// with theirs. The warm-up counts: a meter shows what is going on, the summary
// judges. The histograms have classic buckets, those of a push to a Pushgateway too,
// and beside them native ones, which a scrape in protobuf has: Prometheus asks for
// that if its native histograms are on.
//
// cmd imports it.
package meter

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// growth of a histogram's buckets from one to the next, at most: values are
// known within about 5 %.
const growth = 1.1

// mostBuckets of a histogram; beyond it, it becomes coarser.
const mostBuckets = 160

// Meter counts what it is shown. It is safe for concurrent use.
type Meter struct {
	Exposed string // where other machines can ask it, once it is served; "": nowhere

	registry *prometheus.Registry
	labelled prometheus.Registerer // adds what each series has to the registry

	decisions             *prometheus.CounterVec
	latency, lag, sojourn *prometheus.HistogramVec
	errors, dropped       *prometheus.CounterVec

	series   sync.Map // outcome → *series
	failures sync.Map // failure → prometheus.Counter
}

// outcome is what a series is of.
type outcome struct {
	traffic, limiter, client string
	decision                 record.Decision
	key                      record.KeyState
}

type failure struct{ limiter, kind string }

// series is what is counted of one outcome.
type series struct {
	decisions             prometheus.Counter
	latency, lag, sojourn prometheus.Observer
	dropped               prometheus.Counter // of outcome dropped
}

// New makes a Meter that has seen nothing. Every series has constant too: names and
// values of labels that say which run it is of.
func New(constant map[string]string) *Meter {
	m := &Meter{registry: prometheus.NewRegistry()}
	m.labelled = prometheus.WrapRegistererWith(constant, m.registry)
	labels := []string{"traffic", "limiter", "client", "decision", "key"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "quotalab", Name: name, Help: help}, labels)
		m.labelled.MustRegister(c) // names are distinct and well formed
		return c
	}
	times := func(name, help string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "quotalab", Name: name, Help: help,
			Buckets: metric.Buckets, NativeHistogramBucketFactor: growth, NativeHistogramMaxBucketNumber: mostBuckets}, labels)
		m.labelled.MustRegister(h)
		return h
	}
	m.decisions = counter("decisions_total", "Decisions by outcome, dropped arrivals among them.", labels...)
	m.latency = times("latency_seconds", "From sending a request to its answer: what the limiter took.")
	m.lag = times("lag_seconds", "From when a request was due to sending it: what the generator was late.")
	m.sojourn = times("sojourn_seconds", "From when a request was due to its answer: what a user waited.")
	m.errors = counter("errors_total", "Decisions that ended in an error, by kind.", "limiter", "error")
	m.dropped = counter("dropped_total", "Arrivals that were not sent: too many were in flight, or they were more than 1 s late.", "traffic")
	return m
}

// InFlight adds a gauge of the requests under way. read is called at every
// scrape, on the scrape's goroutine. Call it once at most.
func (m *Meter) InFlight(read func() int64) error {
	return m.labelled.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "quotalab", Name: "in_flight", Help: "Requests under way."},
		func() float64 { return float64(read()) }))
}

// Write counts an observation. It keeps nothing of it; the error is always
// nil, so that a Meter is a sink like others.
func (m *Meter) Write(o *record.Observation) error {
	s := m.of(o)
	s.decisions.Inc()
	if o.Error != "" {
		m.failed(failure{o.Limiter, o.Error}).Inc()
	}
	if s.dropped != nil {
		s.dropped.Inc()
		return nil
	}
	if o.Sent >= 0 && o.Done >= 0 {
		s.latency.Observe(seconds(o.Done - o.Sent))
		s.lag.Observe(seconds(o.Sent - o.Intended))
		s.sojourn.Observe(seconds(o.Done - o.Intended))
	}
	return nil
}

// seconds returns a time in ns, which is never negative.
func seconds(ns int64) float64 { return float64(max(0, ns)) / 1e9 }

func (m *Meter) of(o *record.Observation) *series {
	client, _, _ := strings.Cut(o.Client, "/") // wfe/17 is one of wfe
	at := outcome{o.Traffic, o.Limiter, client, o.Decision, o.Key}
	if s, ok := m.series.Load(at); ok {
		return s.(*series)
	}
	labels := []string{at.traffic, at.limiter, at.client, string(at.decision), string(at.key)}
	s := &series{decisions: m.decisions.WithLabelValues(labels...)}
	if o.Decision == record.Dropped {
		s.dropped = m.dropped.WithLabelValues(o.Traffic)
	} else {
		s.latency, s.lag, s.sojourn = m.latency.WithLabelValues(labels...), m.lag.WithLabelValues(labels...), m.sojourn.WithLabelValues(labels...)
	}
	m.series.Store(at, s) // twice, if two come at once: both hold the same counters
	return s
}

func (m *Meter) failed(f failure) prometheus.Counter {
	if c, ok := m.failures.Load(f); ok {
		return c.(prometheus.Counter)
	}
	c := m.errors.WithLabelValues(f.limiter, f.kind)
	m.failures.Store(f, c)
	return c
}

// Serve listens on addr, as given (":9464" is every interface, "localhost:0"
// any free port of this machine alone), and answers GET /metrics in the
// format that the scraper asks for: protobuf, OpenMetrics or Prometheus' text.
// url is where that is. stop ends it at once; its error is one of the
// server's. The error says that addr cannot be listened on.
func (m *Meter) Serve(addr string) (url string, stop func() error, err error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.Handle("GET /{$}", http.RedirectHandler("/metrics", http.StatusFound))
	s, err := Serve(addr, mux)
	if err != nil {
		return "", nil, fmt.Errorf("serving metrics on %q: %w; expected host:port with a free port, such as localhost:9464", addr, err)
	}
	m.Exposed = s.Exposed
	return "http://" + s.Address + "/metrics", s.Close, nil
}

// patience with a client that does not send its request, and a collector that does not answer.
const patience = 5 * time.Second

// Server answers on an address that the user asked for.
type Server struct {
	Address string       // host:port, by which this machine can ask it
	Exposed string       // where other machines can ask it; "": nowhere
	Close   func() error // ends it at once; the error is one of the server's
}

// Serve listens on addr, and has handler answer.
func Serve(addr string, handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Address: reachable(listener.Addr())}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		s.Exposed = tcp.String()
		if tcp.IP.IsUnspecified() {
			s.Exposed = fmt.Sprintf("port %d of every interface", tcp.Port)
		}
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	s.Close = func() error {
		err := server.Close()
		if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		return err
	}
	return s, nil
}

// reachable turns "every interface" into one that can be asked.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}
