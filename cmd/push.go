package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/quotalab/quotalab/results/export"
	"github.com/quotalab/quotalab/sim/live"
)

// Environment variables with the password of a Pushgateway, or with the file
// that it is in. No URL has it: others could read it off the process list.
const (
	pushPasswordVariable     = envPrefix + "PROMETHEUS_PASSWORD"
	pushPasswordFileVariable = pushPasswordVariable + "_FILE"
)

// parseGateway reads the address of a Pushgateway and the secret that belongs
// to it.
func parseGateway(address string) (export.Gateway, error) {
	g, err := export.ParseGateway(address)
	if err != nil {
		return g, fmt.Errorf("%w; a user may stand in the URL, the password in the environment's %s or in a file that %s names",
			err, pushPasswordVariable, pushPasswordFileVariable)
	}
	g.Password = os.Getenv(pushPasswordVariable)
	if file := os.Getenv(pushPasswordFileVariable); g.Password == "" && file != "" {
		if g.Password, err = live.PasswordFile(file); err != nil {
			return g, fmt.Errorf("%s: %w", pushPasswordFileVariable, err)
		}
	}
	return g, nil
}

// pushAll pushes the metrics of all runs. A Pushgateway that does not answer is
// a dependency that is unreachable; one that refuses leaves a result unwritten.
func pushAll(o output, rs []*analysis) error {
	err := o.gateway.Push(context.Background(), summaries(rs)...) // which ends by itself
	if errors.Is(err, export.ErrNoAnswer) {
		return withCode(exitDependency, err)
	}
	return err
}
