package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestStatusAndRewind(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	i, err := Inspect(r.broker.Servers, r.url, cfg.Group)
	require.NoError(t, err)
	defer i.Close()
	cs := calls(0, 100) // 20 records, five in each partition
	r.spread(cs)
	before, err := i.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, PartitionStatus{Partition: 2, LogEnd: 5, Committed: -1, Stored: -1, Behind: 5, Next: "start at 0: first start"}, before[2])

	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	members, err := i.Members(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, members)
	_, err = i.Rewind(t.Context(), -1, To{Offset: 2})
	require.ErrorIs(t, err, errBusy)
	require.NoError(t, run.stop())
	stored, err := i.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, PartitionStatus{Partition: 2, LogEnd: 5, Committed: 5, Stored: 5, Next: "start at 5"}, stored[2])

	// What the database lost comes back.
	r.query("TRUNCATE TABLE call_reports")
	done, err := i.Rewind(t.Context(), 1, To{Offset: 3})
	require.NoError(t, err)
	require.Equal(t, []Rewound{{1, 5, 3}}, done)
	done, err = i.Rewind(t.Context(), -1, To{At: time.Now().Add(-time.Hour)})
	require.NoError(t, err)
	require.Equal(t, []Rewound{{0, 5, 0}, {1, 3, 0}, {2, 5, 0}, {3, 5, 0}}, done)
	done, err = i.Rewind(t.Context(), -1, To{Offset: 4})
	require.NoError(t, err)
	require.Empty(t, done, "never forward")
	_, err = i.Rewind(t.Context(), 9, To{})
	require.ErrorContains(t, err, "no partition 9")
	run = r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())

	// A loss that a start would find is told before, and as a loss after.
	r.broker.Calls(t, 0, call(100))
	r.broker.Calls(t, 0, call(101))
	require.NoError(t, r.broker.Cluster.DeleteRecords(ledger.TopicCalls, 0, 6))
	lost, err := i.Status(t.Context())
	require.NoError(t, err)
	require.True(t, lost[0].Alarm)
	require.Equal(t, "start at 6: 1 records are gone unstored", lost[0].Next)
	run = r.start(cfg, nil)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	after, err := i.Status(t.Context())
	require.NoError(t, err)
	require.False(t, after[0].Alarm)
	require.EqualValues(t, 1, after[0].Lost)
}
