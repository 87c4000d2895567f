package collector

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// A burst of payload that Kafka doesn't take, several times what the queues may hold: all of the money is recorded, what
// is held stays bounded, and the rest is counted as shed.
func TestBurstIsBounded(t *testing.T) {
	const (
		clients, requests = 8, 20
		valueBytes        = 8 << 10
		heldMiB           = 4
		queueMiB          = 4
	)
	money, payload := kafkatest.New(t), kafkatest.New(t)
	hold(t, payload)
	c := start(t, money.Brokers, func(cfg *Config) {
		payloadTo(payload.Brokers...)(cfg)
		cfg.Sampling.DecisionWait = DefaultConfig().Sampling.DecisionWait
		cfg.Sampling.MaxHeldMiB = heldMiB
		cfg.PayloadQueueMiB = queueMiB
	})
	before := heap()
	text := strings.Repeat("x", valueBytes)
	var group sync.WaitGroup
	failed := make(chan error, clients*requests)
	for range clients {
		send := c.client(t, "grpc")
		group.Go(func() {
			for range requests {
				traces := testTraces(t, 20, 2) // 60 spans, 480 KiB: 75 MiB in all
				for span := range spansOf(traces) {
					span.Attributes().PutStr("big", text)
				}
				if err := send(t.Context(), traces); err != nil {
					failed <- err
				}
			}
		})
	}
	group.Wait()
	require.Empty(t, failed)
	require.Len(t, calls(t, money), clients*requests*40)
	require.LessOrEqual(t, c.metric(t, "tollkeeper_collector_sampling_held_bytes"), float64(heldMiB<<20))
	require.Positive(t, c.metric(t, "tollkeeper_collector_sampling_spans_refused_total"))
	require.Less(t, heap()-before, int64(6*(heldMiB+queueMiB)<<20), "bytes of heap for 8 MiB of OTLP that may be held")
	require.NoError(t, c.stop())
}

// heap is what is in use after a collection, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
