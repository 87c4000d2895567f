package ingest

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	embedded "github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// crashAt makes an ingester that does nothing more from the n-th time it comes to a step.
func crashAt(step string, n int64) (func(string) error, *atomic.Bool) {
	var seen atomic.Int64
	dead := &atomic.Bool{}
	return func(at string) error {
		if at == "calls/"+step && seen.Add(1) >= n {
			dead.Store(true)
		}
		if dead.Load() {
			return errors.New("crashed")
		}
		return nil
	}, dead
}

func TestCrashBetweenAnyTwoSteps(t *testing.T) {
	for _, step := range []string{"dead letters", "calls", "refused calls", "candidates", "marks", "ranges", "commit", "committed"} {
		t.Run(step, func(t *testing.T) {
			r := newRig(t)
			cfg := r.config()
			var all []ledger.Call
			for round := range 3 {
				cs := calls(round*100, 100)
				cs[3].Flags |= ledger.FlagCandidate
				all = append(all, cs...)
				r.spread(cs)
				stop, dead := crashAt(step, int64(1+round%2))
				run := r.start(cfg, stop)
				if round%2 == 1 {
					r.broker.Calls(t, 0, call(1000+round)) // a second step
					all = append(all, call(1000+round))
				}
				require.Eventually(t, func() bool {
					if !dead.Load() {
						r.broker.Calls(t, 0, call(2000)) // one more step, until the crash comes
					}
					return dead.Load()
				}, patience, 30*time.Millisecond)
				require.NoError(t, run.stop())
				all = append(all[:len(all):len(all)], call(2000))
				r.broker.Calls(t, 0, call(2000))
			}
			run := r.start(cfg, nil)
			r.wantStored(unique(all)...)
			r.wantCommitted(cfg, ledger.TopicCalls)
			require.NoError(t, run.stop())
			r.wantContiguous()
			require.Equal(t, "0", r.query(`SELECT count() FROM (SELECT DISTINCT minute FROM call_reports)
				WHERE minute NOT IN (SELECT window FROM dirty_windows)`))
			require.Equal(t, "3", r.query("SELECT count() FROM settle_candidates FINAL"))
		})
	}
}

func unique(cs []ledger.Call) []ledger.Call {
	seen := map[[16]byte]bool{}
	var out []ledger.Call
	for _, c := range cs {
		if !seen[c.TraceID] {
			seen[c.TraceID] = true
			out = append(out, c)
		}
	}
	return out
}

func TestRebalance(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	var all []ledger.Call
	next := func(n int) {
		cs := calls(len(all), n)
		all = append(all, cs...)
		r.spread(cs)
	}
	next(200)
	a := r.start(cfg, nil)
	r.wantStored(all...)
	var pump sync.WaitGroup
	stop := make(chan struct{})
	pump.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				next(20)
			}
		}
	})
	r.start(cfg, nil)
	members := func(n int) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := r.broker.Cluster.WaitGroupStable(ctx, cfg.Group, n)
		require.NoError(t, err)
	}
	members(2)
	c := r.start(cfg, nil)
	members(3)
	require.NoError(t, a.stop())
	members(2)
	require.NoError(t, c.stop())
	members(1)
	close(stop)
	pump.Wait()
	r.wantStored(all...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantContiguous()
}

func TestDatabaseDownAtStart(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	p.set(refuse, "")
	cfg := r.config()
	cfg.ClickHouse = p.url
	cs := calls(0, 50)
	r.spread(cs)
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return p.hits.Load() > 2 }, patience, 5*time.Millisecond)
	require.Error(t, run.Ready(context.Background()))
	p.set(pass, "")
	r.wantStored(cs...)
	require.Eventually(t, func() bool { return run.Ready(context.Background()) == nil }, patience, 5*time.Millisecond)
}

