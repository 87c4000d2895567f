package alerts

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// reader asks the ledger. Every query is a file of schema/queries/alerts.
type reader struct{ conn driver.Conn }

// params are query parameters in ClickHouse's text form.
type params = clickhouse.Parameters

// text is a String parameter: the engine reads it as a tab-separated field.
func text(s string) string { return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(s) }

// quoted is a string within a parameter that is an array, and array is that parameter: the engine reads it as a literal.
func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\t", `\t`, "\n", `\n`).Replace(s) + "'"
}
func array(elements []string) string { return "[" + strings.Join(elements, ",") + "]" }

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

// open reads the calls of the minutes [from, to) in buckets of receipt time.
func (r reader) open(ctx context.Context, dimension string, from, to time.Time, bucket time.Duration, yield func(w who, minute, bucket int64, c cell)) error {
	p := params{"from": second(from), "to": second(to), "bucket_ms": strconv.FormatInt(bucket.Milliseconds(), 10),
		"doubt": flag(ledger.FlagsDoubt), "limited": flag(ledger.FlagRateLimited)}
	query := "open_spend"
	if dimension != byTenant {
		query, p["dimension"] = "open_spend_by", dimension
	}
	return r.each(ctx, query, p, func(rows driver.Rows) error {
		var w who
		var amount, biggest string
		var minute, b, newest int64
		var c cell
		if err := rows.Scan(&w.tenant, &w.value, &minute, &b, &amount, &biggest, &c.calls, &c.unpriced, &c.flagged, &c.limited, &c.tokens, &newest); err != nil {
			return err
		}
		c.newest = time.UnixMilli(newest).UTC()
		var err error
		if c.spend, err = ledger.ParseSum(amount); err != nil {
			return err
		}
		c.biggest, err = ledger.ParseSum(biggest)
		yield(w, minute, b, c)
		return err
	})
}

func flag(f ledger.Flags) string { return strconv.FormatUint(uint64(f), 10) }

func (r reader) totals(ctx context.Context, name string, p params) (map[who]total, error) {
	out := map[who]total{}
	err := r.each(ctx, name, p, func(rows driver.Rows) (err error) {
		var w who
		var amount string
		var t total
		if err := rows.Scan(&w.tenant, &w.value, &amount, &t.calls, &t.unpriced); err != nil {
			return err
		}
		t.spend, err = ledger.ParseSum(amount)
		out[w] = t
		return err
	})
	return out, err
}

// byQuery is the query's variant for a dimension.
func byQuery(name, dimension string) string {
	switch dimension {
	case byTenant:
		return name
	case byModel:
		return name + "_model"
	}
	return name + "_by"
}

// closed reads [from, to) from the rollups.
func (r reader) closed(ctx context.Context, dimension string, from, to time.Time) (map[who]total, error) {
	p := params{"from": second(from), "to": second(to)}
	if dimension == byTeam || dimension == byKey {
		p["dimension"] = dimension
	}
	return r.totals(ctx, byQuery("closed_spend", dimension), p)
}

// exact reads [w.from, w.to) from the calls by their start.
func (r reader) exact(ctx context.Context, w window) (map[who]total, error) {
	return r.totals(ctx, "window_spend", bounds(w))
}

// heavyMost bounds how many runaways one rule finds at once.
const heavyMost = 20

func (r reader) heavy(ctx context.Context, rule Runaway, from, to time.Time) ([]heavy, error) {
	var tenants, usd, calls []string
	for tenant := range rule.Overrides {
		own := rule.forTenant(tenant)
		tenants, usd, calls = append(tenants, quoted(tenant)), append(usd, quoted(own.USD.String())), append(calls, strconv.Itoa(own.Calls))
	}
	p := params{"from": second(from), "to": second(to), "dimension": rule.By, "usd": rule.USD.String(), "calls": strconv.Itoa(rule.Calls), "most": strconv.Itoa(heavyMost),
		"tenants": array(tenants), "tenant_usd": array(usd), "tenant_calls": array(calls)}
	var out []heavy
	err := r.each(ctx, "heavy", p, func(rows driver.Rows) error {
		var h heavy
		var amount string
		var newest int64
		if err := rows.Scan(&h.tenant, &h.value, &amount, &h.calls, &h.unpriced, &newest); err != nil {
			return err
		}
		h.newest = time.UnixMilli(newest).UTC()
		var err error
		h.spend, err = ledger.ParseSum(amount)
		out = append(out, h)
		return err
	})
	return out, err
}

// bounds are the parameters of a window in whole minutes and in nanoseconds. A call that is not believably timed lies in
// its receipt's minute, so the minutes of the window hold it too.
func bounds(w window) params {
	return params{
		"from": second(w.from.Truncate(time.Minute)), "to": second(w.to.Add(time.Minute - 1).Truncate(time.Minute)),
		"start": nano(w.from), "end": nano(w.to),
	}
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

// hours reads the history of whole hours in [from, to).
func (r reader) hours(ctx context.Context, dimension string, from, to time.Time) (map[who]detect.Hours, error) {
	out := map[who]detect.Hours{}
	p := params{"from": second(from), "to": second(to)}
	if dimension == byTeam || dimension == byKey {
		p["dimension"] = dimension
	}
	err := r.each(ctx, byQuery("hours", dimension), p, func(rows driver.Rows) error {
		var w who
		var amount string
		var at int64
		var h detect.Hour
		if err := rows.Scan(&w.tenant, &w.value, &at, &amount, &h.Calls); err != nil {
			return err
		}
		var err error
		h.Spend, err = ledger.ParseSum(amount)
		if out[w] == nil {
			out[w] = detect.Hours{}
		}
		out[w][at] = h
		return err
	})
	return out, err
}

func (r reader) dispersions(ctx context.Context, from, to time.Time) (days, error) {
	out := days{}
	err := r.each(ctx, "dispersions", params{"from": second(from), "to": second(to)}, func(rows driver.Rows) error {
		var tenant string
		var day int64
		var text [4]string
		if err := rows.Scan(&tenant, &day, &text[0], &text[1], &text[2], &text[3]); err != nil {
			return err
		}
		spend, ok := detect.ParseDispersion(text[0], text[1])
		calls, fine := detect.ParseDispersion(text[2], text[3])
		if !ok || !fine {
			return fmt.Errorf("dispersions %q of %s: want integers", text, tenant)
		}
		if out[day] == nil {
			out[day] = map[string]spread{}
		}
		out[day][tenant] = spread{spend, calls}
		return nil
	})
	return out, err
}
