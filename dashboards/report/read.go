package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema"
)

// rowsOf runs a query and reads each row with scan.
func rowsOf[T any](ctx context.Context, conn driver.Conn, name string, scan func(driver.Rows, *T) error, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, schema.SQL(name), args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return out, nil
}

func (p Period) args() []any {
	return []any{clickhouse.Named("from", p.From), clickhouse.Named("to", p.To)}
}

// whose selects one tenant, or every tenant for nil.
func whose(tenant *string) []any {
	if tenant == nil {
		return []any{clickhouse.Named("every", 1), clickhouse.Named("tenant", "")}
	}
	return []any{clickhouse.Named("every", 0), clickhouse.Named("tenant", *tenant)}
}

func spend(ctx context.Context, conn driver.Conn, q Query) ([]Line, error) {
	name := "report/spend"
	switch {
	case slices.Contains(byDimension, q.Dimension):
		name = "report/spend_by"
	case slices.Contains(byOwner, q.Dimension):
		name = "report/spend_by_owner"
	}
	if q.Dimension == "day" && q.Period.Zone() != time.UTC {
		return spendByDay(ctx, conn, q)
	}
	args := append(append(q.Period.args(), whose(q.Tenant)...), clickhouse.Named("dimension", q.Dimension))
	return rowsOf(ctx, conn, name, func(rows driver.Rows, l *Line) error {
		var cost, list string
		if err := rows.Scan(&l.Value, &l.Calls, &l.Errors, &l.UnpricedCalls, &l.Estimated, &l.InputTokens, &l.OutputTokens, &cost, &list, &l.Others); err != nil {
			return err
		}
		l.AtLeast = l.UnpricedCalls > 0
		if list != "" {
			l.ListCost = new(Amount)
			if err := l.ListCost.UnmarshalText([]byte(list)); err != nil {
				return err
			}
		}
		return l.Cost.UnmarshalText([]byte(cost))
	}, args...)
}

// spendByDay reads each day of a time zone by itself: rollups keep days of UTC, and a day elsewhere is made of hours.
func spendByDay(ctx context.Context, conn driver.Conn, q Query) ([]Line, error) {
	var out []Line
	for _, day := range q.Period.days() {
		one := q
		one.Dimension, one.Period = "", Period{From: day.From, To: day.To}
		lines, err := spend(ctx, conn, one)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			l.Value = q.Period.local(day.From).Format(time.DateOnly)
			out = append(out, l)
		}
	}
	return out, nil
}

// Adjustment is an amount that was booked beside the calls: a re-rate, a late call, an invoice's difference.
type Adjustment struct {
	ID       string `json:"id"`
	Booked   Date   `json:"booked"`
	Original Date   `json:"original"` // what it corrects
	Tenant   string `json:"tenant"`
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Kind     string `json:"kind"`
	Cost     Amount `json:"cost"`
	Calls    int64  `json:"calls"`
	Author   string `json:"author"`
	Reason   string `json:"reason"`
	Evidence string `json:"evidence,omitempty"`
}

// Correction says whether it corrects an earlier month than the one it is booked in.
func (a Adjustment) Correction() bool {
	return a.Original.Format("2006-01") < a.Booked.Format("2006-01")
}

// Date is a day; JSON has it as 2026-11-30.
type Date struct{ time.Time }

// String is 2026-11-30.
func (d Date) String() string { return d.Format(time.DateOnly) }

// MarshalJSON makes it "2026-11-30": the time in it has a MarshalJSON of its own, which would say an hour and a zone too.
func (d Date) MarshalJSON() ([]byte, error) { return []byte(`"` + d.String() + `"`), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Date) UnmarshalJSON(text []byte) (err error) {
	d.Time, err = time.Parse(`"`+time.DateOnly+`"`, string(text))
	return err
}

func scanAdjustment(rows driver.Rows, a *Adjustment) error {
	var cost string
	if err := rows.Scan(&a.ID, &a.Booked.Time, &a.Original.Time, &a.Tenant, &a.Provider, &a.Model, &a.Kind, &cost, &a.Calls, &a.Author, &a.Reason,
		&a.Evidence); err != nil {
		return err
	}
	return a.Cost.UnmarshalText([]byte(cost))
}

// Adjustments are those booked into a period, of one tenant or of all.
func Adjustments(ctx context.Context, conn driver.Conn, p Period, tenant *string) ([]Adjustment, error) {
	return rowsOf(ctx, conn, "report/adjustments", scanAdjustment, append(p.dates().args(), whose(tenant)...)...)
}

// AdjustmentsOf are those of a month's calls of some providers, whenever they were booked.
func AdjustmentsOf(ctx context.Context, conn driver.Conn, month time.Time, providers []string) ([]Adjustment, error) {
	return rowsOf(ctx, conn, "report/adjustments_of", scanAdjustment, clickhouse.Named("month", month.Format(time.DateOnly)),
		clickhouse.Named("providers", providers))
}

// State says how far a period's numbers can still change.
type State string

// A period is final when all its months are closed: what comes later is booked in an open month. It is reopened when one of
// them was closed and was opened again.
const (
	Open     State = "open"
	Final    State = "final"
	Reopened State = "reopened"
)

// MonthState is how one month stands.
type MonthState struct {
	Month  string `json:"month"`
	State  string `json:"state"` // open, closed or reopened
	Author string `json:"author,omitempty"`
	Reason string `json:"reason,omitempty"`
	Sealed uint64 `json:"sealed_days,omitempty"` // of its days, those whose evidence is kept

	cost  Amount // that it was closed on
	calls uint64
}

// months are those of UTC that the period touches: they are what is closed. A tenant's own connection sees their states alone.
func months(ctx context.Context, conn driver.Conn, p Period, own bool) ([]MonthState, error) {
	query := "report/periods"
	if own {
		query = "report/period_states"
	}
	known, err := rowsOf(ctx, conn, query, func(rows driver.Rows, m *MonthState) error {
		var month time.Time
		var cost string
		if err := rows.Scan(&month, &m.State, &m.Author, &m.Reason, &cost, &m.calls, &m.Sealed); err != nil {
			return err
		}
		m.Month = month.Format("2006-01")
		return m.cost.UnmarshalText([]byte(cost))
	}, p.args()...)
	if err != nil {
		return nil, err
	}
	var out []MonthState
	first := time.Date(p.From.Year(), p.From.Month(), 1, 0, 0, 0, 0, time.UTC)
	for month := first; month.Before(p.To); month = month.AddDate(0, 1, 0) {
		m := MonthState{Month: month.Format("2006-01"), State: "open"}
		for _, k := range known {
			if k.Month == m.Month {
				m = k
			}
		}
		out = append(out, m)
	}
	return out, nil
}

func stateOf(months []MonthState) State {
	state := Final
	for _, m := range months {
		switch m.State {
		case "closed":
		case "reopened":
			return Reopened
		default:
			state = Open
		}
	}
	return state
}

// StateOf says how a period stands.
func StateOf(ctx context.Context, conn driver.Conn, p Period) (State, error) {
	m, err := months(ctx, conn, p, true)
	return stateOf(m), err
}

// Closed lists the first days of all closed months.
func Closed(ctx context.Context, conn driver.Conn) ([]time.Time, error) {
	return rowsOf(ctx, conn, "report/months_closed", func(rows driver.Rows, m *time.Time) error { return rows.Scan(m) })
}
