package collector

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// Every metric of ours that traffic brings forth is in the README, under the name that Prometheus shows.
func TestMetricsAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, keepAll)
	require.NoError(t, c.client(t, "grpc")(t.Context(), testTraces(t, 2, 2)))
	families, err := c.registry.Gather()
	require.NoError(t, err)
	ours, standard := 0, 0
	for _, f := range families {
		require.NotEmpty(t, f.GetHelp(), f.GetName())
		name := f.GetName()
		switch {
		case strings.HasPrefix(name, "tollkeeper_"):
			ours++
			if short, ok := strings.CutPrefix(name, "tollkeeper_llmcost"); ok {
				name = short
			} else if short, ok := strings.CutPrefix(name, "tollkeeper_tenantlimit"); ok {
				name = short
			} else if short, ok := strings.CutPrefix(name, "tollkeeper_collector_calls_kafka"); ok {
				name = short
			}
			require.Contains(t, string(readme), name)
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					require.NotContains(t, l.GetName(), "otel_scope")
				}
			}
		case strings.HasPrefix(name, "otelcol_"):
			standard++
		default:
			t.Errorf("metric %s is neither ours nor the Collector's", name)
		}
	}
	require.Greater(t, ours, 8)
	require.Positive(t, standard)
}
