package alerts

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// reader asks the ledger. Every query is a file of schema/queries/alerts.
type reader struct{ conn driver.Conn }

// params are query parameters in ClickHouse's text form.
type params = clickhouse.Parameters

// text is a String parameter: the engine reads it as a tab-separated field.
func text(s string) string { return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(s) }

// texts is an Array(String) parameter: the engine reads it as an array literal, without the tab-separated layer.
func texts(list []string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = "'" + quote.Replace(s) + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func second(t time.Time) string { return t.UTC().Format(time.DateTime) }
func nano(t time.Time) string   { return t.UTC().Format("2006-01-02 15:04:05.000000000") }
func milli(t time.Time) string  { return t.UTC().Format("2006-01-02 15:04:05.000") }

// each runs the query and calls scan for every row.
func (r reader) each(ctx context.Context, name string, p params, scan func(driver.Rows) error) error {
	rows, err := r.conn.Query(clickhouse.Context(ctx, clickhouse.WithParameters(p)), schema.SQL("alerts/"+name))
	if err != nil {
		return fmt.Errorf("query %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// cell is what was received for one tenant in one bucket.
type cell struct {
	spend           ledger.Sum
	calls, unpriced uint64
	newest          time.Time // the newest receipt
}

func (c *cell) add(o cell) {
	c.spend = c.spend.Add(o.spend)
	c.calls += o.calls
	c.unpriced += o.unpriced
	if o.newest.After(c.newest) {
		c.newest = o.newest
	}
}

// open reads the calls of the minutes [from, to) in buckets of receipt time.
func (r reader) open(ctx context.Context, from, to time.Time, bucket time.Duration, yield func(tenant string, minute, bucket int64, c cell)) error {
	p := params{"from": second(from), "to": second(to), "bucket_ms": strconv.FormatInt(bucket.Milliseconds(), 10)}
	return r.each(ctx, "open_spend", p, func(rows driver.Rows) error {
		var tenant, amount string
		var minute, b, newest int64
		var c cell
		if err := rows.Scan(&tenant, &minute, &b, &amount, &c.calls, &c.unpriced, &newest); err != nil {
			return err
		}
		c.newest = time.UnixMilli(newest).UTC()
		var err error
		c.spend, err = ledger.ParseSum(amount)
		yield(tenant, minute, b, c)
		return err
	})
}

// total is a sum of calls.
type total struct {
	spend           ledger.Sum
	calls, unpriced uint64
}

func (t total) plus(o total) total {
	return total{t.spend.Add(o.spend), t.calls + o.calls, t.unpriced + o.unpriced}
}

func (r reader) totals(ctx context.Context, name string, p params) (map[string]total, error) {
	out := map[string]total{}
	err := r.each(ctx, name, p, func(rows driver.Rows) (err error) {
		var tenant, amount string
		var t total
		if err := rows.Scan(&tenant, &amount, &t.calls, &t.unpriced); err != nil {
			return err
		}
		t.spend, err = ledger.ParseSum(amount)
		out[tenant] = t
		return err
	})
	return out, err
}

// closed reads [from, to) from the rollups.
func (r reader) closed(ctx context.Context, from, to time.Time, tenants []string) (map[string]total, error) {
	return r.totals(ctx, "closed_spend", params{"from": second(from), "to": second(to), "tenants": texts(tenants)})
}

// exact reads [w.from, w.to) from the calls by their start.
func (r reader) exact(ctx context.Context, w window, tenants []string) (map[string]total, error) {
	p := bounds(w)
	p["tenants"] = texts(tenants)
	return r.totals(ctx, "window_spend", p)
}

// bounds are the parameters of a window in whole minutes and in nanoseconds. A call that is not believably timed lies in
// its receipt's minute, so the minutes of the window hold it too.
func bounds(w window) params {
	return params{
		"from": second(w.from.Truncate(time.Minute)), "to": second(w.to.Add(time.Minute - 1).Truncate(time.Minute)),
		"start": nano(w.from), "end": nano(w.to),
	}
}

// crossing finds the receipt of the first call with which the tenant's total in w reaches need; ok is false if it doesn't.
func (r reader) crossing(ctx context.Context, tenant string, w window, need ledger.Sum) (at time.Time, ok bool, err error) {
	p := bounds(w)
	p["tenant"], p["need"] = text(tenant), need.String()
	err = r.each(ctx, "crossing", p, func(rows driver.Rows) error {
		var ms int64
		ok = true
		defer func() { at = time.UnixMilli(ms).UTC() }()
		return rows.Scan(&ms)
	})
	return at, ok, err
}

// pendingMinute is the oldest minute since from that changed before changed and hasn't been rolled up since; ok is false
// if there is none.
func (r reader) pendingMinute(ctx context.Context, from, changed time.Time) (at time.Time, ok bool, err error) {
	at, err = r.instant(ctx, "pending_minute", params{"from": second(from), "changed": milli(changed)}, time.Second)
	return at, !at.IsZero(), err
}

// completeTo is up to when all partitions of the calls are known to be complete, by ingest's clock; zero if nothing is
// known.
func (r reader) completeTo(ctx context.Context) (time.Time, error) {
	return r.instant(ctx, "complete_to", params{"topic": ledger.TopicCalls}, time.Millisecond)
}

func (r reader) instant(ctx context.Context, name string, p params, unit time.Duration) (at time.Time, err error) {
	err = r.each(ctx, name, p, func(rows driver.Rows) error {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			at = time.Unix(0, n*int64(unit)).UTC()
		}
		return nil
	})
	return at, err
}

// hours reads the spend of whole hours in [from, to): tenant → hour → amount.
func (r reader) hours(ctx context.Context, from, to time.Time) (map[string]map[int64]ledger.Sum, error) {
	out := map[string]map[int64]ledger.Sum{}
	err := r.each(ctx, "hours", params{"from": second(from), "to": second(to)}, func(rows driver.Rows) error {
		var tenant, amount string
		var hour int64
		if err := rows.Scan(&tenant, &hour, &amount); err != nil {
			return err
		}
		sum, err := ledger.ParseSum(amount)
		if out[tenant] == nil {
			out[tenant] = map[int64]ledger.Sum{}
		}
		out[tenant][hour] = sum
		return err
	})
	return out, err
}
