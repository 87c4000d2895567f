package settle

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func named(name string, value any) any { return clickhouse.Named(name, value) }

// store reads candidates and decisions and writes decisions.
type store struct{ conn driver.Conn }

func (s *store) reports(ctx context.Context, query string, args ...any) ([]Report, error) {
	rows, err := s.conn.Query(ctx, schema.SQL(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Report
	for rows.Next() {
		var r Report
		var minute, start time.Time
		var trace, span, parent string
		var duration uint64
		var role int8
		var flags uint32
		var authenticated uint8
		err := rows.Scan(&minute, &r.Tenant, &trace, &span, &r.Version, &parent, &r.ResponseID, &r.Provider, &r.Operation, &role,
			&r.Rank, &flags, &start, &duration, &r.Input, &r.Output, &authenticated)
		if err != nil {
			return nil, err
		}
		r.Minute, r.Role, r.Flags, r.Authenticated = minute.Unix(), ledger.Role(role), ledger.Flags(flags), authenticated != 0
		r.Start = start.UnixNano()
		r.End = r.Start + int64(duration)
		copy(r.Trace[:], trace)
		copy(r.Span[:], span)
		copy(r.Parent[:], parent)
		out = append(out, r)
	}
	return out, rows.Err()
}

// decision is a row of settlements.
type decision struct {
	ID
	Verdict
	revision uint64
}

func (s *store) decisions(ctx context.Context, query string, args ...any) ([]decision, error) {
	rows, err := s.conn.Query(ctx, schema.SQL(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []decision
	for rows.Next() {
		var d decision
		var minute, winnerMinute time.Time
		var trace, span, winnerTrace, winnerSpan string
		var loses uint8
		err := rows.Scan(&minute, &d.Tenant, &trace, &span, &d.revision, &loses, &winnerMinute, &d.Winner.Tenant, &winnerTrace, &winnerSpan, &d.Reason)
		if err != nil {
			return nil, err
		}
		d.Minute, d.Loses = minute.Unix(), loses != 0
		copy(d.Trace[:], trace)
		copy(d.Span[:], span)
		d.Winner.Minute = winnerMinute.Unix()
		copy(d.Winner.Trace[:], winnerTrace)
		copy(d.Winner.Span[:], winnerSpan)
		if d.Winner == d.ID {
			d.Winner = ID{}
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// mark asks for a new rollup of minutes now, and of the one that is being settled for later, by the mark of that id.
func (s *store) mark(ctx context.Context, minutes []int64, minute time.Time, later string) error {
	times := make([]time.Time, len(minutes))
	for i, m := range minutes {
		times[i] = time.Unix(m, 0).UTC()
	}
	return s.conn.Exec(ctx, schema.SQL("settle/mark"), named("minutes", times), named("minute", minute), named("later", later), named("seconds", uint32(laterAfter/time.Second)))
}

// laterAfter is when a mark for later is due: longer than any write may take.
const laterAfter = 10 * time.Minute

func (s *store) unmark(ctx context.Context, minute time.Time, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.conn.Exec(ctx, schema.SQL("settle/unmark"), named("minute", minute), named("ids", ids))
}

// write stores decisions in one statement. A winner's row says so, because an earlier one may have said otherwise; an unseen
// leaf's names its aggregate.
func (s *store) write(ctx context.Context, all []decision) error {
	batch, err := s.conn.PrepareBatch(ctx, schema.SQL("settle/insert"))
	if err != nil {
		return err
	}
	for _, d := range all {
		loses, winner := uint8(0), d.Winner
		if d.Loses {
			loses = 1
		}
		if winner == (ID{}) {
			winner = d.ID
		}
		err := batch.Append(time.Unix(d.Minute, 0).UTC(), d.Tenant, string(d.Trace[:]), string(d.Span[:]), d.revision, loses,
			time.Unix(winner.Minute, 0).UTC(), winner.Tenant, string(winner.Trace[:]), string(winner.Span[:]), d.Reason)
		if err != nil {
			_ = batch.Abort()
			return err
		}
	}
	return batch.Send()
}

func hexTraces(traces [][16]byte) []string {
	out := make([]string, len(traces))
	for i := range traces {
		out[i] = hex.EncodeToString(traces[i][:])
	}
	return out
}

func wrap(what string, minute time.Time, err error) error {
	return fmt.Errorf("settle %s: %s: %w", minute.Format(time.RFC3339), what, err)
}
