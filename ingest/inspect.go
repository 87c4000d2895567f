package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// PartitionStatus is what Kafka and the database say of one partition of the calls.
type PartitionStatus struct {
	Partition int    `json:"partition"`
	LogStart  int64  `json:"log_start"` // first offset kept
	LogEnd    int64  `json:"log_end"`   // after the last record
	Committed int64  `json:"committed"` // −1: nothing
	Stored    int64  `json:"stored"`    // everything before it is proved stored; −1: nothing is known
	Behind    int64  `json:"behind"`    // records not proved stored
	Lost      int64  `json:"lost"`      // records that were gone before they were stored, under this topic id
	Epochs    uint64 `json:"epochs"`    // times the log turned out to be another one, over all topic ids
	Next      string `json:"next"`      // what a start would do now
	Alarm     bool   `json:"alarm"`     // and whether it would raise an alarm
}

// Inspector answers questions about ingest from outside, for commands.
type Inspector struct {
	group   string
	brokers *brokers
	conn    driver.Conn
}

// Inspect opens what it takes; it connects when it is first asked something.
func Inspect(kafka kafkaclient.Servers, clickhouse, group string) (*Inspector, error) {
	conn, err := schema.Open(clickhouse)
	if err != nil {
		return nil, err
	}
	b, err := openBrokers(kafka)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Inspector{group, b, conn}, nil
}

// Close closes the connections.
func (i *Inspector) Close() error {
	i.brokers.close()
	return i.conn.Close()
}

// Members is how many processes ingest calls now.
func (i *Inspector) Members(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	groups, err := i.brokers.admin.DescribeGroups(ctx, i.group)
	if err != nil {
		return 0, fmt.Errorf("describe group %s: %w", i.group, err)
	}
	return len(groups[i.group].Members), nil
}

// Status looks at every partition of the calls, as a start would.
func (i *Inspector) Status(ctx context.Context) ([]PartitionStatus, error) {
	state, err := i.brokers.logState(ctx, ledger.TopicCalls)
	if err != nil {
		return nil, err
	}
	committed, err := i.brokers.offsetsOf(ctx, i.group, ledger.TopicCalls)
	if err != nil {
		return nil, err
	}
	look := &callSink{stream: &stream{brokers: i.brokers}, conn: i.conn, state: state}
	var out []PartitionStatus
	for _, p := range slices.Sorted(maps.Keys(state.end)) {
		at, ok := committed[p]
		if !ok {
			at = -1
		}
		facts, _, err := look.facts(ctx, p, at)
		if err != nil {
			return nil, err
		}
		one := PartitionStatus{Partition: p, LogStart: facts.logStart, LogEnd: facts.logEnd, Committed: at, Stored: -1, Behind: facts.logEnd - facts.logStart}
		if facts.stored != nil {
			one.Stored, one.Behind = facts.stored.next, max(0, facts.logEnd-max(facts.logStart, facts.stored.next))
		}
		d := decideStart(facts)
		one.Next, one.Alarm = fmt.Sprintf("start at %d", d.offset), d.alarm
		if d.newEpoch != "" {
			one.Next += ": " + d.newEpoch
		}
		if d.gapFrom >= 0 {
			one.Next += fmt.Sprintf(": %d records are gone unstored", d.offset-d.gapFrom)
		}
		if err := i.history(ctx, look, &one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (i *Inspector) history(ctx context.Context, look *callSink, one *PartitionStatus) error {
	row := i.conn.QueryRow(ctx, schema.SQL("ingest/losses"), look.ofTopic().named(one.Partition)...)
	if err := row.Scan(&one.Lost, &one.Epochs); err != nil {
		return fmt.Errorf("read losses of partition %d: %w", one.Partition, err)
	}
	return nil
}

// To says where to rewind to: an offset, or a time.
type To struct {
	Offset int64     // if At is zero
	At     time.Time // the first record of that time or later
}

// Rewound is what a partition was set back from and to.
type Rewound struct {
	Partition int   `json:"partition"`
	From      int64 `json:"from"` // −1: nothing was committed
	To        int64 `json:"to"`
}

// errBusy says that a group has members, which would overwrite what we commit.
var errBusy = errors.New("ingest is running: stop it first, then rewind, then start it")

// Rewind sets the committed offsets of calls back, so that the next start reads them again: storing them again changes
// nothing, except that what the database lost is there again. partition −1 means all. It never moves forward.
func (i *Inspector) Rewind(ctx context.Context, partition int, to To) ([]Rewound, error) {
	members, err := i.Members(ctx)
	if err != nil {
		return nil, err
	}
	if members > 0 {
		return nil, fmt.Errorf("rewind group %s: it has %d members: %w", i.group, members, errBusy)
	}
	state, err := i.brokers.logState(ctx, ledger.TopicCalls)
	if err != nil {
		return nil, err
	}
	committed, err := i.brokers.offsetsOf(ctx, i.group, ledger.TopicCalls)
	if err != nil {
		return nil, err
	}
	if _, ok := state.end[partition]; !ok && partition >= 0 {
		return nil, fmt.Errorf("rewind: %s has no partition %d, only 0 to %d", ledger.TopicCalls, partition, len(state.end)-1)
	}
	targets, err := i.targets(ctx, state, to)
	if err != nil {
		return nil, err
	}
	var out []Rewound
	offsets := kadm.Offsets{}
	for _, p := range slices.Sorted(maps.Keys(state.end)) {
		was, ok := committed[p]
		target := min(max(targets[p], state.start[p]), state.end[p])
		if partition >= 0 && p != partition || ok && was <= target {
			continue
		}
		if !ok {
			was = -1
		}
		out = append(out, Rewound{p, was, target})
		offsets.AddOffset(ledger.TopicCalls, int32(p), target, -1)
	}
	if len(out) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	if err := i.brokers.admin.CommitAllOffsets(ctx, i.group, offsets); err != nil {
		return nil, fmt.Errorf("rewind group %s: %w", i.group, err)
	}
	return out, nil
}

func (i *Inspector) targets(ctx context.Context, state logState, to To) (map[int]int64, error) {
	out := map[int]int64{}
	for p := range state.end {
		out[p] = to.Offset
	}
	if to.At.IsZero() {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	listed, err := i.brokers.admin.ListOffsetsAfterMilli(ctx, to.At.UnixMilli(), ledger.TopicCalls)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find offsets of %s in %s: %w", to.At.Format(time.RFC3339), ledger.TopicCalls, err)
	}
	listed.Each(func(o kadm.ListedOffset) { out[int(o.Partition)] = o.Offset })
	return out, nil
}
