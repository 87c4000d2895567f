package callskafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func newExporter(t *testing.T, brokers []string, change func(*Config)) exporter.Traces {
	t.Helper()
	return newLingering(t, brokers, linger, change)
}

func newLingering(t *testing.T, brokers []string, linger time.Duration, change func(*Config)) exporter.Traces {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Brokers = brokers
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	f := NewFactory()
	e, err := f.CreateTraces(t.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	e.(*callsExporter).linger = linger
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e
}

// small makes what callsplit hands over: n calls of one resource with span ids 1 to n, each about bytes long.
func small(n, bytes int) ptrace.Traces {
	return parted(n, bytes, n)
}

// parted are the same calls, each few of them those of a resource.
func parted(n, bytes, few int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for at := 0; at < n; at += few {
		batch := ledger.AppendBatchHeader(nil)
		for i := at; i < min(at+few, n); i++ {
			call := ledger.Call{Minute: 1_800_000_000, Tenant: "acme", Model: strings.Repeat("m", bytes)}
			binary.BigEndian.PutUint64(call.SpanID[:], uint64(i+1))
			batch = new(ledger.Encoder).AppendToBatch(batch, &call)
		}
		spans.AppendEmpty().Attributes().PutEmptyBytes(ledger.AttrCalls).FromRaw(batch)
	}
	return td
}

// ids decodes the span ids of a batch.
func ids(t require.TestingT, batch []byte) (out []uint64) {
	require.NoError(t, ledger.DecodeBatch(batch, func(c *ledger.Call, _ []byte) {
		out = append(out, binary.BigEndian.Uint64(c.SpanID[:]))
	}))
	return out
}

// Every call is in exactly one record, in order, and no record is larger than allowed unless it holds a single call.
func TestBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "calls")
		bytes := rapid.IntRange(0, 500).Draw(t, "bytes")
		limit := rapid.IntRange(100, 5000).Draw(t, "limit")
		var got []uint64
		few := rapid.IntRange(1, 60).Draw(t, "calls of a resource")
		for _, b := range batches(parted(n, bytes, few), limit) {
			in := ids(t, b)
			require.NotEmpty(t, in)
			if len(in) > 1 {
				require.LessOrEqual(t, len(b), limit)
			}
			got = append(got, in...)
		}
		require.Len(t, got, n)
		for i, id := range got {
			require.EqualValues(t, i+1, id)
		}
	})
}

func TestOneRecordForOneRequest(t *testing.T) {
	require.Len(t, batches(small(100, 100), 900_000), 1)
	require.Equal(t, batches(small(100, 100), 900_000), batches(parted(100, 100, 7), 900_000))
	require.Equal(t, ledger.AppendBatch(nil, nil), ledger.AppendBatchHeader(nil))
	require.LessOrEqual(t, len(ledger.AppendBatchHeader(nil)), headerSize)
}

func TestRecordsAreSplit(t *testing.T) {
	broker := kafkatest.New(t)
	e := newExporter(t, broker.Brokers, func(c *Config) { c.MaxRecordBytes = 2048 })
	require.NoError(t, e.ConsumeTraces(t.Context(), small(50, 300)))
	seen := map[uint64]int{}
	records := 0
	for _, end := range broker.End(ledger.TopicCalls) {
		records += int(end)
	}
	require.Greater(t, records, 5)
	for _, r := range broker.Consume(t, ledger.TopicCalls, records) {
		require.LessOrEqual(t, len(r.Value), 2048)
		require.Empty(t, r.Key)
		for _, id := range ids(t, r.Value) {
			seen[id]++
		}
	}
	require.Len(t, seen, 50)
}

func TestNoCallsNoRecord(t *testing.T) {
	broker := kafkatest.New(t)
	e := newExporter(t, broker.Brokers, nil)
	td := small(2, 10)
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		s.Attributes().PutStr(ledger.AttrCalls, "not bytes")
	}
	require.NoError(t, e.ConsumeTraces(t.Context(), td))
	require.NoError(t, e.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	for _, end := range broker.End(ledger.TopicCalls) {
		require.Zero(t, end)
	}
}

// A change of leader is ridden out within the request's deadline.
func TestLeaderChange(t *testing.T) {
	broker := kafkatest.New(t)
	e := newExporter(t, broker.Brokers, nil)
	require.NoError(t, e.ConsumeTraces(t.Context(), small(1, 10)))
	fault := broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 2})
	defer fault.Remove()
	require.NoError(t, e.ConsumeTraces(t.Context(), small(1, 10)))
	broker.Consume(t, ledger.TopicCalls, 2)
}