func TestDatabaseFailsInTheMiddle(t *testing.T) {
	for name, mode := range map[string]int32{"down": refuse, "full": fullDisk, "answers lost": loseAnswer} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p := newProxy(t, r.url)
			cfg := r.config()
			cfg.ClickHouse = p.url
			all := calls(0, 50)
			r.spread(all)
			run := r.start(cfg, nil)
			r.wantStored(all...)
			r.wantCommitted(cfg, ledger.TopicCalls)
			for _, only := range []string{"", "INSERT INTO call_reports", "INSERT INTO dirty_windows", "INSERT INTO ingest_ranges"} {
				hits := p.hits.Load()
				p.set(mode, only)
				more := calls(len(all), 100)
				all = append(all, more...)
				r.spread(more)
				require.Eventually(t, func() bool { return p.hits.Load() > hits+2 }, patience, 5*time.Millisecond, only)
				require.Eventually(t, func() bool { return run.Ready(context.Background()) != nil }, patience, time.Millisecond, only)
				p.set(pass, "")
				r.wantStored(all...)
				r.wantCommitted(cfg, ledger.TopicCalls)
				require.NoError(t, run.Ready(context.Background()))
			}
			r.wantContiguous()
			require.NoError(t, run.stop())
		})
	}
}

func TestInsertTooLargeForTheServersMemory(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	p.set(noMemory, "INSERT INTO call_reports")
	cfg := r.config()
	cfg.ClickHouse = p.url
	cs := calls(0, 1000)
	r.broker.Calls(t, 0, cs...)
	r.start(cfg, nil)
	r.wantStored(cs...)
	require.Positive(t, r.metric("retries_total"))
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantContiguous()
}

// The first half is stored, then the second is refused too: the candidates of the first are not forgotten.
func TestCandidatesOfAnInsertThatIsShrunkTwice(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	p.set(noMemoryInTurns, "INSERT INTO call_reports")
	cfg := r.config()
	cfg.ClickHouse = p.url
	cs := calls(0, 16)
	for i := range cs {
		cs[i].Flags |= ledger.FlagCandidate
	}
	r.broker.Calls(t, 0, cs...)
	r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.EqualValues(t, 5, p.hits.Load(), "all refused, a half stored, the other refused, its two halves stored")
	require.Equal(t, "16", r.query("SELECT count() FROM settle_candidates FINAL"))
}

func TestRecordLargerThanAFetch(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.MaxFetch = 1 << 16
	cs := calls(0, 3000)
	require.Greater(t, len(ledger.AppendBatch(nil, cs)), 5*cfg.MaxFetch)
	r.broker.Calls(t, 0, cs[:10]...)
	r.broker.Calls(t, 0, cs...)
	r.broker.Calls(t, 0, cs[10:20]...)
	r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
}

func TestTopicComesLater(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	require.NoError(t, r.broker.Cluster.DeleteTopic(ledger.TopicCalls))
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return r.metric("retries_total") > 0 }, patience, 5*time.Millisecond)
	require.Error(t, run.Ready(context.Background()))
	require.NoError(t, r.broker.Cluster.CreateTopic(ledger.TopicCalls, 2, nil))
	cs := calls(0, 20)
	r.broker.Calls(t, 1, cs...)
	r.wantStored(cs...)
	require.NoError(t, run.Ready(context.Background()))
}

// The topic comes, or grows, right after the leader counted its partitions and before anybody watches them.
func TestPartitionsThatComeWhileTheyAreSharedOut(t *testing.T) {
	t.Run("a topic", func(t *testing.T) {
		r := newRig(t)
		require.NoError(t, r.broker.Cluster.DeleteTopic(ledger.TopicCalls))
		partitionComes(t, r, 1, func() error { return r.broker.Cluster.CreateTopic(ledger.TopicCalls, 2, nil) })
	})
	t.Run("a partition", func(t *testing.T) {
		r := newRig(t)
		partitionComes(t, r, kafkatest.Partitions, func() error {
			_, err := r.admin().CreatePartitions(t.Context(), 1, ledger.TopicCalls)
			return err
		})
	})
}

func partitionComes(t *testing.T, r *rig, partition int32, come func() error) {
	i := r.build(r.config(), nil)
	came, once := make(chan error, 1), sync.Once{}
	i.shared = func() { once.Do(func() { came <- come() }) }
	r.run(i)
	require.NoError(t, <-came)
	cs := calls(0, 20)
	r.broker.Calls(t, partition, cs...)
	r.wantStored(cs...)
}

