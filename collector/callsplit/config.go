package callsplit

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pipeline"
)

// MaxWaitLimit is what max_wait must stay below: OpenTelemetry SDKs give up on an export after 10 s by default, and an
// answer that comes later reaches nobody.
const MaxWaitLimit = 10 * time.Second

// Config of the connector.
type Config struct {
	// Calls is the pipeline that carries money, for example "traces/calls". Required.
	Calls pipeline.ID `mapstructure:"calls"`
	// BestEffort are the pipelines that get the spans once money is safe. Their errors are counted, not answered. They
	// must not block: give their exporters a bounded queue without block_on_overflow.
	BestEffort []pipeline.ID `mapstructure:"best_effort"`
	// MaxWait bounds the wait for the calls pipeline; then the client gets Unavailable and keeps its batch.
	MaxWait time.Duration `mapstructure:"max_wait"`
	// MaxInFlight bounds the requests that wait for the calls pipeline; more are refused at once with Unavailable.
	MaxInFlight int `mapstructure:"max_in_flight"`
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Calls == (pipeline.ID{}) {
		errs = append(errs, errors.New(`calls: no pipeline is named; set it to the one with the callskafka exporter, for example "traces/calls"`))
	}
	for _, id := range c.BestEffort {
		if id == c.Calls {
			errs = append(errs, fmt.Errorf("best_effort: %q is the calls pipeline; name only pipelines that may lose data", id))
		}
	}
	if c.MaxWait <= 0 || c.MaxWait >= MaxWaitLimit {
		errs = append(errs, fmt.Errorf("max_wait: %s is not between 0 and %s, when clients give up; use 5s", c.MaxWait, MaxWaitLimit))
	}
	if c.MaxInFlight <= 0 {
		errs = append(errs, fmt.Errorf("max_in_flight: %d is not positive; use 1000", c.MaxInFlight))
	}
	return errors.Join(errs...)
}
