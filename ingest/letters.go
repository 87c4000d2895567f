package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Letter is a dead letter as people see it.
type Letter struct {
	ID        string     `json:"id"` // partition/offset in the topic of dead letters
	At        time.Time  `json:"at"`
	Topic     string     `json:"topic"` // of origin, like what follows
	TopicID   string     `json:"topic_id"`
	Partition int32      `json:"partition"`
	Offset    int64      `json:"offset"`
	Index     int        `json:"index"` // of the call in its batch; −1: the whole record
	Reason    string     `json:"reason"`
	Error     string     `json:"error"`
	Cut       bool       `json:"cut,omitempty"` // too large for the topic: its bytes are at the origin only
	Bytes     int        `json:"bytes"`
	Replayed  *time.Time `json:"replayed,omitempty"` // last
	Value     []byte     `json:"value,omitempty"`

	record *kgo.Record
}

// DeadLetters reads and replays dead letters, for commands.
type DeadLetters struct {
	brokers *brokers
	now     func() time.Time
	kept    time.Duration
}

// OpenDeadLetters connects when it is first asked something. kept is how long reports are, as Config.Kept.
func OpenDeadLetters(kafka kafkaclient.Servers, kept time.Duration) (*DeadLetters, error) {
	b, err := openBrokers(kafka)
	if err != nil {
		return nil, err
	}
	return &DeadLetters{b, time.Now, kept}, nil
}

// Close closes the connections.
func (d *DeadLetters) Close() { d.brokers.close() }

// HeaderMarks is on a record of the dead-letter topic that is no letter: it notes that the letter of that id was replayed.
const HeaderMarks = "tollkeeper.replay.of"

// List returns all letters that the topic has now, oldest first.
func (d *DeadLetters) List(ctx context.Context) ([]Letter, error) {
	records, err := d.brokers.readAll(ctx, ledger.TopicDeadLetter)
	if err != nil {
		return nil, err
	}
	var letters []Letter
	replayed := map[string]time.Time{}
	for _, r := range records {
		if of := headerOf(r, HeaderMarks); of != "" {
			replayed[of] = r.Timestamp
			continue
		}
		letters = append(letters, letterOf(r))
	}
	for i := range letters {
		if at, ok := replayed[letters[i].ID]; ok {
			letters[i].Replayed = &at
		}
	}
	slices.SortStableFunc(letters, func(a, b Letter) int { return a.At.Compare(b.At) })
	return letters, nil
}

