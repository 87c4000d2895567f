package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/countsink"
	"github.com/tollkeeper/tollkeeper/internal/config"
)

// A collector alone needs no database, unless boards are to show the queues that it hears of.
func TestWhoKeepsItsMetricsInTheDatabase(t *testing.T) {
	var cfg config.Config
	require.False(t, publishes(OneRole("collector"), cfg))
	require.False(t, publishes(OneRole("viewer"), cfg))
	require.True(t, publishes(OneRole("alerts"), cfg))
	cfg.Collector.QueueDepth = []countsink.Queue{{Metric: "vllm:num_requests_waiting"}}
	require.True(t, publishes(OneRole("collector"), cfg))
	require.False(t, publishes(OneRole("api"), cfg))
}
