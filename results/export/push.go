package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/push"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// pushTimeout is the longest that a Pushgateway may take to answer.
const pushTimeout = 10 * time.Second

// mostOfAnswer is how much of a refusal is shown, in bytes.
const mostOfAnswer = 1 << 10

// ErrNoAnswer is in the error of Push when the Pushgateway did not answer, in
// contrast to one that refused.
var ErrNoAnswer = errors.New("no answer")

// Gateway is a Prometheus Pushgateway.
type Gateway struct {
	URL      string        // without a user
	Username string        // of basic authentication, "" for none
	Password string        // never shown
	Timeout  time.Duration // of a push; 0: ten seconds
}

// ParseGateway reads an address such as http://localhost:9091 or
// https://user@metrics.example.org/push. A password in it is refused, and never
// shown: command lines can be read by others.
func ParseGateway(address string) (Gateway, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The error of url.Parse has parts of the address in it.
		return Gateway{}, errors.New("expected the URL of a Pushgateway, such as http://localhost:9091")
	}
	g := Gateway{Username: u.User.Username()}
	_, hasPassword := u.User.Password()
	alone := u.RawQuery == "" && u.Fragment == "" && !strings.Contains(u.Path, "/metrics/")
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	g.URL = strings.TrimSuffix(u.String(), "/")
	switch {
	case hasPassword:
		return Gateway{}, fmt.Errorf("%s: found a password in the URL, where others can read it", g.URL)
	case !alone:
		return Gateway{}, fmt.Errorf("%s: expected the URL of the Pushgateway alone, without a query: the rest is added", g.URL)
	}
	return g, nil
}

func (g Gateway) String() string { return g.URL }

// Push the metrics of summaries, each under job "quotalab" and its scenario, in
// the place of what an earlier run of the scenario left there. Several of one
// scenario are told apart by their number, from 1: run="2".
func (g Gateway) Push(ctx context.Context, runs ...*measure.Summary) error {
	of, seen := map[string]int{}, map[string]int{}
	for _, s := range runs {
		of[s.Scenario]++
	}
	var errs []error
	for _, s := range runs {
		seen[s.Scenario]++
		key := map[string]string{"scenario": s.Scenario}
		if of[s.Scenario] > 1 {
			key["run"] = strconv.Itoa(seen[s.Scenario])
		}
		err := g.push(ctx, s, key)
		if errors.Is(err, ErrNoAnswer) {
			return errors.Join(append(errs, err)...) // the others would wait as long
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (g Gateway) push(ctx context.Context, s *measure.Summary, key map[string]string) error {
	metrics, err := promMetrics(s)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: g.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // following one would turn the push into a mere look
	}}
	if client.Timeout == 0 {
		client.Timeout = pushTimeout
	}
	p := push.New(g.URL, "quotalab").Gatherer(metrics).Client(doer{client})
	for name, value := range key {
		p = p.Grouping(name, value)
	}
	if g.Username != "" || g.Password != "" {
		p = p.BasicAuth(g.Username, g.Password)
	}
	err = p.PushContext(ctx)
	if err != nil && !errors.Is(err, ErrNoAnswer) { // it has the answer in it
		err = errors.New(wording.Printable(strings.TrimSpace(err.Error())))
	}
	if err != nil {
		return fmt.Errorf("pushing to %s: %w", g, err)
	}
	return nil
}

// doer tells silence from refusal, and reads no endless answer.
type doer struct{ client *http.Client }

func (d doer) Do(req *http.Request) (*http.Response, error) {
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, mostOfAnswer), resp.Body}
	return resp, nil
}
