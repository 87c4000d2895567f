package ingest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// BenchmarkCalls is the whole way from the broker to committed rows in the engine, all in one process and its child:
// calls/s on this machine with everything it runs.
func BenchmarkCalls(b *testing.B) {
	broker := kafkatest.New(b)
	url := clickhousetest.Start(b).Database(b)
	_, err := schema.Apply(context.Background(), url, schema.DefaultOptions())
	require.NoError(b, err)
	const perRecord = 50
	for i := 0; i < b.N; i += perRecord {
		broker.Calls(b, int32(i/perRecord%kafkatest.Partitions), calls(i, min(perRecord, b.N-i))...)
	}
	cfg := DefaultConfig()
	cfg.Brokers, cfg.ClickHouse, cfg.Spans = broker.Brokers, url, false
	ingester, err := New(cfg, Deps{})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	b.ResetTimer()
	go func() { done <- ingester.Run(ctx) }()
	require.Eventually(b, func() bool {
		got := broker.Committed(cfg.Group, ledger.TopicCalls)
		for p, end := range broker.End(ledger.TopicCalls) {
			if got[p] != end {
				return false
			}
		}
		return true
	}, 10*time.Minute, 5*time.Millisecond)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	cancel()
	require.NoError(b, <-done)
	require.Equal(b, fmt.Sprint(b.N), clickhousetest.Start(b).Exec(b, url, "SELECT count() FROM call_reports FINAL"))
}

// BenchmarkPrepare is our own part of it: from the bytes of records to the bytes of an insert.
func BenchmarkPrepare(b *testing.B) {
	value := ledger.AppendBatch(nil, calls(0, 50))
	const records = 200
	c := &chunk{next: records}
	for i := range records {
		c.records = append(c.records, record{offset: int64(i), value: value})
	}
	s := &callSink{calls: newCallTable()}
	b.ReportAllocs()
	b.SetBytes(int64(len(value) * records))
	for b.Loop() {
		batch := s.prepare([]*chunk{c})
		s.calls.reset()
		for i := range batch.groups[0] {
			s.calls.append(&batch.groups[0][i].call, batch.groups[0][i].version)
		}
		if err := newInserter(schema.Target{}, time.Second).encode("bench", &s.calls.table); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(50*records), "ns/call")
}
