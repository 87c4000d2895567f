package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema"
)

// freshness knows up to which time the ledger is complete, per partition of this member's: the start of the newest fetch
// that reached the log's end and all of whose records, and all before, are stored. What Kafka had acknowledged by then is
// in the ledger, whether or not anything comes since. Times are of this host's clock.
type freshness struct {
	mu         sync.Mutex
	assigned   time.Time
	partitions map[int]*reach
}

// reach is how far a partition is known to be complete.
type reach struct {
	stored  int64     // everything before this offset is stored
	to      time.Time // zero: not complete since the assignment
	pending []logEnd  // seen, but not all stored yet; oldest first
}

// logEnd says that the log ended at next when a fetch began at that time.
type logEnd struct {
	next int64
	at   time.Time
}

// maxPending bounds reach.pending; above it the newest end takes the place of the one before.
const maxPending = 64

// begin forgets the partitions before, and knows nothing of these but that what is before their starts is stored.
func (f *freshness) begin(starts map[int]position, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.assigned, f.partitions = now, map[int]*reach{}
	for partition, at := range starts {
		f.partitions[partition] = &reach{stored: at.next}
	}
}

// sawEnd notes that a fetch that began at the given time read up to next and met the end of the log there.
func (f *freshness) sawEnd(partition int, next int64, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.partitions[partition]
	if r == nil {
		return
	}
	switch n := len(r.pending); {
	case next <= r.stored:
		r.to = at
	case n > 0 && r.pending[n-1].next == next, n == maxPending:
		r.pending[n-1] = logEnd{next, at}
	default:
		r.pending = append(r.pending, logEnd{next, at})
	}
}

// stored notes that everything before next is stored.
func (f *freshness) stored(partition int, next int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.partitions[partition]
	if r == nil || next <= r.stored {
		return
	}
	r.stored = next
	for len(r.pending) > 0 && r.pending[0].next <= next {
		r.to = r.pending[0].at
		r.pending = r.pending[1:]
	}
}

// complete lists the partitions that have been complete since the assignment, and up to when; all says that none lacks.
func (f *freshness) complete() (to map[int]time.Time, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to = map[int]time.Time{}
	for partition, r := range f.partitions {
		if !r.to.IsZero() {
			to[partition] = r.to
		}
	}
	return to, len(to) == len(f.partitions)
}

// age is the time since which not all partitions are known to be complete; since the assignment if one never was, and 0
// without partitions.
func (f *freshness) age(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.partitions) == 0 {
		return 0
	}
	oldest := now
	for _, r := range f.partitions {
		to := r.to
		if to.IsZero() {
			to = f.assigned
		}
		if to.Before(oldest) {
			oldest = to
		}
	}
	return now.Sub(oldest)
}

// heartbeat writes the freshness of a topic to ingest_freshness. Whatever fails here is only counted: the readers see an
// old time, which is the truth, and money isn't kept waiting.
type heartbeat struct {
	topic    string
	fresh    *freshness
	every    time.Duration
	conn     driver.Conn
	inserter *inserter
	table    *freshnessTable
	log      *slog.Logger
	metrics  *metrics
	now      func() time.Time

	last   time.Time
	told   bool      // of this generation: that every partition was complete
	looked time.Time // for rows of a time to come, the last time
}

// lookForFuture is how often a heartbeat looks whether the database's clock was set back: the newest row counts, by that clock.
const lookForFuture = 20 * time.Second

// beatTimeout bounds how long a heartbeat can hold up the next insert of money.
const beatTimeout = 2 * time.Second

// begin takes over the partitions of a generation; the topic has count partitions in all.
func (h *heartbeat) begin(ctx context.Context, starts map[int]position, count int) {
	h.fresh.begin(starts, h.now())
	h.last, h.told = h.now(), false
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	h.failed(h.claim(ctx, slices.Sorted(maps.Keys(starts))))
	h.failed(h.prune(ctx, count))
}

