package ingest

import (
	"context"
	"fmt"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

type sum = ledger.Sum

// ranges reads and writes ingest_ranges for one topic.
type ranges struct {
	conn  driver.Conn
	topic string
	id    kadm.TopicID
}

func (r ranges) named(partition int) []any {
	return []any{
		clickhouse.Named("topic", r.topic),
		clickhouse.Named("topic_id", uuid.UUID(r.id).String()),
		clickhouse.Named("partition", int32(partition)),
	}
}

// read returns a partition's rows since its newest base, ordered by first offset.
func (r ranges) read(ctx context.Context, partition int) ([]rangeRow, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("ingest/ranges"), r.named(partition)...)
	if err != nil {
		return nil, fmt.Errorf("read ranges of %s/%d: %w", r.topic, partition, err)
	}
	defer rows.Close()
	var out []rangeRow
	for rows.Next() {
		row := rangeRow{partition: partition}
		var cost string
		if err := rows.Scan(&row.kind, &row.first, &row.next, &row.rows, &cost, &row.hash); err != nil {
			return nil, fmt.Errorf("read ranges of %s/%d: %w", r.topic, partition, err)
		}
		if row.cost, err = ledger.ParseSum(cost); err != nil {
			return nil, fmt.Errorf("read ranges of %s/%d: %w", r.topic, partition, err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read ranges of %s/%d: %w", r.topic, partition, err)
	}
	return out, nil
}

// otherTopicID tells whether ranges of this partition are stored under another id of the topic.
func (r ranges) otherTopicID(ctx context.Context, partition int) (bool, error) {
	var other bool
	if err := r.conn.QueryRow(ctx, schema.SQL("ingest/other_topic_ids"), r.named(partition)...).Scan(&other); err != nil {
		return false, fmt.Errorf("look for other ids of topic %s: %w", r.topic, err)
	}
	return other, nil
}

// prune removes old ranges below a checkpoint's end.
func (r ranges) prune(ctx context.Context, partition int, next int64) error {
	args := append(r.named(partition), clickhouse.Named("next", next))
	if err := r.conn.Exec(ctx, schema.SQL("ingest/prune_ranges"), args...); err != nil {
		return fmt.Errorf("prune ranges of %s/%d: %w", r.topic, partition, err)
	}
	return nil
}

// rangeTable is ingest_ranges, in the order of insert_ranges.sql.
type rangeTable struct {
	table
	topic       textColumn
	id          *proto.ColUUID
	partition   *proto.ColInt32
	kind        *proto.ColInt8
	first, next *proto.ColInt64
	count, hash countColumn
	cost        *proto.ColDecimal128
	reason      *proto.ColStr
}

func newRangeTable() *rangeTable {
	t := &rangeTable{}
	t.topic = t.text("topic")
	t.id = add(&t.table, "topic_id", new(proto.ColUUID))
	t.partition = add(&t.table, "partition", new(proto.ColInt32))
	t.kind = addAs(&t.table, "kind", "Enum8('range' = 0, 'gap' = 1, 'checkpoint' = 2, 'epoch' = 3)", new(proto.ColInt8))
	t.first = add(&t.table, "first", new(proto.ColInt64))
	t.next = add(&t.table, "next", new(proto.ColInt64))
	t.count = t.table.count("rows")
	t.cost = addAs(&t.table, "cost", "Decimal(38, 12)", new(proto.ColDecimal128))
	t.hash = t.table.count("last_hash")
	t.reason = add(&t.table, "reason", new(proto.ColStr))
	return t
}

func (t *rangeTable) append(topic string, id kadm.TopicID, r rangeRow) {
	t.rows++
	t.topic.Append(topic)
	t.id.Append(uuid.UUID(id))
	t.partition.Append(int32(r.partition))
	t.kind.Append(r.kind)
	t.first.Append(r.first)
	t.next.Append(r.next)
	t.count.Append(r.rows)
	hi, lo := r.cost.Words()
	t.cost.Append(proto.Decimal128{Low: lo, High: uint64(hi)})
	t.hash.Append(r.hash)
	t.reason.Append(r.reason)
}

// markTable is dirty_windows, in the order of insert_marks.sql.
type markTable struct {
	table
	level  *proto.ColInt8
	window *proto.ColDateTime
	id     *proto.ColUUID
}

func newMarkTable() *markTable {
	t := &markTable{}
	t.level = addAs(&t.table, "level", "Enum8('minute' = 0, 'hour' = 1, 'day' = 2)", new(proto.ColInt8))
	t.window = t.seconds("window")
	t.id = add(&t.table, "id", new(proto.ColUUID))
	return t
}

// append marks a minute (Unix seconds) as changed. The id is random: removing a mark must never remove another one's.
func (t *markTable) append(minute int64) error {
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("make a mark's id: %w", err)
	}
	t.rows++
	t.level.Append(0)
	t.window.Data = append(t.window.Data, proto.DateTime(minute))
	t.id.Append(id)
	return nil
}
