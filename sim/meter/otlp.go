package meter

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/quotalab/quotalab/sim/clock"
)

// otlpPath is where a collector takes metrics, unless the URL says otherwise.
const otlpPath = "/v1/metrics"

// Send sends the metrics to an OpenTelemetry collector, in protobuf over HTTP, now and then and
// when stop is called; histograms are exponential. tell is called the first time that the collector does
// not take them; the error of stop says that it lacks the last ones. Headers and certificates are
// those of the environment's OTEL_EXPORTER_OTLP_….
func (m *Meter) Send(to, version string, every time.Duration, tell func(error)) (stop func() error, err error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("expected the URL of a collector, such as http://localhost:4318, without a user or a query: credentials go into OTEL_EXPORTER_OTLP_HEADERS")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = otlpPath
	}
	ctx, cancel := context.WithCancel(context.Background())
	exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(u.String()), otlpmetrichttp.WithTimeout(patience),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{})) // the next ones hold all that these do
	if err != nil {
		cancel()
		return nil, err
	}
	all := bridge.NewMetricProducer(bridge.WithGatherer(m.registry))
	of := resource.NewSchemaless(attribute.String("service.name", "quotalab"), attribute.String("service.version", version))
	send := func(ctx context.Context) error {
		scopes, err := all.Produce(ctx)
		if err == nil {
			err = exporter.Export(ctx, &metricdata.ResourceMetrics{Resource: of, ScopeMetrics: scopes})
		}
		if err != nil {
			return fmt.Errorf("sending metrics to %s: %w", u, err)
		}
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for told := false; clock.Sleep(ctx, every) == nil; {
			if err := send(ctx); err != nil && ctx.Err() == nil && !told {
				told = true
				tell(err)
			}
		}
	}()
	return func() error {
		cancel()
		<-ended
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return errors.Join(send(ctx), exporter.Shutdown(ctx))
	}, nil
}
