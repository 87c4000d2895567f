package books

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tollkeeper/tollkeeper/dashboards/explain"
	reports "github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
	"github.com/tollkeeper/tollkeeper/rollup"
)

// compare asks for every total of both months in every way, and for its explanation. Rollup's own check looks at the hours that have
// calls, or at all hours of their days and at the days too.
func (b *Books) compare(ctx context.Context, days bool) error {
	for _, month := range []time.Time{september, october} {
		name := month.Format("January") + ", "
		now, calls, unpriced := b.truth.now(month)
		if calls == 0 {
			continue // its traffic is yet to come
		}
		got, err := b.ask(ctx, "SELECT tenant, toString(sum(cost)) FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) GROUP BY tenant", month)
		if err != nil {
			return err
		}
		if err := b.rowOf(name+"calls", got, now); err != nil {
			return err
		}
		var n, without uint64
		err = b.conn.QueryRow(ctx, "SELECT count(), countIf(unpriced != '') FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})",
			clickhouse.Named("from", month), clickhouse.Named("to", month.AddDate(0, 1, 0))).Scan(&n, &without)
		if err != nil {
			return err
		}
		b.row(name+"number of calls, unpriced", fmt.Sprint(n, ", ", without), fmt.Sprint(calls, ", ", unpriced))
		for _, level := range []string{"", "_hour", "_day"} {
			got, err := b.ask(ctx, "SELECT tenant, toString(sum(cost)) FROM spend"+level+"(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) GROUP BY tenant", month)
			if err != nil {
				return err
			}
			if err := b.rowOf(name+"spend"+level, got, b.truth.totals(month)); err != nil {
				return err
			}
		}
		if err := b.compareBooked(ctx, name, month); err != nil {
			return err
		}
		if err := b.compareExplained(ctx, name, month, now); err != nil {
			return err
		}
		if err := b.compareRerated(ctx, name, month); err != nil {
			return err
		}
	}
	span := time.Hour
	if days {
		span = 24 * time.Hour
	}
	return b.books(func(r *rollup.Rollup) error {
		var sum ledger.Sum
		differ, pending := 0, 0
		for _, from := range b.busy(span) {
			check, err := r.Recompute(ctx, from, from.Add(span))
			if err != nil {
				return err
			}
			sum = sum.Add(check.Cost())
			differ, pending = differ+len(check.Differences), pending+check.Pending
		}
		b.row("rollup's own check", fmt.Sprint(sum, ", ", differ, " differ, ", pending, " pending"), fmt.Sprint(ledger.Sum{}, ", 0 differ, 0 pending"))
		if !days {
			return nil
		}
		v, err := r.Verify(ctx, september, nil)
		if err != nil {
			return err
		}
		b.row("period verify of September", fmt.Sprint(v.Count(rollup.DayEqual), " equal, ", v.Unlike), "30 equal, []")
		return nil
	})
}

// ask reads amounts by tenant.
func (b *Books) ask(ctx context.Context, query string, month time.Time) (map[string]string, error) {
	rows, err := b.conn.Query(ctx, query, clickhouse.Named("from", month), clickhouse.Named("to", month.AddDate(0, 1, 0)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var tenant, cost string
		if err := rows.Scan(&tenant, &cost); err != nil {
			return nil, err
		}
		out[tenant] = cost
	}
	return out, rows.Err()
}

// compareBooked looks at the adjustments for the month's days: all, and those of re-rates.
func (b *Books) compareBooked(ctx context.Context, name string, month time.Time) error {
	const query = `SELECT tenant, toString(sum(cost)) FROM adjustments_now
		WHERE original >= toDate({from:DateTime('UTC')}) AND original < toDate({to:DateTime('UTC')}) `
	got, err := b.ask(ctx, query+"GROUP BY tenant", month)
	if err != nil {
		return err
	}
	adjusted := b.truth.adjusted(month)
	if err := b.rowOf(name+"adjustments", got, adjusted); err != nil {
		return err
	}
	if got, err = b.ask(ctx, query+"AND kind = 'rerate' AND author = 'finance' GROUP BY tenant", month); err != nil {
		return err
	}
	rerated := sums{}
	if b.truth.frozen[month] != nil {
		rerated = b.truth.rerated[month]
	}
	return b.rowOf(name+"of them re-rates, signed", got, rerated)
}

// compareExplained goes from each tenant's number to its parts.
func (b *Books) compareExplained(ctx context.Context, name string, month time.Time, now sums) error {
	got, unexplained := map[string]string{}, "nothing"
	for _, tenant := range tenants {
		t, err := explain.Explain(ctx, b.conn, explain.Query{Tenant: tenant, Span: calendar.Span{From: month, To: month.AddDate(0, 1, 0)}})
		if err != nil {
			return err
		}
		got[tenant] = t.PartsTotal
		if t.Difference != "0.00" {
			unexplained = tenant + " " + t.Difference
		}
	}
	if err := b.rowOf(name+"explained parts", got, now); err != nil {
		return err
	}
	b.row(name+"unexplained", unexplained, "nothing")
	return nil
}

// compareRerated asks for the month as charged and as re-rated.
func (b *Books) compareRerated(ctx context.Context, name string, month time.Time) error {
	r, err := reports.BuildRerated(ctx, b.conn, reports.Query{Period: reports.Period{From: month, To: month.AddDate(0, 1, 0)}})
	if err != nil {
		return err
	}
	charged, rerated := map[string]string{}, map[string]string{}
	for _, l := range r.Lines {
		charged[l.Value], rerated[l.Value] = l.Charged.Sum.String(), l.Rerated.Sum.String()
	}
	want := b.truth.totals(month)
	if b.truth.frozen[month] != nil {
		want = want.plus(b.truth.rerated[month], 1)
	}
	if err := b.rowOf(name+"as re-rated", rerated, want); err != nil {
		return err
	}
	return b.rowOf(name+"as charged", charged, want.plus(b.truth.allReruns[month], -1))
}

// busy is the days, or the hours, that have calls.
func (b *Books) busy(span time.Duration) []time.Time {
	var days []time.Time
	for _, c := range b.truth.calls {
		if day := c.at.Truncate(span); !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return days
}
