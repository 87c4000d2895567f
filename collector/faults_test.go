package collector

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// hold lets every produce request wait until the returned function is called or the test ends.
func hold(t *testing.T, b *kafkatest.Broker) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(func() {
		open()
		// What the broker held goes on only while the broker is there.
		require.Eventually(t, func() bool {
			stacks := make([]byte, 4<<20)
			return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "kfake.(*Cluster).runControl.func")
		}, waitLimit, pollEvery)
	})
	b.Cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-gate:
			b.Cluster.DropControl()
			return nil, nil, false
		default:
		}
		b.Cluster.KeepControl()
		b.Cluster.SleepControl(func() { <-gate })
		return nil, nil, false
	})
	return open
}

// deadBroker is an address at which nothing listens.
func deadBroker(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// payloadTo sends payload to brokers of its own.
func payloadTo(brokers ...string) func(*Config) {
	return func(c *Config) {
		keepAll(c)
		quickStop(c)
		c.Overlay["exporters"].(map[string]any)["payloadkafka"].(map[string]any)["brokers"] = brokers
	}
}

// quickStop shortens what a stop waits for a broker that is gone.
func quickStop(c *Config) {
	c.Overlay = map[string]any{"exporters": map[string]any{
		"callskafka":   map[string]any{"shutdown_timeout": "200ms"},
		"payloadkafka": map[string]any{"shutdown_timeout": "200ms", "timeout": "500ms"},
	}}
}

// Whatever becomes of the payload, every request is answered OK, every call is in Kafka once, and a stop ends and leaves nothing behind.
func TestPayloadNeverTouchesMoney(t *testing.T) {
	cases := map[string]func(t *testing.T) (brokers []string){
		"dead": func(t *testing.T) []string { return []string{deadBroker(t)} },
		"held": func(t *testing.T) []string {
			payload := kafkatest.New(t)
			hold(t, payload)
			return payload.Brokers
		},
		"refusing": func(t *testing.T) []string {
			payload := kafkatest.New(t)
			payload.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
			return payload.Brokers
		},
	}
	for name, trouble := range cases {
		t.Run(name, func(t *testing.T) {
			money := kafkatest.New(t)
			c := start(t, money.Brokers, payloadTo(trouble(t)...))
			send := c.client(t, "grpc")
			want := 0
			for range 50 {
				traces := testTraces(t, 2, 2)
				want += len(billed(traces))
				require.NoError(t, send(t.Context(), traces))
			}
			require.Len(t, calls(t, money), want)
			require.NoError(t, c.stop())
		})
	}
}

// A full payload queue is refused, counted and forgotten.
func TestPayloadQueueOverflowIsCounted(t *testing.T) {
	money, payload := kafkatest.New(t), kafkatest.New(t)
	hold(t, payload)
	c := start(t, money.Brokers, func(cfg *Config) {
		payloadTo(payload.Brokers...)(cfg)
		cfg.Overlay["exporters"].(map[string]any)["payloadkafka"].(map[string]any)["sending_queue"] = map[string]any{
			"queue_size": 500_000, "batch": map[string]any{"flush_timeout": "10ms", "min_size": 1000, "max_size": 100_000},
		}
	})
	send := c.client(t, "grpc")
	want := 0
	require.Eventually(t, func() bool {
		traces := testTraces(t, 20, 5)
		want += len(billed(traces))
		require.NoError(t, send(t.Context(), traces))
		return c.metric(t, "tollkeeper_collector_sampling_spans_refused_total") > 0
	}, 30*time.Second, time.Millisecond)
	require.Len(t, calls(t, money), want)
	require.NoError(t, c.stop())
}

// While Kafka holds, the client is told to send again; what it sends again makes duplicates of the same calls, no others.
func TestHeldKafkaMakesClientsRetry(t *testing.T) {
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			broker := kafkatest.New(t)
			c := start(t, broker.Brokers, func(cfg *Config) { keepAll(cfg); cfg.MaxWait = 300 * time.Millisecond })
			send := c.client(t, protocol)
			release := hold(t, broker)
			traces := testTraces(t, 2, 2)
			want := billed(traces)
			requireUnavailable(t, send(t.Context(), traces))
			require.Empty(t, calls(t, broker))
			release()
			require.Eventually(t, func() bool { return send(t.Context(), traces) == nil }, 20*time.Second, 10*time.Millisecond)
			got := map[[8]byte]int{}
			for _, call := range calls(t, broker) {
				got[call.SpanID]++
			}
			require.Len(t, got, len(want))
			for id := range want {
				require.Positive(t, got[id])
			}
		})
	}
}

