package ingest

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func newerBatch(cs ...ledger.Call) []byte {
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, ledger.BatchVersion+1)
	return append(b, ledger.AppendBatch(nil, cs)[2:]...)
}

func TestPoisonIsSetAsideAndThePartitionGoesOn(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 20)
	bad := call(500)
	bad.Usage.Tokens[ledger.CacheRead] = -1
	huge := call(501)
	huge.Cost[ledger.CostInput], huge.Cost[ledger.CostOther] = ledger.MaxMoney, 1
	r.broker.Calls(t, 0, cs[:5]...)
	r.broker.ProduceRecords(t, &kgo.Record{
		Topic: ledger.TopicCalls, Key: []byte("k"), Value: []byte("this is no batch"),
		Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-1")}},
	})
	r.broker.Calls(t, 0, cs[5:10]...)
	newer := newerBatch(call(400))
	r.broker.Produce(t, ledger.TopicCalls, 0, newer, nil, ledger.AppendBatch(nil, cs[10:12])[:60])
	r.broker.Calls(t, 0, cs[10], bad, cs[11], huge)
	r.broker.Calls(t, 0, cs[12:]...)
	// The first answer for a dead letter is an error: the offset waits.
	faults := r.broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: ledger.TopicDeadLetter, Err: kerr.KafkaStorageError, Count: 1})
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Equal(t, 1, faults.Hits())
	letters := map[string]*kgo.Record{}
	for _, l := range r.broker.Consume(t, ledger.TopicDeadLetter, 6) {
		letters[header(l, HeaderOffset)+"/"+header(l, HeaderIndex)] = l
	}
	require.Len(t, letters, 6)
	garbage := letters["1/"]
	require.Equal(t, "this is no batch", string(garbage.Value))
	require.Equal(t, "k", string(garbage.Key))
	require.Equal(t, "00-1", header(garbage, "traceparent"))
	require.Equal(t, ledger.TopicCalls, header(garbage, HeaderTopic))
	require.Equal(t, "0", header(garbage, HeaderPartition))
	require.Equal(t, ReasonNotBatch, header(garbage, HeaderReason))
	require.NotEmpty(t, header(garbage, HeaderError))
	require.Len(t, header(garbage, HeaderTopicID), 36)
	_, err := time.Parse(time.RFC3339Nano, header(garbage, HeaderAt))
	require.NoError(t, err)
	require.Equal(t, ReasonNewerVersion, header(letters["3/"], HeaderReason))
	require.Equal(t, newer, letters["3/"].Value)
	require.Equal(t, ReasonNotBatch, header(letters["4/"], HeaderReason))
	require.Equal(t, ReasonNotBatch, header(letters["5/"], HeaderReason))
	for index, want := range map[string]ledger.Call{"6/1": bad, "6/3": huge} {
		require.Equal(t, ReasonRefusedCall, header(letters[index], HeaderReason))
		require.Equal(t, ledger.AppendBatch(nil, []ledger.Call{want}), letters[index].Value)
	}
	require.Equal(t, 6.0, r.metric("dead_letters_total"))
	require.NoError(t, run.stop())
	r.wantContiguous()
}

func TestDeadLetterTooLargeForItsTopic(t *testing.T) {
	r := newRig(t)
	r.broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: ledger.TopicDeadLetter, Err: kerr.MessageTooLarge, Count: 1})
	r.broker.Produce(t, ledger.TopicCalls, 0, []byte("no batch"))
	r.start(r.config(), nil)
	letter := r.broker.Consume(t, ledger.TopicDeadLetter, 1)[0]
	require.Empty(t, letter.Value)
	require.Equal(t, "true", header(letter, HeaderCut))
	require.Equal(t, "0", header(letter, HeaderOffset))
}

// brokenBatch is a record batch with a right checksum whose compressed bytes are none.
func brokenBatch(records int32) []byte {
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: 4, // zstd
		LastOffsetDelta: records - 1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: records,
		Records: []byte("not zstd at all"),
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func (r *rig) produceRaw(topic string, partition int32, batch []byte) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Brokers...))
	require.NoError(r.t, err)
	defer client.Close()
	details, err := kadm.NewClient(client).ListTopics(context.Background(), topic)
	require.NoError(r.t, err)
	req := kmsg.NewProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 5000
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, details[topic].ID
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(context.Background(), client)
	require.NoError(r.t, err)
	require.NoError(r.t, kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode))
}

func TestUnreadableRecordBatch(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 20)
	r.broker.Calls(t, 0, cs[:10]...)
	broken := brokenBatch(3)
	r.produceRaw(ledger.TopicCalls, 0, broken)
	r.broker.Calls(t, 0, cs[10:]...)
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	letter := r.broker.Consume(t, ledger.TopicDeadLetter, 1)[0]
	require.Equal(t, ReasonUnreadable, header(letter, HeaderReason))
	require.Equal(t, "1", header(letter, HeaderOffset))
	require.Contains(t, string(letter.Value), "not zstd at all")
	require.NoError(t, run.stop())
	r.wantContiguous()
}

func TestCallsWithoutIDs(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	var same []ledger.Call
	for range 6 { // equal in every byte, and six calls all the same
		c := call(1)
		c.TraceID, c.SpanID = [16]byte{}, [8]byte{}
		same = append(same, c)
	}
	half := call(2)
	half.SpanID = [8]byte{}
	r.broker.Calls(t, 0, same[0], same[1])
	r.broker.Calls(t, 0, same[2])
	r.broker.Calls(t, 1, same[3], same[4], same[5], half)
	run := r.start(cfg, nil)
	r.wantStored(append(same, half)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.stop())
	r.broker.Commit(t, cfg.Group, ledger.TopicCalls, map[int32]int64{0: 0, 1: 0})
	r.start(cfg, nil)
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantStored(append(same, half)...)
	require.Equal(t, "7", r.query("SELECT countIf(bitTest(flags, 0)) FROM call_reports FINAL"))
	require.Equal(t, "1", r.query("SELECT count() FROM call_reports FINAL WHERE trace_id = unhex('00000000000000000000000000000000') OR hex(trace_id) LIKE '0000000000000003%'"))
}

func TestMoreDaysThanOneInsertTakes(t *testing.T) {
	r := newRig(t)
	cs := calls(0, 110)
	for i := range cs {
		at := noon.Add(-time.Duration(i) * 24 * time.Hour)
		cs[i].Start, cs[i].Received = at.UnixNano(), at.UnixNano()
		cs[i].SetMinute()
	}
	r.broker.Calls(t, 0, cs...)
	r.start(r.config(), nil)
	r.wantStored(cs...)
	require.Equal(t, "110", r.query("SELECT uniqExact(toDate(minute)) FROM call_reports"))
}

func TestCheckpoints(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.Checkpoint = time.Nanosecond
	var all []ledger.Call
	for round := range 3 {
		cs := calls(round*40, 40)
		all = append(all, cs...)
		r.spread(cs)
		run := r.start(cfg, nil)
		r.wantStored(all...)
		r.wantCommitted(cfg, ledger.TopicCalls)
		require.NoError(t, run.stop())
		require.Zero(t, r.metric("replayed_records_total"))
		r.wantContiguous()
	}
	require.Equal(t, "120", r.query("SELECT sum(n) FROM (SELECT argMax(rows, (at, next)) AS n FROM ingest_ranges WHERE kind = 'checkpoint' GROUP BY partition)"))
}
