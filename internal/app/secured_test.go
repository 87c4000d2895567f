package app_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Kafka speaks TLS only, wants a certificate and a password: calls, spans and dead letters go through it as ever, and no log has the
// password.
func TestProductOnASecuredKafka(t *testing.T) {
	kafka := kafkatest.Secured(t, kafkaclient.ScramSHA512)
	_, err := app.ApplyTopics(t.Context(), kafka.Servers, config.Default().Kafka.Topics)
	require.NoError(t, err)
	cfg := configFor(filepath.Join(t.TempDir(), "data"))
	cfg.Kafka.Brokers, cfg.Kafka.Security = kafka.Brokers, kafka.Servers.Security
	cfg.Collector.Sampling.Probability, cfg.Collector.Sampling.DecisionWait, cfg.Collector.Sampling.BudgetKiB = 1, 0, 0
	require.NoError(t, cfg.Validate())
	p, err := start(cfg, &logBuffer{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.stop())
		require.NotContains(t, p.logs.tail(1<<20), kafkatest.Password)
	})
	for range 5 {
		require.NoError(t, p.export(t.Context(), goodCall("secured")))
	}
	kafka.Produce(t, ledger.TopicCalls, 1, []byte("this is no batch"))
	p.wantTotal(t, "secured", 5)
	p.wantDrained(t)
	require.True(t, soon(t, func(c require.TestingT) bool {
		var n uint64
		require.NoError(c, p.conn.QueryRow(t.Context(), "SELECT count() FROM spans WHERE tenant = 'secured'").Scan(&n))
		return n == 5
	}), "payload goes by contrib's exporter")
	letters, err := ingest.OpenDeadLetters(kafka.Servers, 0)
	require.NoError(t, err)
	defer letters.Close()
	all, err := letters.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
}
