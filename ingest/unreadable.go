package ingest

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// setBatchAside sends the record batch at an offset to the dead letters, raw, and returns the offset after it. Kafka
// checks a batch's checksum but not what is compressed in it, so one broken producer could stop a partition for ever.
func (s *stream) setBatchAside(ctx context.Context, dead *deadLetters, id kadm.TopicID, partition int, offset int64) (int64, error) {
	raw, next, err := s.brokers.rawBatch(ctx, s.topic, partition, offset)
	if err != nil {
		return 0, err
	}
	letter := deadLetter{
		from: &record{offset: offset, at: time.Now()}, partition: partition, value: raw, index: -1, reason: ReasonUnreadable,
		err: fmt.Errorf("offsets %d to %d: %w", offset, next-1, errUnreadable),
	}
	if err := dead.send(ctx, id, []deadLetter{letter}); err != nil {
		return 0, err
	}
	s.metrics.dead.WithLabelValues(s.name, ReasonUnreadable).Inc()
	s.log.Error("dead letter", "topic", s.topic, "partition", partition, "offset", offset, "reason", ReasonUnreadable, "error", letter.err)
	return next, nil
}

// Layout of a record batch, https://kafka.apache.org/documentation/#recordbatch (read November 2026).
const (
	batchLengthAt    = 8  // int32: bytes after the length itself
	batchLastDeltaAt = 23 // int32: last offset − first offset
	batchHeader      = 61
)

// rawBatch returns the bytes of the batch that holds an offset and the offset after it, if a second reader can't decode
// it either.
func (b *brokers) rawBatch(ctx context.Context, topic string, partition int, offset int64) (raw []byte, next int64, err error) {
	raw, next, records, err := b.readBatch(ctx, topic, partition, offset)
	if err == nil && records > 0 {
		err = fmt.Errorf("the record batch of %s/%d at %d is whole, but kafka-go can't read it: not setting it aside", topic, partition, offset)
	}
	return raw, next, err
}

// afterEmpty returns the offset after the batch that holds an offset, if that batch has no record at or after it: Kafka's
// cleaner leaves such batches behind. A fetch from there gives nothing, now and for ever.
func (b *brokers) afterEmpty(ctx context.Context, topic string, partition int, offset int64) (next int64, err error) {
	_, next, records, err := b.readBatch(ctx, topic, partition, offset)
	if err == nil && records != 0 {
		err = fmt.Errorf("the record batch of %s/%d at %d isn't empty, but kafka-go finds nothing in it", topic, partition, offset)
	}
	return next, err
}

// readBatch fetches the batch that holds an offset: its bytes, the offset after it, and how many records at or after the
// offset franz-go finds in it, markers included; −1: it can't read it.
func (b *brokers) readBatch(ctx context.Context, topic string, partition int, offset int64) (raw []byte, next int64, records int, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	got, err := b.rawFetch(ctx, topic, partition, offset)
	if err == nil {
		raw, next, err = batchAt(got.RecordBatches, offset)
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("fetch %s/%d at %d raw: %w", topic, partition, offset, err)
	}
	got.RecordBatches = raw
	second, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: topic, Partition: int32(partition), KeepControlRecords: true},
		got, kgo.DefaultDecompressor(), nil)
	if second.Err != nil {
		return raw, next, -1, nil
	}
	return raw, next, len(second.Records), nil
}

func (b *brokers) rawFetch(ctx context.Context, topic string, partition int, offset int64) (*kmsg.FetchResponseTopicPartition, error) {
	details, err := b.admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("describe topic: %w", err)
	}
	req := kmsg.NewFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 1000, 1, maxBatch
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, details[topic].ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(partition), offset, maxBatch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	answer, err := b.produce.Broker(int(details[topic].Partitions[int32(partition)].Leader)).Request(ctx, &req)
	if err != nil {
		return nil, err
	}
	res, ok := answer.(*kmsg.FetchResponse)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return nil, errors.New("unexpected answer")
	}
	got := &res.Topics[0].Partitions[0]
	if code := cmp.Or(res.ErrorCode, got.ErrorCode); code != 0 {
		return nil, kafka.Error(code)
	}
	return got, nil
}

// batchAt finds the batch that holds an offset.
func batchAt(raw []byte, offset int64) ([]byte, int64, error) {
	for len(raw) >= batchHeader {
		size := int64(batchLengthAt) + 4 + int64(int32(binary.BigEndian.Uint32(raw[batchLengthAt:])))
		if size < batchHeader || size > int64(len(raw)) {
			break
		}
		first := int64(binary.BigEndian.Uint64(raw))
		next := first + int64(int32(binary.BigEndian.Uint32(raw[batchLastDeltaAt:]))) + 1
		if first <= offset && offset < next {
			return raw[:size:size], next, nil
		}
		raw = raw[size:]
	}
	return nil, 0, fmt.Errorf("no whole record batch at offset %d", offset)
}