// A write whose acknowledgement is lost with the connection is written once: the producer is idempotent.
func TestLostAcknowledgement(t *testing.T) {
	broker := kafkatest.New(t)
	e := newExporter(t, broker.Brokers, nil)
	require.NoError(t, e.ConsumeTraces(t.Context(), small(1, 10)))
	fault := broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 1}) // applied, then refused
	defer fault.Remove()
	require.NoError(t, e.ConsumeTraces(t.Context(), small(1, 10)))
	total := int64(0)
	for _, end := range broker.End(ledger.TopicCalls) {
		total += end
	}
	require.EqualValues(t, 2, total)
}

// What comes while another request waits for its acknowledgement is written together; what comes alone is written at once.
func TestRequestsShareAWrite(t *testing.T) {
	broker := kafkatest.New(t)
	e := newLingering(t, broker.Brokers, time.Minute, func(c *Config) { c.Timeout = kafkatest.Wait })
	client := e.(*callsExporter).client
	results := make(chan error, 9)
	write := func() { results <- e.ConsumeTraces(context.Background(), small(1, 10)) }
	buffered := func(n int64) {
		require.Eventually(t, func() bool { return client.BufferedProduceRecords() == n }, kafkatest.Wait, time.Millisecond)
	}
	go write()
	buffered(1) // the first of all lingers: the client doesn't know the topic's partitions
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, <-results)

	gate, asked := make(chan struct{}), make(chan struct{})
	var writes atomic.Int32
	broker.Cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster.KeepControl()
		if writes.Add(1) == 1 {
			close(asked)
			broker.Cluster.SleepControl(func() { <-gate })
		}
		return nil, nil, false
	})
	go write()
	<-asked
	for range 8 {
		go write()
	}
	buffered(9)
	close(gate)
	require.NoError(t, <-results, "the first didn't linger")
	require.EqualValues(t, 1, writes.Load())
	require.NoError(t, client.Flush(t.Context()))
	for range 8 {
		require.NoError(t, <-results)
	}
	require.EqualValues(t, 2, writes.Load())
	write()
	require.NoError(t, <-results, "alone again")
	broker.Consume(t, ledger.TopicCalls, 11)
}

// A client that goes doesn't take those with it whose calls lie in the same write.
func TestOneClientGoes(t *testing.T) {
	broker := kafkatest.New(t)
	e := newLingering(t, broker.Brokers, time.Minute, func(c *Config) { c.Timeout = kafkatest.Wait })
	client := e.(*callsExporter).client
	buffered := func(n int64) {
		require.Eventually(t, func() bool { return client.BufferedProduceRecords() == n }, kafkatest.Wait, time.Millisecond)
	}
	ctx, leave := context.WithCancel(t.Context())
	gone, results := make(chan error, 1), make(chan error, 2)
	go func() { gone <- e.ConsumeTraces(ctx, small(1, 10)) }()
	buffered(1)
	for range 2 {
		go func() { results <- e.ConsumeTraces(context.Background(), small(1, 10)) }()
	}
	buffered(3)
	leave()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	broker.Consume(t, ledger.TopicCalls, 3) // its own too: should it send them again, they are duplicates
}

func TestTimeout(t *testing.T) {
	broker := kafkatest.New(t)
	gate, asked := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(asked) })
	broker.Cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		first()
		broker.Cluster.SleepControl(func() { <-gate })
		return nil, nil, false
	})
	e := newExporter(t, broker.Brokers, func(c *Config) { c.Timeout = 100 * time.Millisecond })
	reached := false
	for try := 0; try < 600 && !reached; try++ { // on a busy machine a try may end before it came to the broker
		require.ErrorContains(t, e.ConsumeTraces(t.Context(), small(1, 10)), "no acknowledgement within 100ms")
		select {
		case <-asked:
			reached = true
		default:
		}
	}
	require.True(t, reached)
	close(gate)
	broker.Consume(t, ledger.TopicCalls, 1) // what may have been written arrives: the client's retry is a duplicate
	require.Eventually(t, func() bool { return e.ConsumeTraces(t.Context(), small(1, 10)) == nil }, time.Minute, 10*time.Millisecond)
}

// An error names what is over: this request's time, or that of another whose calls are written with its own.
func TestErrorsSayWhoseTimeIsOver(t *testing.T) {
	over := errors.New("no acknowledgement within 5s")
	ended, cancel := context.WithTimeoutCause(t.Context(), 0, over)
	defer cancel()
	<-ended.Done()
	wrapped := fmt.Errorf("produce: %w", context.DeadlineExceeded)
	require.Equal(t, over, because(ended, wrapped))
	require.Equal(t, errTogether, because(t.Context(), wrapped))
	other := errors.New("not a leader")
	require.Equal(t, other, because(t.Context(), other))
}

func TestConfigProblems(t *testing.T) {
	err := (&Config{MaxRecordBytes: 2_000_000}).Validate()
	for _, want := range []string{"brokers: none", "topic: empty", "timeout: 0s", "shutdown_timeout: 0s", "max_record_bytes: 2000000", "max_buffered_bytes: 0"} {
		require.ErrorContains(t, err, want)
	}
}