func (h *heartbeat) failed(err error) {
	if err != nil {
		h.metrics.retries.WithLabelValues("freshness").Inc()
		h.log.Debug("freshness is not written this time", "error", err)
	}
}

// claim makes sure that every partition has a row: the least of the rows is what the readers take.
func (h *heartbeat) claim(ctx context.Context, partitions []int) error {
	if len(partitions) == 0 {
		return nil
	}
	if err := h.conn.Exec(h.about(ctx, partitions), schema.SQL("ingest/claim_freshness")); err != nil {
		return fmt.Errorf("claim freshness of %s: %w", h.topic, err)
	}
	return nil
}

// about names this topic's partitions in a statement.
func (h *heartbeat) about(ctx context.Context, partitions []int) context.Context {
	texts := make([]string, len(partitions))
	for i, p := range partitions {
		texts[i] = strconv.Itoa(p)
	}
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"topic": h.topic, "partitions": "[" + strings.Join(texts, ",") + "]"}))
}

// forgetFuture removes rows of a time to come: nothing that is written now would count beside them, and nobody would notice a ledger that stands.
func (h *heartbeat) forgetFuture(ctx context.Context, partitions []int) error {
	var future bool
	if err := h.conn.QueryRow(h.about(ctx, partitions), schema.SQL("ingest/future_freshness")).Scan(&future); err != nil || !future {
		return err
	}
	h.log.Warn("the database's clock was set back: up to when the ledger is complete is written anew", "topic", h.topic)
	if err := h.conn.Exec(h.about(ctx, partitions), schema.SQL("ingest/forget_future")); err != nil {
		return fmt.Errorf("forget freshness of a time to come: %w", err)
	}
	return h.claim(ctx, partitions)
}

// prune removes partitions that the topic doesn't have any more.
func (h *heartbeat) prune(ctx context.Context, count int) error {
	p := clickhouse.Parameters{"topic": h.topic, "count": strconv.Itoa(count)}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(p))
	var orphans bool
	err := h.conn.QueryRow(ctx, schema.SQL("ingest/orphan_freshness")).Scan(&orphans)
	if err == nil && orphans {
		err = h.conn.Exec(ctx, schema.SQL("ingest/prune_freshness"))
	}
	if err != nil {
		return fmt.Errorf("remove old partitions of %s: %w", h.topic, err)
	}
	return nil
}

// beat writes if it is time to, or if every partition is complete for the first time in this generation.
func (h *heartbeat) beat(ctx context.Context) {
	now := h.now()
	if h.told && now.Sub(h.last) < h.every {
		return
	}
	to, all := h.fresh.complete()
	if len(to) == 0 || !all && now.Sub(h.last) < h.every {
		return
	}
	h.last, h.told = now, h.told || all
	partitions := slices.Sorted(maps.Keys(to))
	h.table.reset()
	for _, partition := range partitions {
		h.table.append(h.topic, partition, to[partition])
	}
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if now.Sub(h.looked) >= lookForFuture {
		h.looked = now
		h.failed(h.forgetFuture(ctx, partitions))
	}
	h.failed(h.inserter.insert(ctx, "ingest/insert_freshness", &h.table.table))
}

// freshnessTable is ingest_freshness, in the order of insert_freshness.sql.
type freshnessTable struct {
	table
	topic     textColumn
	partition *proto.ColInt32
	to        *proto.ColDateTime64
}

func newFreshnessTable() *freshnessTable {
	t := &freshnessTable{}
	t.topic = t.text("topic")
	t.partition = add(&t.table, "partition", new(proto.ColInt32))
	t.to = t.instant("complete_to", proto.PrecisionMilli)
	return t
}

func (t *freshnessTable) append(topic string, partition int, to time.Time) {
	t.rows++
	t.topic.Append(topic)
	t.partition.Append(int32(partition))
	t.to.AppendRaw(proto.DateTime64(to.UnixMilli()))
}