func headerOf(r *kgo.Record, key string) string {
	for _, h := range slices.Backward(r.Headers) { // ours are the last
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func letterOf(r *kgo.Record) Letter {
	l := Letter{
		ID: fmt.Sprintf("%d/%d", r.Partition, r.Offset), At: r.Timestamp, Topic: headerOf(r, HeaderTopic), TopicID: headerOf(r, HeaderTopicID),
		Reason: headerOf(r, HeaderReason), Error: headerOf(r, HeaderError), Cut: headerOf(r, HeaderCut) != "",
		Index: -1, Bytes: len(r.Value), Value: r.Value, record: r,
	}
	if at, err := time.Parse(time.RFC3339Nano, headerOf(r, HeaderAt)); err == nil {
		l.At = at
	}
	partition, _ := strconv.ParseInt(headerOf(r, HeaderPartition), 10, 32)
	l.Partition = int32(partition)
	l.Offset, _ = strconv.ParseInt(headerOf(r, HeaderOffset), 10, 64)
	if text := headerOf(r, HeaderIndex); text != "" {
		l.Index, _ = strconv.Atoi(text)
	}
	return l
}

// Refuses says why a letter can't be replayed with success by this program; nil if it can.
func (l *Letter) Refuses() error {
	switch {
	case l.Reason == ReasonUnreadable:
		return errors.New("it is a record batch of Kafka that can't be decoded: read what is left of it with `show`")
	case l.Cut:
		return fmt.Errorf("its bytes are not in the letter: read them at %s, partition %d, offset %d", l.Topic, l.Partition, l.Offset)
	case l.Topic == ledger.TopicCalls:
		_, refused, err := decode(nil, origin{}, l.Value)
		for _, r := range refused {
			err = errors.Join(err, r.err)
		}
		return err
	case l.Topic == ledger.TopicSpans:
		_, err := decodeSpans(l.Value, l.At)
		return err
	}
	return fmt.Errorf("it comes from %q, which is no topic of ours", l.Topic)
}

// Replay appends a letter to its topic of origin and notes that in the topic of dead letters. It returns when both are
// acknowledged. A letter replayed twice is stored once.
func (d *DeadLetters) Replay(ctx context.Context, l *Letter) error {
	first, ok := parseOrigin(fmt.Sprintf("%s/%d/%d/%d", l.TopicID, l.Partition, l.Offset, max(0, l.Index)))
	if !ok {
		return fmt.Errorf("replay dead letter %s: its headers name no origin", l.ID)
	}
	value, err := l.again(momentsAt(d.now(), d.kept))
	if err != nil {
		return fmt.Errorf("replay dead letter %s: %w", l.ID, err)
	}
	again := &kgo.Record{Topic: l.Topic, Key: l.record.Key, Value: value}
	for _, h := range l.record.Headers {
		if !strings.HasPrefix(h.Key, "tollkeeper.") {
			again.Headers = append(again.Headers, h)
		}
	}
	again.Headers = append(again.Headers, kgo.RecordHeader{Key: HeaderReplayed, Value: []byte(first.String())})
	mark := &kgo.Record{Topic: ledger.TopicDeadLetter, Headers: []kgo.RecordHeader{{Key: HeaderMarks, Value: []byte(l.ID)}}}
	for _, r := range []*kgo.Record{again, mark} {
		if err := d.brokers.produce.ProduceSync(ctx, r).FirstErr(); err != nil {
			return fmt.Errorf("replay dead letter %s: produce to %s: %w", l.ID, r.Topic, err)
		}
	}
	return nil
}

// again is what is sent again: the letter's bytes, but of a call whose time still is impossible one that was received when the letter was
// written. So it has one identity, however often it is replayed.
func (l *Letter) again(within moments) ([]byte, error) {
	if l.Reason != ReasonTime {
		return l.Value, nil
	}
	var calls []ledger.Call
	err := ledger.DecodeBatch(l.Value, func(c *ledger.Call, _ []byte) {
		if within.check(c) != nil {
			mended(c, l.At)
		}
		calls = append(calls, *c)
	})
	return ledger.AppendBatch(nil, calls), err
}

// readAll returns every record that a topic has now.
func (b *brokers) readAll(ctx context.Context, topic string) ([]*kgo.Record, error) {
	state, err := b.logState(ctx, topic)
	if err != nil {
		return nil, err
	}
	left := map[int32]int64{} // partition → offset to reach
	from := map[int32]kgo.Offset{}
	for p, end := range state.end {
		if end > state.start[p] {
			left[int32(p)], from[int32(p)] = end, kgo.NewOffset().At(state.start[p])
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	client, err := kgo.NewClient(append(slices.Clone(b.reach), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	defer client.Close()
	var records []*kgo.Record
	for len(left) > 0 {
		ctx, cancel := context.WithTimeout(ctx, adminTimeout)
		fetched := client.PollFetches(ctx)
		cancel()
		if err := fetched.Err0(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			if r.Offset < left[r.Partition] {
				records = append(records, r)
			}
		})
		fetched.EachPartition(func(p kgo.FetchTopicPartition) {
			if n := len(p.Records); n > 0 && p.Records[n-1].Offset+1 >= left[p.Partition] {
				delete(left, p.Partition)
			}
		})
	}
	return records, nil
}

// offsetsOf are a group's committed offsets of a topic, by partition; those that have none lack.
func (b *brokers) offsetsOf(ctx context.Context, group, topic string) (map[int]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	all, err := b.admin.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	out := map[int]int64{}
	all.Each(func(o kadm.OffsetResponse) {
		if o.Topic == topic && o.Err == nil {
			out[int(o.Partition)] = o.At
		}
	})
	return out, nil
}
