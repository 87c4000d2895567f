package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestFreshnessIsTheLastStoredEnd(t *testing.T) {
	at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
	f := &freshness{}
	require.Zero(t, f.age(at(0)))
	f.begin(map[int]position{0: {next: 10}, 1: {next: 0}}, at(0))
	known := func(second int, all bool, want map[int]time.Time) {
		t.Helper()
		got, full := f.complete()
		require.Equal(t, want, got)
		require.Equal(t, all, full)
		require.Equal(t, time.Duration(second)*time.Second, f.age(at(100)))
	}
	known(100, false, map[int]time.Time{})
	f.sawEnd(1, 0, at(1)) // an empty log is complete
	known(100, false, map[int]time.Time{1: at(1)})
	f.sawEnd(0, 15, at(2)) // read to the end, nothing stored
	f.sawEnd(0, 15, at(3)) // nothing new since
	f.sawEnd(0, 20, at(4))
	known(100, false, map[int]time.Time{1: at(1)})
	f.stored(0, 14)
	known(100, false, map[int]time.Time{1: at(1)})
	f.stored(0, 17)
	known(99, true, map[int]time.Time{0: at(3), 1: at(1)})
	f.sawEnd(1, 0, at(5))
	f.stored(0, 30) // behind: more is stored, but the end has not been seen again
	known(96, true, map[int]time.Time{0: at(4), 1: at(5)})

	for i := range 10 * maxPending { // a database that stores nothing while records come
		f.sawEnd(0, int64(31+i), at(6+i))
	}
	require.Len(t, f.partitions[0].pending, maxPending)
	f.stored(0, 31+10*maxPending)
	known(95, true, map[int]time.Time{0: at(5 + 10*maxPending), 1: at(5)})

	f.sawEnd(7, 3, at(50)) // not ours
	f.begin(map[int]position{2: {next: 4}}, at(60))
	known(40, false, map[int]time.Time{})
}

// completeTo is up to when the whole ledger is complete, as the alerts read it, in milliseconds.
const completeTo = "SELECT toUnixTimestamp64Milli(min(complete_to)) FROM ingest_freshness FINAL WHERE topic = '" + ledger.TopicCalls + "'"

// wantCompleteAfter waits until the whole ledger is known to be complete to a time after t0.
func (r *rig) wantCompleteAfter(t0 time.Time) {
	r.t.Helper()
	after := t0.UTC().Format("2006-01-02 15:04:05.000")
	require.Eventually(r.t, func() bool {
		return r.query("SELECT min(complete_to) > '"+after+"' AND count() = 4 FROM ingest_freshness FINAL") == "1"
	}, patience, 20*time.Millisecond)
}

func TestHeartbeatGoesOnWithoutTraffic(t *testing.T) {
	require.EqualValues(t, 4, kafkatest.Partitions)
	r := newRig(t)
	cfg := r.config()
	cfg.FreshnessEvery = 100 * time.Millisecond
	p := newProxy(t, r.url)
	cfg.ClickHouse = p.url
	// Three partitions that a topic of that name had once.
	r.query("INSERT INTO ingest_freshness (topic, partition, complete_to) SELECT '" + ledger.TopicCalls + "', 4 + number, '2026-01-01 00:00:00' FROM numbers(3)")
	run := r.start(cfg, nil)
	for range 3 {
		r.wantCompleteAfter(time.Now())
	}
	require.Less(t, r.metric("ledger_age_seconds"), 60.0)

	// What isn't stored isn't complete, however often the log's end is read.
	p.set(refuse, "INSERT INTO call_reports")
	r.spread(calls(0, 100))
	require.Eventually(t, func() bool { return run.Ready(context.Background()) != nil }, patience, 5*time.Millisecond)
	before := r.query(completeTo)
	hits := p.hits.Load()
	require.Eventually(t, func() bool { return p.hits.Load() > hits+2 }, patience, 5*time.Millisecond)
	require.Equal(t, before, r.query(completeTo))
	p.set(pass, "")
	r.wantCompleteAfter(time.Now())
	r.wantStored(calls(0, 100)...)

	// A heartbeat that fails keeps nothing from being stored.
	p.set(refuse, "INSERT INTO ingest_freshness")
	retried := p.hits.Load()
	require.Eventually(t, func() bool { return p.hits.Load() > retried+1 }, patience, 5*time.Millisecond)
	r.spread(calls(100, 100))
	r.wantStored(calls(0, 200)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.Ready(context.Background()))
	p.set(pass, "")
	r.wantCompleteAfter(time.Now())

	require.NoError(t, run.stop())
}

// The first time that all is read is told at once: here no other time comes.
func TestFirstCatchUpIsToldAtOnce(t *testing.T) {
	r := newRig(t)
	i, err := New(r.config(), Deps{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	r.wantCompleteAfter(noon.Add(-time.Millisecond))
	cancel()
	require.NoError(t, <-done)
}

// The database's clock was set back: what is written now counts nevertheless.
func TestFreshnessOfATimeToComeIsForgotten(t *testing.T) {
	r := newRig(t)
	r.query("INSERT INTO ingest_freshness (topic, partition, complete_to, at) SELECT '" + ledger.TopicCalls + "', number, now64(3) + 3600, now64(3) + 3600 FROM numbers(4)")
	cfg := r.config()
	cfg.FreshnessEvery = 100 * time.Millisecond
	r.start(cfg, nil)
	require.Eventually(t, func() bool {
		return r.query("SELECT min(complete_to) > now64(3) - 60 AND max(complete_to) <= now64(3) AND count() = 4 FROM ingest_freshness FINAL") == "1"
	}, patience, 20*time.Millisecond)
}

// A partition that has never been complete keeps the whole ledger from being taken for complete.
func TestPartitionThatWasNeverCompleteCounts(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.FreshnessEvery = 50 * time.Millisecond
	p := newProxy(t, r.url)
	p.set(refuse, "INSERT INTO call_reports")
	cfg.ClickHouse = p.url
	r.broker.Calls(t, 2, call(1))
	r.start(cfg, nil)
	require.Eventually(t, func() bool { return p.hits.Load() > 2 }, patience, 5*time.Millisecond)
	require.Equal(t, "0", r.query(completeTo))
	p.set(pass, "")
	r.wantCompleteAfter(time.Now())
}
