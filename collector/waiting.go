package collector

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// validateRendered checks what the configuration must hold whether a key was written in the section or in the overlay.
func (c *Config) validateRendered() (errs []error) {
	conf, err := render(c, c.GRPC, c.HTTP)
	if err != nil {
		return nil // told by checkRendered
	}
	for _, id := range append([]string{"payloadkafka"}, c.Forward.Traces...) {
		errs = append(errs, validateQueue(conf, id)...)
	}
	if conf.Get("processors::llmcost::tenant::require_auth") == true {
		errs = append(errs, c.validateAuth(conf))
	}
	return errs
}

// validateQueue refuses an exporter of spans that makes a request wait: a client is answered after its spans were offered, so
// that money's client would wait for a payload's backend (DESIGN law 2). These exporters have a queue of their own; three
// settings take it away.
func validateQueue(conf *confmap.Conf, id string) (errs []error) {
	if kind, _, _ := strings.Cut(id, "/"); kind == "callskafka" {
		errs = append(errs, fmt.Errorf("forward.traces: %q waits for Kafka and takes calls only; forward traces with otlp_grpc or otlp_http", id))
	}
	for _, s := range []struct {
		key string
		bad bool
	}{{"enabled", false}, {"block_on_overflow", true}, {"wait_for_result", true}} {
		if conf.Get("exporters::"+id+"::sending_queue::"+s.key) == s.bad {
			errs = append(errs, fmt.Errorf("exporters.%s.sending_queue.%s: %t makes clients wait for this exporter, with their calls; set it to %t", id, s.key, s.bad, !s.bad))
		}
	}
	return errs
}
