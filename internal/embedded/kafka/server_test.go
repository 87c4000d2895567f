package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/ledger"
)

const childDir = "TOLLKEEPER_TEST_BROKER_DIR"

// TestMain runs a broker alone when re-executed as the child of the durability test.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		cfg := DefaultConfig()
		cfg.Dir = dir
		cfg.MinFree = 0
		s, err := Start(context.Background(), cfg)
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "address"), []byte(s.Brokers()[0]), 0o600); err != nil {
			os.Exit(1)
		}
		select {}
	}
	goleak.VerifyTestMain(m)
}

func testConfig(dir string) Config {
	cfg := DefaultConfig()
	cfg.Dir = dir
	cfg.MinFree = 0
	cfg.CheckEvery = 5 * time.Millisecond
	return cfg
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestTopicsHaveTheirSettings(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.Partitions = 2
	s := start(t, cfg)
	settings := func(s *Server, topic string) (partitions int, byName map[string]string) {
		info := s.cluster.TopicInfo(topic)
		require.NotNil(t, info, topic)
		byName = map[string]string{}
		for k, v := range info.Configs {
			if v != nil {
				byName[k] = *v
			}
		}
		return len(s.cluster.PartitionInfos(topic)), byName
	}
	n, calls := settings(s, ledger.TopicCalls)
	require.Equal(t, 2, n)
	require.Equal(t, "259200000", calls["retention.ms"])
	require.Equal(t, "-1", calls["retention.bytes"])
	require.Equal(t, "8388608", calls["max.message.bytes"])
	n, dead := settings(s, ledger.TopicDeadLetter)
	require.Equal(t, 1, n)
	require.Equal(t, "9437184", dead["max.message.bytes"])
	id := s.cluster.TopicInfo(ledger.TopicCalls).TopicID
	s.Close()

	// The next start adds partitions and takes new settings; the topic stays the same one.
	cfg.Partitions = 3
	cfg.Calls.Age = time.Hour
	s = start(t, cfg)
	n, calls = settings(s, ledger.TopicCalls)
	require.Equal(t, 3, n)
	require.Equal(t, "3600000", calls["retention.ms"])
	require.Equal(t, id, s.cluster.TopicInfo(ledger.TopicCalls).TopicID)
}

func TestAcknowledgedRecordsSurviveAKill(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "broker")
	stored := map[int32]int64{}
	for round := range 3 {
		address := filepath.Join(base, "address")
		_ = os.Remove(address)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		require.NoError(t, cmd.Start())
		var brokers []string
		require.Eventually(t, func() bool {
			b, err := os.ReadFile(address)
			brokers = []string{string(b)}
			return err == nil && len(b) > 0
		}, 20*time.Second, 5*time.Millisecond)
		c := client(t, brokers, kgo.RecordDeliveryTimeout(2*time.Second))
		ends, err := kadm.NewClient(c).ListEndOffsets(context.Background(), ledger.TopicCalls)
		require.NoError(t, err)
		for p, n := range stored {
			end, _ := ends.Lookup(ledger.TopicCalls, p)
			require.GreaterOrEqual(t, end.Offset, n, "round %d partition %d: acknowledged records are gone", round, p)
		}
		var acked atomic.Int64
		for i := range 400 {
			r := &kgo.Record{Topic: ledger.TopicCalls, Partition: int32(i % 4), Value: []byte(strconv.Itoa(i))}
			c.Produce(context.Background(), r, func(r *kgo.Record, err error) {
				if err == nil {
					acked.Add(1)
				}
			})
			if i == 300 {
				require.NoError(t, c.Flush(context.Background()))
			}
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		c.Close()
		require.GreaterOrEqual(t, acked.Load(), int64(301))
		for p := range int32(4) {
			stored[p] += 75
		}
	}
	require.Equal(t, int64(225), stored[0])
}

func TestOneBrokerPerDirectory(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := start(t, cfg)
	_, err := Start(context.Background(), cfg)
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, cfg.Dir)
	s.Close()
	start(t, cfg)
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg := testConfig("")
	cfg.Listen = l.Addr().String()
	_, err = Start(context.Background(), cfg)
	require.ErrorContains(t, err, cfg.Listen+": the port is in use by another program")
}

func TestTheEndOfContextDoesNotStopTheBroker(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Start(ctx, testConfig(t.TempDir()))
	require.NoError(t, err)
	defer s.Close()
	cancel()
	c := client(t, s.Brokers())
	require.NoError(t, c.ProduceSync(context.Background(), &kgo.Record{Topic: ledger.TopicCalls, Value: []byte("x")}).FirstErr())
}

