package collector

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// outcome is what the topics hold after some traffic.
type outcome struct {
	total ledger.Sum
	calls [][]byte // each as it is encoded, but for its receipt
	spans int
}

// Sampling never touches money (DESIGN law 2): of the same traffic every call is recorded, equal to the last bit, whether all of
// the payload is kept, a tenth, a hundredth or none, whether it is ten times its budget, and without a topic for it.
func TestMoneyDoesNotDependOnSampling(t *testing.T) {
	const requests, traces, each = 40, 3, 2
	traffic := make([]ptrace.Traces, requests)
	for i := range traffic {
		traffic[i] = testTraces(t, traces, each)
	}
	run := func(change func(*Config), before func(*kafkatest.Broker)) (o outcome) {
		broker := kafkatest.New(t)
		c := start(t, broker.Brokers, func(cfg *Config) { quickStop(cfg); keepNone(cfg); change(cfg) })
		if before != nil {
			before(broker)
		}
		send := c.client(t, "http")
		for _, td := range traffic {
			require.NoError(t, send(t.Context(), td), "no client hears of the payload")
		}
		require.NoError(t, c.stop())
		for _, call := range calls(t, broker) {
			require.Empty(t, call.Unpriced)
			o.total = o.total.AddMoney(call.TotalCost())
			call.Received = 0
			o.calls = append(o.calls, call.AppendTo(nil))
		}
		slices.SortFunc(o.calls, bytes.Compare)
		if before == nil {
			o.spans = len(storedSpans(t, broker))
		}
		return o
	}
	keep := func(p float64) func(*Config) { return func(cfg *Config) { cfg.Sampling.Probability = p } }
	const spans = requests * traces * (each + 1)
	all := run(keepAll, nil)
	require.Len(t, all.calls, requests*traces*each)
	require.Positive(t, all.total.Sign())
	require.Equal(t, spans, all.spans)
	some := 0
	for name, c := range map[string]struct {
		change   func(*Config)
		before   func(*kafkatest.Broker)
		from, to int // spans kept
	}{
		"a tenth":       {keep(0.1), nil, 0, spans / 2},
		"a hundredth":   {keep(0.01), nil, 0, spans / 4},
		"none":          {keep(0), nil, 0, 0},
		"over budget":   {func(cfg *Config) { keepAll(cfg); cfg.Sampling.BudgetKiB = 1 }, nil, 0, spans / 4},
		"without topic": {keepAll, func(b *kafkatest.Broker) { deleteTopic(t, b, ledger.TopicSpans) }, 0, 0},
	} {
		got := run(c.change, c.before)
		require.Equal(t, all.total.String(), got.total.String(), name)
		require.Equal(t, all.calls, got.calls, name)
		require.GreaterOrEqual(t, got.spans, c.from, name)
		require.LessOrEqual(t, got.spans, c.to, name)
		if name == "a tenth" {
			some = got.spans
		}
	}
	require.Equal(t, some, run(keep(0.1), nil).spans, "two collectors decide alike")
}

func deleteTopic(t *testing.T, b *kafkatest.Broker, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Brokers...))
	require.NoError(t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(t.Context(), topic)
	require.NoError(t, err)
}
