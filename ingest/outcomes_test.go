package ingest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// What becomes of the rest of docs/operators.md's table of outcomes; the others are in log_test.go and faults_test.go.

func (r *rig) admin() *kadm.Client {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Brokers...))
	require.NoError(r.t, err)
	r.t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// wantMarked checks that every minute with calls has been marked.
func (r *rig) wantMarked() {
	r.t.Helper()
	require.Equal(r.t, "0", r.query(`SELECT count() FROM (SELECT DISTINCT minute FROM call_reports)
		WHERE minute NOT IN (SELECT window FROM dirty_windows)`))
}

// status is what the command says, by partition.
func (r *rig) status(cfg Config) []PartitionStatus {
	r.t.Helper()
	i, err := Inspect(r.broker.Servers, r.url, cfg.Group)
	require.NoError(r.t, err)
	defer i.Close()
	out, err := i.Status(r.t.Context())
	require.NoError(r.t, err)
	return out
}

// A member is held at each step while another takes its partitions and stores them; then it goes on, as a process does that
// was stopped for a while. Two owners at once change nothing.
func TestZombieAtEveryStep(t *testing.T) {
	for _, step := range []string{"dead letters", "calls", "refused calls", "candidates", "marks", "ranges", "commit", "committed"} {
		t.Run(step, func(t *testing.T) {
			r := newRig(t)
			cfg := r.config()
			cfg.Session = 500 * time.Millisecond
			held, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			release := sync.OnceFunc(func() { close(goOn) })
			defer release()
			all := calls(0, 100)
			r.spread(all)
			zombie := r.start(cfg, func(at string) error {
				if at == "calls/"+step {
					once.Do(func() { close(held); <-goOn })
				}
				return nil
			})
			<-held
			r.start(cfg, nil)
			r.wantStored(all...)
			r.wantCommitted(cfg, ledger.TopicCalls)
			more := calls(100, 100)
			all = append(all, more...)
			r.spread(more)
			r.wantStored(all...)
			release()
			last := calls(200, 40)
			all = append(all, last...)
			r.spread(last)
			r.wantStored(all...)
			r.wantCommitted(cfg, ledger.TopicCalls)
			require.NoError(t, zombie.stop())
			r.wantContiguous()
			r.wantMarked()
			for _, p := range r.status(cfg) {
				require.Zero(t, p.Behind+p.Lost+int64(p.Epochs), "%+v", p)
			}
		})
	}
}

func TestWipedGroup(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	first := calls(0, 100)
	r.spread(first)
	run := r.start(cfg, nil)
	r.wantStored(first...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	_, err := r.admin().DeleteGroups(t.Context(), cfg.Group)
	require.NoError(t, err)
	more := calls(100, 100)
	r.spread(more)
	for _, p := range r.status(cfg) {
		require.Equal(t, PartitionStatus{Partition: p.Partition, LogEnd: 10, Committed: -1, Stored: 5, Behind: 5, Next: "start at 5"}, p)
	}
	r.start(cfg, nil)
	r.wantStored(append(first, more...)...)
	require.Zero(t, r.metric("replayed_records_total"), "the database knows what is stored")
	r.wantContiguous()
}

// A database that is lost: what Kafka still has is read again, and what it hasn't is told.
func TestLostDatabase(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 100)
	r.spread(cs)
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	require.NoError(t, r.broker.Cluster.DeleteRecords(ledger.TopicCalls, 0, 2)) // records 0 and 4: calls 0…4, 20…24

	r.url = r.engine.Database(t)
	_, err := schema.Apply(t.Context(), r.url, schema.DefaultOptions())
	require.NoError(t, err)
	cfg.ClickHouse = r.url
	before := r.status(cfg)
	require.True(t, before[0].Alarm)
	require.Equal(t, "start at 2: the database knows nothing of this topic, though the group has committed offset 5: it is another one, or lost: 2 records are gone unstored", before[0].Next)
	require.True(t, before[1].Alarm)
	run = r.start(cfg, nil)
	r.wantStored(append(cs[5:20:20], cs[25:]...)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	after := r.status(cfg)
	require.EqualValues(t, 2, after[0].Lost)
	for _, p := range after {
		require.False(t, p.Alarm)
		require.EqualValues(t, 1, p.Epochs)
	}
	require.Zero(t, after[1].Lost)
}

func TestAddedPartitions(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	first := calls(0, 100)
	r.spread(first)
	r.start(cfg, nil)
	r.wantStored(first...)
	_, err := r.admin().CreatePartitions(t.Context(), 2, ledger.TopicCalls)
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	all := first
	for p := range int32(kafkatest.Partitions + 2) {
		cs := calls(len(all), 10)
		all = append(all, cs...)
		record := &kgo.Record{Topic: ledger.TopicCalls, Partition: p, Value: ledger.AppendBatch(nil, cs)}
		require.NoError(t, client.ProduceSync(t.Context(), record).FirstErr())
	}
	r.wantStored(all...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantContiguous()
}

// The topic is created again and filled beyond our position between two fetches: they go on succeeding.
func TestRecreatedTopicThatNoFetchNotices(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 40)
	r.spread(cs)
	var hold atomic.Bool
	var held atomic.Int64
	resume := make(chan struct{})
	r.broker.Cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		r.broker.Cluster.KeepControl()
		if hold.Load() {
			held.Add(1)
			r.broker.Cluster.SleepControl(func() { <-resume })
		}
		return nil, nil, false
	})
	i := r.build(cfg, nil)
	i.look = 100 * time.Millisecond
	r.run(i)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	hold.Store(true)
	require.Eventually(t, func() bool { return held.Load() == kafkatest.Partitions }, patience, time.Millisecond)
	r.broker.Recreate(t, ledger.TopicCalls, kafkatest.Partitions)
	more := calls(100, 400)
	r.spread(more)
	hold.Store(false)
	close(resume)
	r.wantStored(append(cs, more...)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantContiguous()
}

// Calls that were stored without a mark, and whose records are gone before they could be replayed, get into the totals.
func TestStoredWithoutAMarkAndThenGone(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	first := calls(0, 20)
	r.spread(first)
	run := r.start(cfg, nil)
	r.wantStored(first...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	unmarked := calls(5000, 20) // ten minutes later
	r.spread(unmarked)
	stop, dead := crashAt("marks", 1)
	run = r.start(cfg, stop)
	require.Eventually(t, dead.Load, patience, time.Millisecond)
	require.NoError(t, run.stop())
	r.wantStored(append(first, unmarked...)...)
	for p, end := range r.broker.End(ledger.TopicCalls) {
		require.NoError(t, r.broker.Cluster.DeleteRecords(ledger.TopicCalls, p, end))
	}
	r.start(cfg, nil)
	require.Eventually(t, func() bool { return r.metric("gap_records_total") > 0 }, patience, 5*time.Millisecond)
	r.wantMarked()
}

// Every member but one is stopped and woken again and again while records come.
func TestMembersThatComeAndGo(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.Session = 300 * time.Millisecond
	var all []ledger.Call
	stay := r.start(cfg, nil)
	for round := range 4 {
		cs := calls(len(all), 60)
		all = append(all, cs...)
		r.spread(cs)
		guest := r.start(cfg, nil)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := r.broker.Cluster.WaitGroupStable(ctx, cfg.Group, 2) // there may be no group yet
		cancel()
		require.NoError(t, err, "round %d", round)
		require.NoError(t, guest.stop())
	}
	r.wantStored(all...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, stay.stop())
	r.wantContiguous()
	r.wantMarked()
}
