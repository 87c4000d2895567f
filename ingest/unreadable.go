package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
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
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	details, err := b.admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, 0, fmt.Errorf("describe topic %s: %w", topic, err)
	}
	req := kmsg.NewFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 1000, 1, maxBatch
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, details[topic].ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(partition), offset, maxBatch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	leader := details[topic].Partitions[int32(partition)].Leader
	answer, err := b.produce.Broker(int(leader)).Request(ctx, &req)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch %s/%d at %d raw: %w", topic, partition, offset, err)
	}
	res, ok := answer.(*kmsg.FetchResponse)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return nil, 0, fmt.Errorf("fetch %s/%d at %d raw: unexpected answer", topic, partition, offset)
	}
	got := res.Topics[0].Partitions[0]
	if err := errors.Join(kerr.ErrorForCode(res.ErrorCode), kerr.ErrorForCode(got.ErrorCode)); err != nil {
		return nil, 0, fmt.Errorf("fetch %s/%d at %d raw: %w", topic, partition, offset, err)
	}
	raw, next, err = batchAt(got.RecordBatches, offset)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch %s/%d at %d raw: %w", topic, partition, offset, err)
	}
	got.RecordBatches = raw
	second, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: topic, Partition: int32(partition)}, &got, kgo.DefaultDecompressor(), nil)
	if second.Err == nil && len(second.Records) > 0 {
		return nil, 0, fmt.Errorf("the record batch of %s/%d at %d is whole, but kafka-go can't read it: not setting it aside", topic, partition, offset)
	}
	return raw, next, nil
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
