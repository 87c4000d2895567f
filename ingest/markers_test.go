package ingest

import (
	"crypto/rand"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// transaction appends a record of each call to a partition, then the marker that ends it: an offset without a record.
func (r *rig) transaction(partition int32, end kgo.TransactionEndTry, cs ...ledger.Call) {
	r.t.Helper()
	client, err := kgo.NewClient(append(r.broker.Options(r.t), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID("bridge-"+strconv.Itoa(int(partition))))...)
	require.NoError(r.t, err)
	defer client.Close()
	require.NoError(r.t, client.BeginTransaction())
	for i := range cs {
		value := ledger.AppendBatch(nil, cs[i:i+1])
		require.NoError(r.t, client.ProduceSync(r.t.Context(), &kgo.Record{Topic: ledger.TopicCalls, Partition: partition, Value: value}).FirstErr())
	}
	require.NoError(r.t, client.EndTransaction(r.t.Context(), end))
}

// wantComplete checks that nothing is behind, lost or thought to be of another log.
func (r *rig) wantComplete(cfg Config) {
	r.t.Helper()
	for _, p := range r.status(cfg) {
		require.Zero(r.t, p.Behind+p.Lost+int64(p.Epochs), "%+v", p)
		require.False(r.t, p.Alarm, "%+v", p)
		require.Equal(r.t, p.LogEnd, p.Committed, "%+v", p)
	}
}

// A bridge between clusters may write in transactions. Their markers take up offsets; no call is missing there.
func TestMarkersOfTransactionsAreNoGaps(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 40)
	run := r.start(cfg, nil)
	for round := range 4 {
		for partition := range int32(4) {
			at := round*10 + int(partition)*2
			r.transaction(partition, kgo.TryCommit, cs[at:at+2]...)
		}
		r.broker.Calls(t, int32(round), cs[round*10+8:round*10+10]...)
		r.wantStored(cs[:round*10+10]...)
		r.wantCommitted(cfg, ledger.TopicCalls)
	}
	require.NoError(t, run.stop())
	r.wantContiguous()
	r.wantComplete(cfg)

	// The last offset of three partitions is a marker's: a start looks at it, and goes on behind it.
	more := calls(40, 2)
	r.transaction(0, kgo.TryCommit, more...)
	run = r.start(cfg, nil)
	r.wantStored(append(cs, more...)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Zero(t, r.metric("replayed_records_total"), "the start knows what is stored")
	require.Zero(t, r.metric("dead_letters_total"))
	require.Zero(t, r.metric("gap_records_total"))
	// Nobody can say that a call was not made because its transaction was aborted; sent again, it has the same identity.
	last := calls(42, 2)
	r.transaction(1, kgo.TryAbort, last...)
	r.transaction(1, kgo.TryCommit, last...)
	r.wantStored(append(append(cs, more...), last...)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	r.wantContiguous()
	r.wantComplete(cfg)
}

// A topic that was made with cleanup.policy=compact against all advice: what the cleaner took away is told, and the rest
// stored. The end of a batch was taken away, and a fetch brings no more than that batch.
func TestCompactedLogGoesOn(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.MaxFetch = 1 << 16
	altered, err := r.admin().AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "cleanup.policy", Value: kadm.StringPtr("compact")}}, ledger.TopicCalls)
	require.NoError(t, err)
	require.NoError(t, altered[0].Err)
	cs := calls(0, 4)
	padding := make([]byte, 1<<17) // doesn't shrink: the batch alone is more than a fetch asks for
	_, err = rand.Read(padding)
	require.NoError(t, err)
	record := func(key string, c ledger.Call, headers ...kgo.RecordHeader) *kgo.Record {
		return &kgo.Record{Topic: ledger.TopicCalls, Key: []byte(key), Value: ledger.AppendBatch(nil, []ledger.Call{c}), Headers: headers}
	}
	r.broker.ProduceRecords(t, record("a", cs[0], kgo.RecordHeader{Key: "padding", Value: padding}), record("b", cs[1]))
	r.broker.ProduceRecords(t, record("b", cs[2]))
	r.broker.ProduceRecords(t, record("c", cs[3]))
	r.broker.Cluster.Compact()
	run := r.start(cfg, nil)
	r.wantStored(cs[0], cs[2], cs[3])
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	r.wantContiguous()
	lost := r.status(cfg)[0]
	require.EqualValues(t, 1, lost.Lost)
	require.Zero(t, lost.Behind)
	require.Equal(t, 1.0, r.metric("gap_records_total"))
}
