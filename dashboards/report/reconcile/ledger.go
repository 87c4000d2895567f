package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Tokens are counts in the order of ledger.Bucket.
type Tokens [ledger.NumBuckets]int64

// Day is what the ledger has of a model on a day.
type Day struct {
	Day                        time.Time
	Model                      string
	Calls, Unpriced, Estimated uint64
	Tokens                     Tokens
	Cost, Other                ledger.Sum // Other is the part that isn't for tokens
}

// Hour is the last hour (Evening) or the first of a day: what a provider may count on the day beside.
type Hour struct {
	Day     time.Time
	Evening bool
	Model   string
	Tokens  Tokens
	Cost    ledger.Sum
}

// Over is calls that ran over an edge of the month.
type Over struct {
	Model  string
	Tokens Tokens
	Cost   ledger.Sum
}

// Books is what the ledger says of a provider's month.
type Books struct {
	State        report.State
	Days         []Day
	Hours        []Hour
	Before, Last []Over // ran into the month, ran out of it
	Adjustments  []report.Adjustment
	Reserved     ledger.Sum // capacity that the price files pay in advance, the month's part
}

// ReadBooks reads the ledger. providers are the names under which its calls are the bill's.
func ReadBooks(ctx context.Context, conn driver.Conn, month report.Period, providers []string, book *pricing.Book) (*Books, error) {
	b := &Books{}
	var err error
	if b.State, err = report.StateOf(ctx, conn, month); err != nil {
		return nil, err
	}
	if b.Adjustments, err = report.AdjustmentsOf(ctx, conn, month.From, providers); err != nil {
		return nil, err
	}
	for _, r := range report.ReservedOf(month, book, providers) {
		b.Reserved = b.Reserved.Add(r.Amount.Sum)
	}
	if err := b.readDays(ctx, conn, month, providers); err != nil {
		return nil, err
	}
	for _, edge := range []struct {
		at   time.Time
		into *[]Over
	}{{month.From, &b.Before}, {month.To, &b.Last}} {
		if *edge.into, err = readOver(ctx, conn, edge.at, providers); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Books) readDays(ctx context.Context, conn driver.Conn, month report.Period, providers []string) error {
	err := each(ctx, conn, "report/provider_days", month.From, month.To, providers, func(rows driver.Rows) error {
		var d Day
		var tokens []uint64
		var cost, other string
		if err := rows.Scan(&d.Day, &d.Model, &d.Calls, &d.Unpriced, &d.Estimated, &tokens, &cost, &other); err != nil {
			return err
		}
		var err error
		if d.Cost, err = ledger.ParseSum(cost); err == nil {
			d.Other, err = ledger.ParseSum(other)
		}
		d.Tokens = tokensOf(tokens)
		b.Days = append(b.Days, d)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, conn, "report/provider_midnights", month.From, month.To, providers, func(rows driver.Rows) error {
		var h Hour
		var tokens []uint64
		var cost string
		var evening uint8
		if err := rows.Scan(&h.Day, &evening, &h.Model, &tokens, &cost); err != nil {
			return err
		}
		var err error
		h.Evening, h.Tokens = evening != 0, tokensOf(tokens)
		h.Cost, err = ledger.ParseSum(cost)
		b.Hours = append(b.Hours, h)
		return err
	})
}

// longestCall is how long before an edge of the month a call may have begun that ran over it.
const longestCall = time.Hour

func readOver(ctx context.Context, conn driver.Conn, edge time.Time, providers []string) (out []Over, err error) {
	err = each(ctx, conn, "report/provider_over", edge.Add(-longestCall), edge, providers, func(rows driver.Rows) error {
		var o Over
		var tokens []uint64
		var cost string
		if err := rows.Scan(&o.Model, &tokens, &cost); err != nil {
			return err
		}
		var err error
		o.Tokens = tokensOf(tokens)
		o.Cost, err = ledger.ParseSum(cost)
		out = append(out, o)
		return err
	})
	return out, err
}

func each(ctx context.Context, conn driver.Conn, name string, from, to time.Time, providers []string, row func(driver.Rows) error) error {
	rows, err := conn.Query(ctx, schema.SQL(name), clickhouse.Named("from", from), clickhouse.Named("to", to), clickhouse.Named("providers", providers))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func tokensOf(counts []uint64) (t Tokens) {
	for i := range min(len(counts), len(t)) {
		t[i] = int64(counts[i])
	}
	return t
}
