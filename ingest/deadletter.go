package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Headers of a dead letter. The record's own headers come first, unchanged.
const (
	HeaderTopic     = "tollkeeper.origin.topic"
	HeaderTopicID   = "tollkeeper.origin.topic_id"
	HeaderPartition = "tollkeeper.origin.partition"
	HeaderOffset    = "tollkeeper.origin.offset"
	HeaderIndex     = "tollkeeper.origin.index" // of the call in its batch, where one call was refused
	HeaderReason    = "tollkeeper.reason"       // one of the Reason constants
	HeaderError     = "tollkeeper.error"        // what was wrong, for people
	HeaderAt        = "tollkeeper.at"           // RFC 3339, UTC
	HeaderCut       = "tollkeeper.cut"          // "true": the bytes are too large for the topic; read them at the origin
)

// Reasons of dead letters.
const (
	ReasonNotBatch     = "not_a_batch"     // not a CallBatch
	ReasonNewerVersion = "newer_version"   // of a newer program: upgrade, then replay
	ReasonRefusedCall  = "refused_call"    // one call of a batch can't be stored; the value is a batch of it alone
	ReasonTime         = "impossible_time" // one call's minute can't be kept, or isn't one of what was received then; the value is a batch of it alone
	ReasonRefusedRow   = "refused_row"     // the table refused one call; the value is a batch of it alone
	ReasonNotSpans     = "not_spans"       // not OTLP trace data
	ReasonUnreadable   = "unreadable"      // Kafka's own record batch is broken; the value is that batch, raw
)

// deadLetter is a record, or one call of it, that can't be stored.
type deadLetter struct {
	from      *record
	partition int
	value     []byte
	index     int // −1: the whole record
	reason    string
	err       error
}

// deadLetters produces to the dead-letter topic.
type deadLetters struct {
	client *kgo.Client
	topic  string // of origin
	now    func() time.Time
}

// send returns when every letter is acknowledged by all in-sync replicas.
func (d *deadLetters) send(ctx context.Context, id kadm.TopicID, letters []deadLetter) error {
	for start := 0; start < len(letters); start += 1000 {
		batch := letters[start:min(start+1000, len(letters))]
		records := make([]*kgo.Record, len(batch))
		for i := range batch {
			records[i] = d.record(id, &batch[i])
		}
		for _, r := range d.client.ProduceSync(ctx, records...) {
			err := r.Err
			if errors.Is(err, kerr.MessageTooLarge) {
				cut := &kgo.Record{Topic: r.Record.Topic, Key: r.Record.Key, Headers: append(r.Record.Headers, kgo.RecordHeader{Key: HeaderCut, Value: []byte("true")})}
				err = d.client.ProduceSync(ctx, cut).FirstErr()
			}
			if err != nil {
				return fmt.Errorf("send dead letter to %s: %w", ledger.TopicDeadLetter, err)
			}
		}
	}
	return nil
}

func (d *deadLetters) record(id kadm.TopicID, l *deadLetter) *kgo.Record {
	r := &kgo.Record{Topic: ledger.TopicDeadLetter, Key: l.from.key, Value: l.value}
	for _, h := range l.from.headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	add := func(key, value string) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
	add(HeaderTopic, d.topic)
	add(HeaderTopicID, uuid.UUID(id).String())
	add(HeaderPartition, strconv.Itoa(l.partition))
	add(HeaderOffset, strconv.FormatInt(l.from.offset, 10))
	if l.index >= 0 {
		add(HeaderIndex, strconv.Itoa(l.index))
	}
	add(HeaderReason, l.reason)
	add(HeaderError, l.err.Error())
	add(HeaderAt, d.now().UTC().Format(time.RFC3339Nano))
	return r
}
