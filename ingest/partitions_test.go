package ingest

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// lag is the gauge of each partition of the calls.
func (r *rig) lag() map[int]float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	require.NoError(r.t, err)
	out := map[int]float64{}
	for _, f := range families {
		if f.GetName() != namePrefix+"lag" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["stream"] == "calls" {
				p, err := strconv.Atoi(labels["partition"])
				require.NoError(r.t, err)
				out[p] = m.GetGauge().GetValue()
			}
		}
	}
	return out
}

// A broker that takes a request and never answers, on a connection that stays open.
func TestFetchFromABrokerThatHangs(t *testing.T) {
	broker := kafkatest.New(t)
	broker.Calls(t, 0, call(1))
	hang := make(chan struct{})
	defer close(hang)
	var asked atomic.Int64
	broker.Cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster.KeepControl()
		if asked.Add(1) == 1 {
			broker.Cluster.SleepControl(func() { <-hang })
		}
		return nil, nil, false
	})
	b, err := openBrokers(broker.Servers)
	require.NoError(t, err)
	defer b.close()
	b.fetchTimeout = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(30*time.Second, cancel).Stop() // only so that a fetch without end fails the test
	_, err = b.fetch(ctx, ledger.TopicCalls, 0, 0, 1<<16)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "the fetch didn't end by itself")
	require.NotErrorIs(t, err, errUnreadable, "the data isn't to blame")
	b.fetchTimeout = time.Minute
	got, err := b.fetch(ctx, ledger.TopicCalls, 0, 0, 1<<16)
	require.NoError(t, err, "the next connection is another one")
	require.Len(t, got.records, 1)
}

// Whatever the other partitions do, Ready and the lag tell of the one that is stuck.
func TestOneStuckPartitionShows(t *testing.T) {
	r := newRig(t)
	fault := r.broker.Cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: ledger.TopicCalls, Partitions: []int32{2}, Err: kerr.KafkaStorageError, Count: -1,
	})
	run := r.start(r.config(), nil)
	var all []ledger.Call
	produce := func(partition int32) {
		c := call(len(all))
		r.broker.Calls(t, partition, c)
		all = append(all, c)
	}
	produce(0)
	r.wantStored(all...)
	require.Eventually(t, func() bool { return run.Ready(context.Background()) != nil }, patience, 5*time.Millisecond)
	for range 20 {
		produce(0)
		r.wantStored(all...)
		require.ErrorContains(t, run.Ready(context.Background()), "partition 2")
	}
	for range 3 {
		produce(2)
	}
	require.Eventually(t, func() bool { return r.lag()[2] == 3 }, patience, 5*time.Millisecond)
	fault.Remove()
	r.wantStored(all...)
	require.Eventually(t, func() bool { return run.Ready(context.Background()) == nil && r.lag()[2] == 0 }, patience, 5*time.Millisecond)
}

func TestLagGrowsWhileNothingCanBeStored(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	cfg := r.config()
	cfg.ClickHouse = p.url
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return run.Ready(context.Background()) == nil }, patience, 5*time.Millisecond)
	p.set(refuse, "INSERT INTO call_reports")
	cs := calls(0, 5)
	for i := range cs {
		r.broker.Calls(t, 1, cs[i])
	}
	require.Eventually(t, func() bool { return r.lag()[1] == 5 }, patience, 5*time.Millisecond)
	p.set(pass, "")
	r.wantStored(cs...)
	require.Eventually(t, func() bool { return r.lag()[1] == 0 }, patience, 5*time.Millisecond)
}

func TestLagForgetsPartitionsOfOthers(t *testing.T) {
	r := &rig{t: t, registry: prometheus.NewRegistry()}
	m, err := newMetrics(r.registry, func() float64 { return 0 })
	require.NoError(t, err)
	l := newLag("calls", m)
	l.begin(map[int]position{0: {next: 3}, 1: {next: 4}}, map[int]int64{0: 5, 1: 4, 2: 9})
	require.Equal(t, map[int]float64{0: 2, 1: 0}, r.lag())
	l.sawEnd(1, 8)
	l.sawEnd(1, 7) // an older answer that comes late
	l.sawEnd(2, 8)
	l.stored(0, 5)
	l.stored(1, 6)
	require.Equal(t, map[int]float64{0: 0, 1: 2}, r.lag())
	l.begin(map[int]position{1: {next: 6}}, map[int]int64{0: 5, 1: 8})
	require.Equal(t, map[int]float64{1: 2}, r.lag())
}

// What waits is decoded, what max_fetch bounds is compressed: it holds for all partitions together, not for each.
func TestMaxFetchIsSharedByThePartitions(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.MaxInsert, cfg.MaxWaiting, cfg.MaxFetch = 1<<16, 1<<17, 1<<18
	const batches, size = 32, 100_000 // per partition; the compression makes them small
	for partition := range int32(kafkatest.Partitions) {
		for range batches {
			r.broker.Produce(t, ledger.TopicCalls, partition, make([]byte, size))
		}
	}
	compressed := int(r.broker.Cluster.PartitionInfo(ledger.TopicCalls, 0).NumBytes) / batches
	require.Less(t, batches*compressed, cfg.MaxFetch, "one fetch would bring all of a partition")
	fetches := r.broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	release := make(chan struct{})
	run := r.start(cfg, func(step string) error {
		if step == "calls/ranges" { // the first insert takes for ever
			<-release
		}
		return nil
	})
	defer func() { close(release); _ = run.stop() }()
	require.Eventually(t, func() bool {
		return fetches.Hits() >= kafkatest.Partitions && r.metric("waiting_bytes") >= float64(cfg.MaxWaiting)
	}, patience, 50*time.Millisecond)
	most := cfg.MaxWaiting + (cfg.MaxFetch/compressed+kafkatest.Partitions)*(size+100)
	require.LessOrEqual(t, r.metric("waiting_bytes"), float64(most))
}
