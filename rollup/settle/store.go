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

// oneThread has each statement run in one of the engine's threads. Where they run side by side and have little to read, more threads cost more CPU and
// are done no sooner (docs/adr/0055-no-statistics-of-columns.md).
func oneThread(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_threads": 1}))
}

// store reads candidates and decisions and writes decisions.
type store struct{ conn driver.Conn }

func (s *store) reports(ctx context.Context, query string, args ...any) (out []Report, err error) {
	err = s.eachReport(ctx, func(r *Report) { out = append(out, *r) }, query, args...)
	return out, err
}

// eachReport calls a function with every report, which is the next one after it returns.
func (s *store) eachReport(ctx context.Context, do func(*Report), query string, args ...any) error {
	rows, err := s.conn.Query(ctx, schema.SQL(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var r Report
	var minute uint32
	var trace, span, parent []byte // are the answer's own, until the next block of it
	var duration uint64
	var role int8
	var flags uint32
	var authenticated uint8
	for rows.Next() {
		err := rows.Scan(&minute, &r.Tenant, &trace, &span, &r.Version, &parent, &r.ResponseID, &r.Provider, &r.Operation, &role,
			&r.Rank, &flags, &r.Start, &duration, &r.Input, &r.Output, &authenticated)
		if err != nil {
			return err
		}
		r.Minute, r.Role, r.Flags, r.Authenticated = int64(minute), ledger.Role(role), ledger.Flags(flags), authenticated != 0
		r.End = r.Start + int64(duration)
		copy(r.Trace[:], trace)
		copy(r.Span[:], span)
		copy(r.Parent[:], parent)
		do(&r)
	}
	return rows.Err()
}

// decision is a row of settlements.
type decision struct {
	ID
	Verdict
	revision uint64
}

// eachDecision calls a function with every decision, which is the next one after it returns.
func (s *store) eachDecision(ctx context.Context, do func(*decision), query string, args ...any) error {
	rows, err := s.conn.Query(ctx, schema.SQL(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var d decision
	var minute, winnerMinute uint32
	var trace, span, winnerTrace, winnerSpan []byte
	var loses uint8
	for rows.Next() {
		err := rows.Scan(&minute, &d.Tenant, &trace, &span, &d.revision, &loses, &winnerMinute, &d.Winner.Tenant, &winnerTrace, &winnerSpan, &d.Reason)
		if err != nil {
			return err
		}
		d.Minute, d.Loses = int64(minute), loses != 0
		copy(d.Trace[:], trace)
		copy(d.Span[:], span)
		d.Winner.Minute = int64(winnerMinute)
		copy(d.Winner.Trace[:], winnerTrace)
		copy(d.Winner.Span[:], winnerSpan)
		if d.Winner == d.ID {
			d.Winner = ID{}
		}
		do(&d)
	}
	return rows.Err()
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

// writing is how decisions of a minute are to be written: as final ones only in time before the mark for later is due.
type writing struct {
	minute time.Time
	later  string
	final  bool
}

// decideBefore is by how much a final decision has to be written before its mark for later is due: longer than the statement may take, and than
// the server waits for what a client that stalls had begun to send.
const decideBefore = 5 * time.Minute

// write stores decisions, each group in one statement. A winner's row says so, because an earlier one may have said otherwise; an unseen
// leaf's names its aggregate. It isn't told whether a final one came too late: the next look sees that it isn't there.
func (s *store) write(ctx context.Context, how writing, groups [][]decision) error {
	final := uint8(0)
	if how.final {
		final = 1
	}
	for len(groups) > 0 {
		var rows rows
		for len(groups) > 0 && (rows.len() == 0 || rows.len()+len(groups[0]) <= decisionsPerStatement) {
			for _, d := range groups[0] {
				rows.add(d)
			}
			groups = groups[1:]
		}
		args := append(rows.args(), named("minute", how.minute), named("later", how.later), named("final", final), named("margin", uint32(decideBefore/time.Second)))
		if err := s.conn.Exec(ctx, schema.SQL("settle/decide"), args...); err != nil {
			return err
		}
	}
	return nil
}

// decisionsPerStatement keeps a statement's parameters far below a server's limit on a URL's length (1 MiB): 200 bytes each.
const decisionsPerStatement = 1000

// rows are decisions as the parameters of a statement, a column each; what may be any bytes is in hexadecimal.
type rows struct {
	minutes, winnerMinutes                            []uint32
	tenants, traces, spans                            []string
	revisions                                         []uint64
	loses                                             []uint8
	winnerTenants, winnerTraces, winnerSpans, reasons []string
}

func (r *rows) len() int { return len(r.minutes) }

func (r *rows) add(d decision) {
	loses, winner := uint8(0), d.Winner
	if d.Loses {
		loses = 1
	}
	if winner == (ID{}) {
		winner = d.ID
	}
	r.minutes, r.winnerMinutes = append(r.minutes, uint32(d.Minute)), append(r.winnerMinutes, uint32(winner.Minute))
	r.tenants, r.winnerTenants = append(r.tenants, hex.EncodeToString([]byte(d.Tenant))), append(r.winnerTenants, hex.EncodeToString([]byte(winner.Tenant)))
	r.traces, r.winnerTraces = append(r.traces, hex.EncodeToString(d.Trace[:])), append(r.winnerTraces, hex.EncodeToString(winner.Trace[:]))
	r.spans, r.winnerSpans = append(r.spans, hex.EncodeToString(d.Span[:])), append(r.winnerSpans, hex.EncodeToString(winner.Span[:]))
	r.revisions, r.loses, r.reasons = append(r.revisions, d.revision), append(r.loses, loses), append(r.reasons, d.Reason)
}

func (r *rows) args() []any {
	return []any{
		named("minutes", r.minutes), named("tenants", r.tenants), named("traces", r.traces), named("spans", r.spans),
		named("revisions", r.revisions), named("loses", r.loses), named("winner_minutes", r.winnerMinutes),
		named("winner_tenants", r.winnerTenants), named("winner_traces", r.winnerTraces), named("winner_spans", r.winnerSpans), named("reasons", r.reasons),
	}
}

func hexTraces(traces [][16]byte) []string {
	out := make([]string, len(traces))
	for i := range traces {
		out[i] = hex.EncodeToString(traces[i][:])
	}
	return out
}

// wrap is nil where there is no error.
func wrap(what string, minute time.Time, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("settle %s: %s: %w", minute.Format(time.RFC3339), what, err)
}