// Errors after which a client would drop its batch reach it as errors after which it keeps it.
func TestPermanentKafkaErrorsAreRetryable(t *testing.T) {
	for _, kafka := range []*kerr.Error{kerr.MessageTooLarge, kerr.TopicAuthorizationFailed, kerr.InvalidRecord, kerr.NotEnoughReplicas} {
		t.Run(kafka.Message, func(t *testing.T) {
			broker := kafkatest.New(t)
			c := start(t, broker.Brokers, func(cfg *Config) { cfg.MaxWait = 500 * time.Millisecond })
			fault := broker.Cluster.Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.Produce}, Topic: ledger.TopicCalls, Err: kafka, Count: -1,
			})
			for _, protocol := range []string{"grpc", "http"} {
				requireUnavailable(t, c.client(t, protocol)(t.Context(), testTraces(t, 1, 1)))
			}
			fault.Remove()
			send := c.client(t, "grpc")
			require.Eventually(t, func() bool { return send(t.Context(), testTraces(t, 1, 1)) == nil }, 20*time.Second, 10*time.Millisecond)
		})
	}
}

func TestMissingTopicIsNamed(t *testing.T) {
	broker := kafkatest.New(t)
	c := launch(t, broker.Brokers, func(cfg *Config) { cfg.CallsTopic = "nobody.made.this" })
	require.ErrorContains(t, c.Ready(t.Context()), "nobody.made.this")
	requireUnavailable(t, c.client(t, "grpc")(t.Context(), testTraces(t, 1, 1)))
	require.Nil(t, broker.Cluster.TopicInfo("nobody.made.this"), "a topic was created by writing to it")
}

// A broker that isn't there at start is waited for; and with it dead, a stop still ends by itself (Run would give an
// error if it had run into its limit).
func TestDeadBroker(t *testing.T) {
	c := launch(t, []string{deadBroker(t)}, func(cfg *Config) { keepAll(cfg); quickStop(cfg); cfg.MaxWait = 300 * time.Millisecond })
	require.Error(t, c.Ready(t.Context()))
	requireUnavailable(t, c.client(t, "grpc")(t.Context(), testTraces(t, 1, 1)))
	require.NoError(t, c.client(t, "http")(t.Context(), testTraces(t, 2, 0)), "spans without calls need no Kafka")
	require.NoError(t, c.stop())
}

// The broker dies while a request is under way: the client is told to send again, and the stop ends.
func TestStopWhileKafkaHolds(t *testing.T) {
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			broker := kafkatest.New(t)
			c := start(t, broker.Brokers, func(cfg *Config) { keepAll(cfg); quickStop(cfg); cfg.MaxWait = time.Second })
			send := c.client(t, protocol)
			require.NoError(t, send(t.Context(), testTraces(t, 1, 1)))
			hold(t, broker)
			answer := make(chan error, 1)
			traces := testTraces(t, 1, 1)
			go func() { answer <- send(context.Background(), traces) }()
			require.Eventually(t, func() bool { return c.metric(t, "tollkeeper_collector_calls_requests_in_flight") == 1 }, 20*time.Second, time.Millisecond)
			require.NoError(t, c.stop())
			requireUnavailable(t, <-answer)
		})
	}
}

// The payload's memory limit is below the other: under it payload is shed, and money goes on.
func TestMemoryShedsPayloadFirst(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) { keepAll(cfg); cfg.PayloadMemoryLimitMiB = 1 })
	send := c.client(t, "grpc")
	want := 0
	require.Eventually(t, func() bool {
		traces := testTraces(t, 2, 2)
		want += len(billed(traces))
		require.NoError(t, send(t.Context(), traces))
		return c.metric(t, "tollkeeper_collector_payload_spans_discarded_total") > 0
	}, 20*time.Second, time.Millisecond)
	require.Len(t, calls(t, broker), want)
}

func TestMemoryLimitPushesBack(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) {
		cfg.MemoryLimitMiB, cfg.PayloadMemoryLimitMiB, cfg.MaxRequestMiB, cfg.PayloadQueueMiB = 2, 1, 1, 1
	})
	for _, protocol := range []string{"grpc", "http"} {
		send := c.client(t, protocol)
		require.Eventually(t, func() bool { return unavailable(send(t.Context(), testTraces(t, 1, 1))) }, 20*time.Second, 10*time.Millisecond)
	}
}

// requireUnavailable wants the answer after which an SDK keeps its batch and sends it again.
func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	require.Truef(t, unavailable(err), "got %v, want Unavailable or HTTP 503", err)
}

func unavailable(err error) bool {
	if e, ok := err.(httpError); ok {
		return e.code == 503
	}
	return status.Code(err) == codes.Unavailable
}
