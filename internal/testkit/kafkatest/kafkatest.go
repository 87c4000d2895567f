// Package kafkatest gives tests a Kafka-protocol broker in their own process: in memory, on a free loopback port, with
// the product's topics. Records go in and out through franz-go; Broker.Cluster injects faults (Fault, ControlKey,
// DeleteRecords, DeleteTopic).
package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Partitions is the number of partitions of the calls and spans topics.
const Partitions = 4

// Wait bounds every helper: a broker in the same process answers within it or never.
const Wait = 90 * time.Second

// Broker is a running broker of one test.
type Broker struct {
	Cluster *kfake.Cluster
	Brokers []string
	Servers kafkaclient.Servers // the brokers and what they ask of clients
	client  *kgo.Client
}

// Start runs a broker until the test ends and returns its addresses.
func Start(t testing.TB) []string { return New(t).Brokers }

// New runs a broker until the test ends.
func New(t testing.TB) *Broker {
	t.Helper()
	return newBroker(t, kafkaclient.Security{})
}

func newBroker(t testing.TB, security kafkaclient.Security, extra ...kfake.Opt) *Broker {
	t.Helper()
	cluster, err := kfake.NewCluster(append(extra,
		kfake.NumBrokers(1),
		kfake.GroupMinSessionTimeout(10*time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "9437184"}),
		kfake.SeedTopics(Partitions, ledger.TopicCalls, ledger.TopicSpans),
		kfake.SeedTopics(1, ledger.TopicDeadLetter),
	)...)
	if err != nil {
		t.Fatalf("start broker: %v", err)
	}
	t.Cleanup(cluster.Close)
	b := &Broker{Cluster: cluster, Brokers: cluster.ListenAddrs()}
	b.Servers = kafkaclient.Servers{Brokers: b.Brokers, Security: security}
	b.connect(t)
	t.Cleanup(func() { b.client.Close() })
	return b
}

// connect makes the helpers' client; one client knows a topic by its id, so a re-created topic needs another.
func (b *Broker) connect(t testing.TB) {
	t.Helper()
	client, err := kgo.NewClient(append(b.Options(t), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(8<<20), kgo.ProducerLinger(0))...)
	if err != nil {
		t.Fatalf("connect to broker: %v", err)
	}
	if b.client != nil {
		b.client.Close()
	}
	b.client = client
}

// Options are a franz-go client's for this broker.
func (b *Broker) Options(t testing.TB) []kgo.Opt {
	t.Helper()
	opts, err := b.Servers.Options()
	if err != nil {
		t.Fatalf("connect to broker: %v", err)
	}
	return opts
}

// Produce appends one record per value to a partition and returns the offset of the first.
func (b *Broker) Produce(t testing.TB, topic string, partition int32, values ...[]byte) int64 {
	t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: v}
	}
	return b.ProduceRecords(t, records...)
}

// ProduceRecords appends records as they are (topic, partition, headers) and returns the offset of the first.
func (b *Broker) ProduceRecords(t testing.TB, records ...*kgo.Record) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	if err := b.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
	return records[0].Offset
}

// Calls appends one record holding the calls to a partition of the calls topic and returns its offset.
func (b *Broker) Calls(t testing.TB, partition int32, calls ...ledger.Call) int64 {
	t.Helper()
	return b.Produce(t, ledger.TopicCalls, partition, ledger.AppendBatch(nil, calls))
}

// Consume reads a topic from its start until it has n records, in any order of partitions.
func (b *Broker) Consume(t testing.TB, topic string, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(append(b.Options(t), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		t.Fatalf("connect to broker: %v", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	var got []*kgo.Record
	for len(got) < n {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("topic %s: %d records within %s, want %d", topic, len(got), Wait, n)
		}
		fetched.EachRecord(func(r *kgo.Record) { got = append(got, r) })
	}
	return got
}

// Committed returns the group's committed offsets of a topic by partition.
func (b *Broker) Committed(group, topic string) map[int32]int64 {
	got := map[int32]int64{}
	if info := b.Cluster.GroupInfo(group); info != nil {
		for p, c := range info.Commits[topic] {
			got[p] = c.Offset
		}
	}
	return got
}

// Commit sets committed offsets of a group that has no members.
func (b *Broker) Commit(t testing.TB, group, topic string, offsets map[int32]int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	os := make(kadm.Offsets)
	for p, o := range offsets {
		os.AddOffset(topic, p, o, -1)
	}
	if err := kadm.NewClient(b.client).CommitAllOffsets(ctx, group, os); err != nil {
		t.Fatalf("commit offsets of group %s: %v", group, err)
	}
}

// Recreate deletes a topic and creates it again empty: same name, another topic id.
func (b *Broker) Recreate(t testing.TB, topic string, partitions int32) {
	t.Helper()
	if err := b.Cluster.DeleteTopic(topic); err != nil {
		t.Fatalf("delete topic %s: %v", topic, err)
	}
	if err := b.Cluster.CreateTopic(topic, partitions, nil); err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	b.connect(t)
}

// End returns the log end of every partition of a topic.
func (b *Broker) End(topic string) map[int32]int64 {
	end := map[int32]int64{}
	for _, p := range b.Cluster.PartitionInfos(topic) {
		end[p.Partition] = p.HighWatermark
	}
	return end
}