func TestWeakTopics(t *testing.T) {
	one, err := openBrokers(kafkatest.New(t).Servers)
	require.NoError(t, err)
	defer one.close()
	got, err := one.weakTopics(context.Background(), ledger.TopicCalls)
	require.NoError(t, err)
	require.Empty(t, got, "a single broker can't do better")

	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	defer cluster.Close()
	three, err := openBrokers(kafkaclient.Servers{Brokers: cluster.ListenAddrs()})
	require.NoError(t, err)
	defer three.close()
	_, err = three.admin.CreateTopic(context.Background(), 1, 1, nil, ledger.TopicCalls)
	require.NoError(t, err)
	_, err = three.admin.CreateTopic(context.Background(), 1, 3, map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}, ledger.TopicDeadLetter)
	require.NoError(t, err)
	got, err = three.weakTopics(context.Background(), ledger.TopicCalls, ledger.TopicDeadLetter)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Contains(t, got[0], ledger.TopicCalls+" has 1 replicas on 3 brokers: want 3")
	require.Contains(t, got[1], "min.insync.replicas=1: want 2")
}

func TestBrokerNotThereAtStart(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	cfg := r.config()
	cfg.Brokers = []string{address}
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return r.metric("retries_total") > 0 }, patience, 5*time.Millisecond)
	require.Error(t, run.Ready(context.Background()))
	broker := embedded.DefaultConfig()
	broker.Listen = address
	server, err := embedded.Start(context.Background(), broker)
	require.NoError(t, err)
	defer server.Close()
	require.Eventually(t, func() bool { return run.Ready(context.Background()) == nil }, patience, 5*time.Millisecond)
	require.NoError(t, run.stop())
}

func TestReadingStopsWhileNothingCanBeStored(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	cfg := r.config()
	cfg.ClickHouse = p.url
	cfg.MaxInsert, cfg.MaxWaiting, cfg.MaxFetch = 1<<16, 1<<17, 1<<16
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return run.Ready(context.Background()) == nil }, patience, 5*time.Millisecond)
	p.set(refuse, "")
	cs := calls(0, 4000)
	for i := range kafkatest.Partitions {
		for j := i * 1000; j < (i+1)*1000; j += 100 {
			r.broker.Calls(t, int32(i), cs[j:j+100]...)
		}
	}
	require.Eventually(t, func() bool { return r.metric("waiting_bytes") > 0 && p.hits.Load() > 3 }, patience, 5*time.Millisecond)
	// At most the bound, one fetch per partition beyond it and what is being stored.
	most := float64(cfg.MaxWaiting + kafkatest.Partitions*(cfg.MaxFetch+1<<16))
	require.LessOrEqual(t, r.metric("waiting_bytes"), most)
	require.Equal(t, "0", r.query("SELECT count() FROM call_reports"))
	p.set(pass, "")
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantContiguous()
}

func TestStopWhileTheDatabaseIsDown(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	cfg := r.config()
	cfg.ClickHouse = p.url
	cfg.Drain = 100 * time.Millisecond
	first := calls(0, 20)
	r.spread(first)
	run := r.start(cfg, nil)
	r.wantStored(first...)
	p.set(refuse, "")
	r.spread(calls(20, 20))
	require.Eventually(t, func() bool { return run.Ready(context.Background()) != nil }, patience, time.Millisecond)
	require.NoError(t, run.stop())
	p.set(pass, "")
	r.start(cfg, nil)
	r.wantStored(calls(0, 40)...)
}

func TestBrokerFaults(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	var all []ledger.Call
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.OffsetCommit, kmsg.Heartbeat, kmsg.JoinGroup, kmsg.OffsetFetch, kmsg.ListOffsets} {
		faults := r.broker.Cluster.Fault(
			kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.CoordinatorNotAvailable, Count: 2},
			kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.CoordinatorNotAvailable, Count: 2, TopLevel: true},
		)
		run := r.start(cfg, nil)
		for range 2 {
			cs := calls(len(all), 40)
			all = append(all, cs...)
			r.spread(cs)
			r.wantStored(all...)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		require.NoError(t, faults.Wait(ctx, 1), key.Name())
		cancel()
		faults.Remove()
		r.wantCommitted(cfg, ledger.TopicCalls)
		require.NoError(t, run.stop())
		r.wantContiguous()
	}
}
