package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestLostRecordsAreKnown(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 100) // 20 records, five in each partition
	r.spread(cs)
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	more := calls(100, 100)
	r.spread(more)
	require.NoError(t, r.broker.Cluster.DeleteRecords(ledger.TopicCalls, 0, 7)) // records 5 and 6: calls 100…104, 120…124
	require.NoError(t, r.broker.Cluster.DeleteRecords(ledger.TopicCalls, 1, 3)) // stored before: no loss
	var left []ledger.Call
	for i, c := range more {
		if i >= 5 && (i < 20 || i >= 25) {
			left = append(left, c)
		}
	}
	for range 2 { // the second start has nothing new to tell
		run = r.start(cfg, nil)
		r.wantStored(append(cs, left...)...)
		r.wantCommitted(cfg, ledger.TopicCalls)
		require.NoError(t, run.stop())
		require.Equal(t, "0\t5\t7", r.query("SELECT partition, first, next FROM ingest_ranges WHERE kind = 'gap'"))
		r.wantContiguous()
	}
}

func TestRecordsLostWhileTheDatabaseIsDown(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	cfg := r.config()
	cfg.ClickHouse = p.url
	cfg.MaxInsert, cfg.MaxWaiting, cfg.MaxFetch = 1<<16, 1<<16, 1<<16
	first := calls(0, 100)
	r.broker.Calls(t, 0, first...)
	r.start(cfg, nil)
	r.wantStored(first...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	p.set(refuse, "")
	for i := range 40 {
		r.broker.Calls(t, 0, calls(100+i*100, 100)...)
	}
	require.Eventually(t, func() bool { return p.hits.Load() > 2 }, patience, 5*time.Millisecond)
	require.NoError(t, r.broker.Cluster.DeleteRecords(ledger.TopicCalls, 0, 39))
	p.set(pass, "")
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Equal(t, "1", r.query("SELECT count() FROM ingest_ranges WHERE kind = 'gap'"))
	require.Positive(t, r.metric("gap_records_total"))
	// What is stored and what is lost add up to what there was.
	require.Equal(t, "4100", r.query(`SELECT (SELECT count() FROM call_reports FINAL) + (SELECT sum(next - first) * 100 FROM ingest_ranges WHERE kind = 'gap')`))
	r.wantContiguous()
}

func TestRecreatedTopic(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %v", running), func(t *testing.T) {
			r := newRig(t)
			cfg := r.config()
			cs := calls(0, 100)
			r.spread(cs)
			run := r.start(cfg, nil)
			r.wantStored(cs...)
			r.wantCommitted(cfg, ledger.TopicCalls)
			if !running {
				require.NoError(t, run.stop())
			}
			r.broker.Recreate(t, ledger.TopicCalls, kafkatest.Partitions)
			more := calls(100, 200) // longer than before: the old position is inside the new log
			r.spread(more)
			if !running {
				r.start(cfg, nil)
			}
			r.wantStored(append(cs, more...)...)
			r.wantCommitted(cfg, ledger.TopicCalls)
			r.wantContiguous()
			require.Equal(t, "4", r.query("SELECT count() FROM ingest_ranges WHERE kind = 'epoch' AND reason LIKE '%created again%'"))
			require.Equal(t, 4.0, r.metric("epochs_total"))
		})
	}
}

func TestAnotherLogUnderTheSameID(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 100)
	r.spread(cs)
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	// Partition 0: the last stored record is another one; partition 1: more was stored than the log has.
	const last = "FROM (SELECT * FROM ingest_ranges WHERE partition = %d AND kind = 'range' ORDER BY next DESC LIMIT 1)"
	r.query("INSERT INTO ingest_ranges SELECT * REPLACE (now64(3) AS at, 'checkpoint' AS kind, 1 AS last_hash) " + fmt.Sprintf(last, 0))
	r.query("INSERT INTO ingest_ranges SELECT * REPLACE (now64(3) AS at, next AS first, next + 7 AS next) " + fmt.Sprintf(last, 1))
	r.query("ALTER TABLE call_reports DELETE WHERE 1 SETTINGS mutations_sync = 1") // a restored backup has none of it
	run = r.start(cfg, nil)
	r.wantCommitted(cfg, ledger.TopicCalls)
	var want []ledger.Call
	for i, c := range cs {
		if p := i / 5 % 4; p < 2 {
			want = append(want, c)
		}
	}
	r.wantStored(want...)
	require.Equal(t, 2.0, r.metric("epochs_total"))
	require.NoError(t, run.stop())
	r.wantContiguous()
}

func TestRestoredBackup(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 100)
	r.spread(cs)
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	require.NoError(t, run.stop())
	for _, table := range []string{"call_reports", "ingest_ranges"} {
		r.query("CREATE TABLE kept_" + table + " AS " + table)
		r.query("INSERT INTO kept_" + table + " SELECT * FROM " + table)
	}
	more := calls(100, 100)
	r.spread(more)
	run = r.start(cfg, nil)
	r.wantStored(append(cs, more...)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	for _, table := range []string{"call_reports", "ingest_ranges"} {
		r.query("TRUNCATE TABLE " + table)
		r.query("INSERT INTO " + table + " SELECT * FROM kept_" + table)
	}
	r.wantStored(cs...)
	r.start(cfg, nil)
	r.wantStored(append(cs, more...)...)
	r.wantContiguous()
}