func TestNearlyFullDiskRefusesRecords(t *testing.T) {
	var free atomic.Int64
	free.Store(2000)
	cfg := testConfig(t.TempDir())
	cfg.MinFree = 1000
	cfg.Free = func(string) (int64, error) {
		if n := free.Load(); n >= 0 {
			return n, nil
		}
		return 0, errors.New("no such device")
	}
	registry := prometheus.NewRegistry()
	cfg.Metrics = registry
	s := start(t, cfg)
	produce := func() error {
		c := client(t, s.Brokers(), kgo.RecordRetries(0), kgo.RecordDeliveryTimeout(10*time.Second))
		defer c.Close()
		return c.ProduceSync(context.Background(), &kgo.Record{Topic: ledger.TopicCalls, Value: []byte("x")}).FirstErr()
	}
	require.NoError(t, produce())
	for _, short := range []int64{999, -1} {
		free.Store(short)
		require.Eventually(t, func() bool { return s.Refusing() != nil }, 10*time.Second, time.Millisecond)
		require.ErrorIs(t, produce(), kerr.KafkaStorageError)
		require.NotEmpty(t, s.Trouble())
		free.Store(1010)
		require.Never(t, func() bool { return s.Refusing() == nil }, 50*time.Millisecond, 5*time.Millisecond, "it would flap")
		free.Store(1125)
		require.Eventually(t, func() bool { return s.Refusing() == nil }, 10*time.Second, time.Millisecond)
		require.NoError(t, produce())
		require.Empty(t, s.Trouble())
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	require.Equal(t, 1125.0, got["tollkeeper_kafka_free_bytes"])
	require.Equal(t, 0.0, got["tollkeeper_kafka_refusing"])
	require.GreaterOrEqual(t, got["tollkeeper_kafka_refused_total"], 2.0)
	require.Equal(t, 3.0, got["tollkeeper_kafka_records"])
}

func TestRetentionRuns(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.ApplyEvery = 5 * time.Millisecond
	cfg.Spans.Bytes = 4096
	s := start(t, cfg)
	c := client(t, s.Brokers(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	old := time.Now().Add(-8 * 24 * time.Hour)
	require.NoError(t, c.ProduceSync(context.Background(), &kgo.Record{Topic: ledger.TopicCalls, Value: []byte("old"), Timestamp: old}).FirstErr())
	require.NoError(t, c.ProduceSync(context.Background(), &kgo.Record{Topic: ledger.TopicCalls, Value: []byte("new")}).FirstErr())
	for range 10 {
		require.NoError(t, c.ProduceSync(context.Background(), &kgo.Record{Topic: ledger.TopicSpans, Value: make([]byte, 1000)}).FirstErr())
	}
	require.Eventually(t, func() bool {
		return s.cluster.PartitionInfo(ledger.TopicCalls, 0).LogStartOffset == 1 &&
			s.cluster.PartitionInfo(ledger.TopicSpans, 0).NumBytes <= 4096
	}, 10*time.Second, 5*time.Millisecond)
}

// Clients are told to dial another address than the broker listens on.
func TestAdvertise(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	cfg := testConfig(t.TempDir())
	cfg.Listen, cfg.Advertise = "0.0.0.0:"+port, "localhost:"+port
	s := start(t, cfg)
	require.Equal(t, []string{cfg.Advertise}, s.Brokers())
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:" + port))
	require.NoError(t, err)
	defer client.Close()
	brokers, err := kadm.NewClient(client).ListBrokers(t.Context())
	require.NoError(t, err)
	require.Len(t, brokers, 1)
	require.Equal(t, "localhost", brokers[0].Host)
	require.Equal(t, port, strconv.Itoa(int(brokers[0].Port)))

	for _, wrong := range []string{"localhost", ":9092", "localhost:0", "localhost:x"} {
		cfg.Advertise = wrong
		require.ErrorContains(t, cfg.Validate(), "advertise", wrong)
	}
}

func TestValidateNamesEveryProblem(t *testing.T) {
	cfg := Config{Listen: "0.0.0.0:9092", Spans: Retention{Bytes: -1}, MinFree: -1}
	err := cfg.Validate()
	require.Error(t, err)
	for _, key := range []string{"listen", "partitions", "calls.age", "spans.age", "spans.bytes", "dead_letters.age", "min_free", "check_every", "apply_every"} {
		require.True(t, strings.Contains(err.Error(), key), key)
	}
	cfg = DefaultConfig()
	require.NoError(t, cfg.Validate())
}
