//go:build testall

package app_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/testkit/apachekafka"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// on starts a product whose Kafka is that cluster, with the topics that `tollkeeper topics apply` makes.
func on(t *testing.T, kafka *apachekafka.Cluster, topics config.Topics) *product {
	t.Helper()
	created, err := app.ApplyTopics(context.Background(), kafka.Servers, topics)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ledger.TopicCalls, ledger.TopicSpans, ledger.TopicDeadLetter}, created)
	again, err := app.ApplyTopics(context.Background(), kafka.Servers, topics)
	require.NoError(t, err)
	require.Empty(t, again)
	cfg := configFor(filepath.Join(t.TempDir(), "data"))
	cfg.Kafka.Brokers, cfg.Kafka.Security = kafka.Brokers, kafka.Servers.Security
	p, err := start(cfg, &logBuffer{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.stop())
		if t.Failed() {
			t.Logf("the product's last words:\n%s", p.logs.tail(8000))
		}
	})
	return p
}

func topicsOf(replicas, insync int) config.Topics {
	topics := config.Default().Kafka.Topics
	topics.Partitions, topics.Replication, topics.MinInsync = 4, replicas, insync
	return topics
}

// Real Apache Kafka, one broker: calls arrive once, also when the broker dies in the middle of traffic and comes back, what
// can't be read goes to the dead letters, and the offsets committed are the log's end.
func TestApacheKafkaOneBroker(t *testing.T) {
	kafka := apachekafka.Start(t, 1)
	p := on(t, kafka, topicsOf(1, 1))
	tr := send(t, p, "apache-one")
	tr.more(t, 60)
	kafka.Kill(t, 1)
	refused := tr.refused.Load()
	require.Eventually(t, func() bool { return tr.refused.Load() > refused }, aWhile, aMoment, "clients are not told")
	kafka.Restart(t, 1)
	tr.more(t, 60)
	const garbage = "this is no batch"
	_, err := p.kafka.ProduceSync(t.Context(), &kgo.Record{Topic: ledger.TopicCalls, Partition: 2, Value: []byte(garbage)}).First()
	require.NoError(t, err)
	n := tr.end(t)
	p.wantTotal(t, "apache-one", n)
	bridged(t, kafka)
	p.wantDrained(t)
	p.wantSpendLikeCalls(t)
	status, err := ingest.Inspect(kafka.Servers, p.Config().ClickHouse.URL, p.Config().Ingest.Group)
	require.NoError(t, err)
	defer status.Close()
	partitions, err := status.Status(t.Context())
	require.NoError(t, err)
	for _, one := range partitions {
		require.Zero(t, one.Behind+one.Lost, "%+v", one)
	}
	letters := p.records(t, ledger.TopicDeadLetter)
	require.Len(t, letters, 1)
	require.Equal(t, garbage, string(letters[0].Value))
}

// bridged writes calls to every partition in a transaction, as a bridge between clusters may, so that the last offset of
// each is the transaction's marker.
func bridged(t *testing.T, kafka *apachekafka.Cluster) {
	t.Helper()
	options, err := kafka.Servers.Options()
	require.NoError(t, err)
	client, err := kgo.NewClient(append(options, kgo.TransactionalID("bridge"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	for partition := range int32(4) {
		c := ledger.Call{Tenant: "bridged", Model: "m", Start: time.Now().UnixNano(), Received: time.Now().UnixNano(), SpanID: [8]byte{1}}
		c.TraceID = [16]byte{byte(partition + 1)}
		c.SetMinute()
		value := ledger.AppendBatch(nil, []ledger.Call{c})
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: ledger.TopicCalls, Partition: partition, Value: value}).FirstErr())
	}
	require.NoError(t, client.EndTransaction(t.Context(), kgo.TryCommit))
}

// Three brokers, each topic on all of them: the leader of a partition is killed in the middle of traffic, twice, another
// one leads, and every acknowledged call is there once.
func TestApacheKafkaLeaderKilled(t *testing.T) {
	kafka := apachekafka.Start(t, 3)
	p := on(t, kafka, topicsOf(3, 2))
	tr := send(t, p, "apache-three")
	tr.more(t, 60)
	for round := range int32(2) {
		leader := kafka.Leader(t, ledger.TopicCalls, round)
		kafka.Kill(t, leader)
		require.Eventually(t, func() bool { return kafka.Leader(t, ledger.TopicCalls, round) != leader }, aWhile, aMoment,
			fmt.Sprintf("broker %d is dead and leads", leader))
		tr.more(t, 60)
		kafka.Restart(t, leader)
		kafka.Whole(t, ledger.TopicCalls)
	}
	tr.more(t, 60)
	n := tr.end(t)
	p.wantTotal(t, "apache-three", n)
	p.wantDrained(t)
	p.wantSpendLikeCalls(t)
}

// Real Apache Kafka that speaks TLS, wants a certificate and a password: every role gets in, by every mechanism.
func TestApacheKafkaSecured(t *testing.T) {
	kafka := apachekafka.Secured(t, kafkaclient.ScramSHA512)
	p := on(t, kafka, topicsOf(1, 1))
	tr := send(t, p, "apache-secured")
	tr.more(t, 20)
	n := tr.end(t)
	p.wantTotal(t, "apache-secured", n)
	p.wantDrained(t)
	for _, mechanism := range []string{kafkaclient.Plain, kafkaclient.ScramSHA256, kafkaclient.ScramSHA512} {
		servers := kafka.Servers
		servers.SASL.Mechanism = mechanism
		status, err := ingest.Inspect(servers, p.Config().ClickHouse.URL, p.Config().Ingest.Group)
		require.NoError(t, err)
		_, err = status.Status(t.Context())
		require.NoError(t, err, mechanism)
		require.NoError(t, status.Close())
		servers.SASL.Password = "wrong"
		_, err = app.ApplyTopics(t.Context(), servers, topicsOf(1, 1))
		require.ErrorContains(t, err, "SASL_AUTHENTICATION_FAILED", mechanism)
	}
}
