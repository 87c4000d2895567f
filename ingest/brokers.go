package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

// brokers is the role's access to Kafka: kafka-go fetches and commits; franz-go knows what kafka-go can't tell (topic
// ids, log start and end) and produces dead letters.
type brokers struct {
	addresses []string
	reach     []kgo.Opt     // franz-go's: seeds, TLS, SASL
	dialer    *kafka.Dialer // the same for kafka-go's group
	transport *kafka.Transport
	client    *kafka.Client
	produce   *kgo.Client
	admin     *kadm.Client

	fetchTimeout time.Duration // of one fetch: kafka-go has none of its own, and would wait for ever
}

const (
	fetchWait    = 250 * time.Millisecond // an empty partition is asked again so often
	fetchTimeout = fetchWait + 10*time.Second
	adminTimeout = 15 * time.Second
	maxBatch     = 9 << 20 // a record of the largest size and its origin
)

func openBrokers(servers kafkaclient.Servers) (*brokers, error) {
	transport := &kafka.Transport{ClientID: "tollkeeper-ingest", MetadataTTL: 2 * time.Second}
	reach, err := servers.Options()
	if err != nil {
		return nil, err
	}
	dialer, err := servers.Dialer()
	if err != nil {
		return nil, err
	}
	if err := servers.Secure(transport); err != nil {
		return nil, err
	}
	produce, err := kgo.NewClient(append(slices.Clone(reach),
		kgo.ClientID("tollkeeper-ingest"),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// An idempotent producer may not give up on a record, so it hangs while the broker is away. A dead letter may
		// come twice; its headers tell.
		kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1),
		kgo.RecordDeliveryTimeout(adminTimeout),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(maxBatch),
		kgo.MetadataMinAge(100*time.Millisecond),
	)...)
	if err != nil {
		return nil, fmt.Errorf("connect to kafka at %v: %w", servers.Brokers, err)
	}
	return &brokers{
		addresses: servers.Brokers, reach: reach, dialer: dialer, transport: transport, produce: produce, admin: kadm.NewClient(produce),
		client: &kafka.Client{Addr: kafka.TCP(servers.Brokers...), Transport: transport}, fetchTimeout: fetchTimeout,
	}, nil
}

func (b *brokers) close() {
	b.transport.CloseIdleConnections()
	b.produce.Close()
}

// logState is what the brokers say of one topic.
type logState struct {
	id    kadm.TopicID
	start map[int]int64 // first offset kept
	end   map[int]int64 // offset after the last record
}

func (b *brokers) logState(ctx context.Context, topic string) (logState, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	id, err := b.topicID(ctx, topic)
	if err != nil {
		return logState{}, err
	}
	s := logState{id: id, start: map[int]int64{}, end: map[int]int64{}}
	starts, err := b.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return logState{}, fmt.Errorf("list start offsets of %s: %w", topic, err)
	}
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return logState{}, fmt.Errorf("list end offsets of %s: %w", topic, err)
	}
	starts.Each(func(o kadm.ListedOffset) { s.start[int(o.Partition)] = o.Offset })
	ends.Each(func(o kadm.ListedOffset) { s.end[int(o.Partition)] = o.Offset })
	// A topic re-created between the answers would mix two logs.
	if again, err := b.topicID(ctx, topic); err != nil || again != id {
		return logState{}, errors.Join(fmt.Errorf("topic %s is being re-created", topic), err)
	}
	return s, nil
}

func (b *brokers) topicID(ctx context.Context, topic string) (kadm.TopicID, error) {
	d, err := b.describe(ctx, topic)
	return d.TopicID, err
}

// describe asks a broker, never what the client remembers: a topic that was re-created a moment ago has another id.
func (b *brokers) describe(ctx context.Context, topic string) (kmsg.MetadataResponseTopic, error) {
	ask := kmsg.NewPtrMetadataRequest()
	of := kmsg.NewMetadataRequestTopic()
	of.Topic = kmsg.StringPtr(topic)
	ask.Topics = append(ask.Topics, of)
	answer, err := ask.RequestWith(ctx, b.produce)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("describe topic %s: %w", topic, err)
	}
	for _, d := range answer.Topics {
		if err = kerr.ErrorForCode(d.ErrorCode); err == nil && d.Topic != nil && *d.Topic == topic {
			return d, nil
		}
	}
	if err == nil {
		err = kerr.UnknownTopicOrPartition
	}
	return kmsg.MetadataResponseTopic{}, fmt.Errorf("describe topic %s: %w", topic, err)
}

