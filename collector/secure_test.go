package collector

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// Calls and payload reach a broker that wants TLS, a certificate and a password, by each mechanism.
func TestCallsAndPayloadReachASecuredKafka(t *testing.T) {
	for _, mechanism := range []string{kafkaclient.Plain, kafkaclient.ScramSHA256, kafkaclient.ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			broker := kafkatest.Secured(t, mechanism)
			c := start(t, broker.Brokers, func(cfg *Config) { keepAll(cfg); cfg.Security = broker.Servers.Security })
			require.NoError(t, c.client(t, "grpc")(t.Context(), testTraces(t, 2, 2)))
			require.NoError(t, c.stop())
			require.Len(t, calls(t, broker), 4)
			require.Len(t, storedSpans(t, broker), 6)
		})
	}
}

// With the wrong password nothing is acknowledged, and the password is neither in the log, the readiness, the answer nor in the
// configuration as it is shown.
func TestAWrongPasswordIsToldAndNotShown(t *testing.T) {
	const secret = "hunter2hunter2"
	broker := kafkatest.Secured(t, kafkaclient.Plain)
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.GRPC, cfg.HTTP, cfg.Brokers, cfg.MaxWait = "127.0.0.1:0", "", broker.Brokers, 1e9
	cfg.Security = broker.Servers.Security
	cfg.SASL.PasswordFile, cfg.SASL.Password = "", secret
	text, err := cfg.Rendered()
	require.NoError(t, err)
	require.Contains(t, text, "${env:KAFKA_PASSWORD}")
	require.NotContains(t, text, secret)
	c, err := New(cfg, Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	require.Eventually(t, c.serving, waitLimit, pollEvery)
	ready := c.Ready(t.Context())
	require.Error(t, ready)
	r := &running{Collector: c}
	refused := r.client(t, "grpc")(t.Context(), testTraces(t, 1, 1))
	require.Equal(t, codes.Unavailable, status.Code(refused))
	cancel()
	require.NoError(t, <-done)
	require.Contains(t, log.String(), "waits for Kafka")
	for _, told := range []string{log.String(), ready.Error(), refused.Error()} {
		require.NotContains(t, told, secret)
	}
}
