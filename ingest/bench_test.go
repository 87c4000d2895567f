package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// BenchmarkCalls is the whole way from the broker to committed rows in the engine, all in one process and its child:
// calls/s, and that as a share of the engine's own speed, right after: the same rows and columns from a file.
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
	run := func(sql string) string { return clickhousetest.Start(b).Exec(b, url, sql) }
	require.Equal(b, fmt.Sprint(b.N), run("SELECT count() FROM call_reports FINAL"))
	file := filepath.Join(b.TempDir(), "calls.native")
	run("CREATE TABLE again AS call_reports")
	out, err := os.Create(file)
	require.NoError(b, err)
	res, err := http.Post(strings.Replace(url, "/t_", "/?database=t_", 1), "text/plain", strings.NewReader("SELECT * FROM call_reports FORMAT Native"))
	require.NoError(b, err)
	_, err = io.Copy(out, res.Body)
	require.NoError(b, errors.Join(err, res.Body.Close(), out.Close()))
	began := time.Now()
	run("INSERT INTO again SELECT * FROM file('" + file + "', Native)")
	b.ReportMetric(100*time.Since(began).Seconds()/b.Elapsed().Seconds(), "%ofEngine")
}

// BenchmarkPrepare is our own part of it: from the bytes of records to the bytes of an insert.
func BenchmarkPrepare(b *testing.B) {
	value := ledger.AppendBatch(nil, calls(0, 50))
	const records = 200
	c := &chunk{next: records}
	for i := range records {
		c.records = append(c.records, record{offset: int64(i), value: value})
	}
	into, out := newColumns(), newInserter(schema.Target{}, time.Second)
	b.ReportAllocs()
	b.SetBytes(int64(len(value) * records))
	for b.Loop() {
		batch := prepareCalls(kadm.TopicID{1}, momentsAt(noon, 0), []*chunk{c}, into)
		if err := out.encode("bench", &batch.calls.table); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(50*records), "ns/call")
}