// record is one Kafka record. Its bytes belong to nobody else.
type record struct {
	offset     int64
	at         time.Time
	key, value []byte
	headers    []kafka.Header
	// control: not a record but a transaction's marker (value is its key and value), which takes up an offset too.
	control bool
}

func (r *record) size() int { return len(r.key) + len(r.value) + 64 }

// fetched is the answer of one fetch: records and transactions' markers from the asked offset on, in order.
type fetched struct {
	records []record
	start   int64 // first offset kept by the log
	end     int64 // offset after the last record of the log
}

// fetch reads records of a partition from an offset on: at most maxBytes as the broker keeps them, that is compressed, but
// at least one whole record batch. Errors are Kafka's (kafka.OffsetOutOfRange, …) or the network's.
func (b *brokers) fetch(ctx context.Context, topic string, partition int, offset int64, maxBytes int) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, b.fetchTimeout)
	defer cancel()
	res, err := b.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: topic, Partition: partition, Offset: offset, MinBytes: 1, MaxBytes: int64(maxBytes), MaxWait: fetchWait,
	})
	if err != nil {
		if !ofNetwork(err) { // kafka-go decodes before it returns
			err = fmt.Errorf("%w: %w", errUnreadable, err)
		}
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", topic, partition, offset, err)
	}
	if c, ok := res.Records.(interface{ Close() error }); ok {
		defer func() { _ = c.Close() }()
	}
	if res.Error != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d at %d: %w", topic, partition, offset, res.Error)
	}
	out := fetched{start: res.LogStartOffset, end: res.HighWatermark}
	for _, batch := range batchesOf(res.Records) {
		if err := out.read(batch, offset); err != nil {
			return out, fmt.Errorf("%w: %s/%d at %d: %w", errUnreadable, topic, partition, offset, err)
		}
	}
	return out, nil
}

// batchesOf are the record batches of an answer. Read as a stream, control batches are left out of it.
func batchesOf(records kafka.RecordReader) []kafka.RecordReader {
	if stream, ok := records.(*protocol.RecordStream); ok {
		return stream.Records
	}
	return []kafka.RecordReader{records}
}

// read appends a batch's records from an offset on.
func (f *fetched) read(batch kafka.RecordReader, offset int64) error {
	_, control := batch.(*protocol.ControlBatch)
	for {
		r, err := batch.ReadRecord()
		if err != nil {
			// The end, or the last batch was cut at maxBytes; an error before any record is one of the data.
			if len(f.records) == 0 && !isEnd(err) {
				return err
			}
			return nil
		}
		one, err := copyRecord(r)
		if err != nil {
			return fmt.Errorf("record %d: %w", r.Offset, err)
		}
		if one.control = control; control {
			one.key, one.value = nil, append(one.key, one.value...)
		}
		if one.offset >= offset { // a batch may begin before the offset asked for
			f.records = append(f.records, one)
		}
	}
}

// ofNetwork tells an error of Kafka, of a connection or of a context from one of the data.
func ofNetwork(err error) bool {
	var kafkaError kafka.Error
	var netError net.Error
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.Canceled, context.DeadlineExceeded, protocol.ErrNoTopic, protocol.ErrNoPartition, protocol.ErrNoLeader} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.As(err, &kafkaError) || errors.As(err, &netError)
}

// errUnreadable says that a record batch can't be decoded, for example because its compressed bytes are broken.
var errUnreadable = errors.New("unreadable record batch")

func copyRecord(r *kafka.Record) (record, error) {
	out := record{offset: r.Offset, at: r.Time, headers: r.Headers}
	var err error
	if r.Key != nil {
		if out.key, err = protocol.ReadAll(r.Key); err != nil {
			return record{}, fmt.Errorf("read key: %w", err)
		}
	}
	if r.Value != nil {
		if out.value, err = protocol.ReadAll(r.Value); err != nil {
			return record{}, fmt.Errorf("read value: %w", err)
		}
	}
	return out, nil
}
