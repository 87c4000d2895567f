package settle

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// scripted answers the n-th time that a statement is asked with the n-th of its answers, the last one from then on, and remembers what was asked.
type scripted struct {
	driver.Conn
	mu      sync.Mutex
	answers map[string][][][]any // by the statement's name: answers, rows, values
	asked   map[string][][]any   // the arguments of each time
	before  func(name string)
}

func (c *scripted) Query(_ context.Context, text string, args ...any) (driver.Rows, error) {
	for name, answers := range c.answers {
		if text != schema.SQL(name) {
			continue
		}
		if c.before != nil {
			c.before(name)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		n := len(c.asked[name])
		c.asked[name] = append(c.asked[name], args)
		return &scriptedRows{rows: answers[min(n, len(answers)-1)]}, nil
	}
	return &scriptedRows{}, nil
}

type scriptedRows struct {
	driver.Rows
	rows [][]any
	row  []any
}

func (r *scriptedRows) Next() bool {
	if len(r.rows) == 0 {
		return false
	}
	r.row, r.rows = r.rows[0], r.rows[1:]
	return true
}

func (r *scriptedRows) Scan(dest ...any) error {
	for i, d := range dest {
		reflect.ValueOf(d).Elem().Set(reflect.ValueOf(r.row[i]))
	}
	return nil
}

func (*scriptedRows) Close() error { return nil }
func (*scriptedRows) Err() error   { return nil }

// reportRow and decisionRow are what the statements answer.
func reportRow(r Report) []any {
	authenticated := uint8(0)
	return []any{uint32(r.Minute), r.Tenant, r.Trace[:], r.Span[:], r.Version, r.Parent[:], r.ResponseID, r.Provider, r.Operation, int8(r.Role),
		r.Rank, uint32(r.Flags), r.Start, uint64(r.End - r.Start), r.Input, r.Output, authenticated}
}

func decisionRow(id, winner ID, revision uint64, reason string) []any {
	return []any{uint32(id.Minute), id.Tenant, id.Trace[:], id.Span[:], revision, uint8(1), uint32(winner.Minute), winner.Tenant, winner.Trace[:], winner.Span[:], reason}
}

// scriptedNeighbours are those of the minute of report(…).
func scriptedNeighbours(c *scripted) *neighbours {
	n := &neighbours{store: &store{c}, minute: time.Unix(report(1, 80, 0, 1).Minute, 0).UTC(), whole: map[ID]uint64{}, others: map[ID]Report{},
		reports: newIndex(func(r *Report) *ID { return &r.ID })}
	n.stored = newDecisions(&n.reports)
	return n
}

// TestALongerLookForgetsTheShorter: a report whose clock is wrong has the minute read again, over a day. In between a report's newer version, with another
// response id, replaces the older one. What shares the older id with a report that is found is looked for all the same.
func TestALongerLookForgetsTheShorter(t *testing.T) {
	minute := report(1, 80, 0, 1).Minute
	outside := report(2, 80, 0, 1, trace(2), func(r *Report) { r.Flags |= ledger.FlagStartOutside })
	older, newer := report(1, 80, 0, 1, trace(1), response(7)), report(1, 80, 0, 1, trace(1), response(8), func(r *Report) { r.Version++ })
	twin := report(3, 80, 60, 61, trace(1), response(7))
	far := report(4, 95, 60, 61, trace(3), response(7))
	twin.Minute, far.Minute = minute+60, minute+60
	decided := decisionRow(twin.ID, ID{minute + 60, twin.Tenant, [16]byte{9}, [8]byte{9}}, 2<<32, ReasonParent) // has its keys looked up early
	c := &scripted{asked: map[string][][]any{}, answers: map[string][][][]any{
		"settle/own":         {{reportRow(older), reportRow(outside)}, {reportRow(newer), reportRow(outside)}},
		"settle/around":      {{}, {reportRow(twin)}},
		"settle/stored":      {{decided}, {}},
		"settle/more":        {{reportRow(far)}, {}},
		"settle/stored_more": {{}},
	}}
	n := scriptedNeighbours(c)
	require.NoError(t, n.collect(t.Context()))
	require.Len(t, c.asked["settle/own"], 2)
	require.NotEmpty(t, c.asked["settle/more"])
	require.Equal(t, named("responses", []uint64{7}), c.asked["settle/more"][0][3])
	require.NotNil(t, n.reports.find(&far.ID), "the third report of the call")
	require.Equal(t, newer.Version, n.reports.find(&newer.ID).Version)
	require.Nil(t, n.stored.find(&twin.ID), "a decision that isn't there any more")
}

// TestDecisionsThatComeFirst: no statement waits for another, since it would hold the connection that the other may want; and what came before the minute's own
// reports is taken in like the rest.
func TestDecisionsThatComeFirst(t *testing.T) {
	mine, gone := report(1, 80, 0, 1, trace(1)), report(2, 80, 0, 1, trace(2))
	over := make(chan struct{})
	c := &scripted{asked: map[string][][]any{}, answers: map[string][][][]any{
		"settle/own":         {{reportRow(mine)}},
		"settle/around":      {{}},
		"settle/stored":      {{decisionRow(mine.ID, gone.ID, 2<<32, ReasonParent)}},
		"settle/more":        {{reportRow(gone)}, {}},
		"settle/stored_more": {{}},
	}}
	c.before = func(name string) {
		if name == "settle/own" {
			<-over
		}
	}
	n := scriptedNeighbours(c)
	n.store = &store{&closing{c, over}}
	require.NoError(t, n.collect(t.Context()))
	require.Equal(t, gone.ID, n.stored.find(&mine.ID).Winner)
	require.NotNil(t, n.reports.find(&gone.ID), "who it gave way to is looked up")
}

// closing says when the statement of decisions has been read and its connection is free.
type closing struct {
	*scripted
	over chan struct{}
}

func (c *closing) Query(ctx context.Context, text string, args ...any) (driver.Rows, error) {
	rows, err := c.scripted.Query(ctx, text, args...)
	if text == schema.SQL("settle/stored") {
		rows = &closingRows{rows, c.over}
	}
	return rows, err
}

type closingRows struct {
	driver.Rows
	over chan struct{}
}

func (r *closingRows) Close() error {
	close(r.over)
	return nil
}
