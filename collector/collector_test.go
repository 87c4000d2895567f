package collector

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAcknowledgedIsInKafka(t *testing.T) {
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			broker := kafkatest.New(t)
			c := start(t, broker.Brokers, keepAll)
			send := c.client(t, protocol)
			traces := testTraces(t, 3, 2)
			want := billed(traces)
			require.NoError(t, send(context.Background(), traces))
			got := calls(t, broker)
			require.Len(t, got, len(want))
			for _, call := range got {
				require.Contains(t, want, call.SpanID)
			}
			spans := broker.Consume(t, ledger.TopicSpans, 1)
			require.NotEmpty(t, spans)
		})
	}
}
