package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// account is what the ledger, or the rollups, say of one tenant.
type account struct {
	calls    int64 // all, failed ones included
	answered int64 // without an error: what a provider bills
	unpriced int64
	amount   ledger.Sum
}

func (a account) add(b account) account {
	return account{a.calls + b.calls, a.answered + b.answered, a.unpriced + b.unpriced, a.amount.Add(b.amount)}
}

// book is the ledger as the watcher last saw it.
type book struct {
	tenants map[string]account
	seconds map[string]map[int64]ledger.Sum // by tenant and Unix second
	newest  time.Time                       // when the collector received the newest call
}

func (b book) total() account {
	var t account
	for _, a := range b.tenants {
		t = t.add(a)
	}
	return t
}

// alertEvent is a row of alert_events.
type alertEvent struct {
	episode, rule, tenant, state, summary string
	crossed, at                           time.Time
}

// watcher reads the product's ClickHouse from the demo's start on.
type watcher struct {
	conn  driver.Conn
	start time.Time
}

func newWatcher(url string, start time.Time) (*watcher, error) {
	conn, err := schema.Open(url)
	if err != nil {
		return nil, err
	}
	return &watcher{conn, start}, nil
}

func (w *watcher) close() error { return w.conn.Close() }

// window is the range of minutes that holds every call of the demo.
func (w *watcher) window(ctx context.Context) context.Context {
	const form = time.DateTime
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"from": w.start.UTC().Truncate(time.Minute).Format(form),
		"to":   time.Now().UTC().Add(2 * time.Minute).Truncate(time.Minute).Format(form),
	}))
}

func (w *watcher) since(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"from": w.start.UTC().Format("2006-01-02 15:04:05.000"),
	}))
}

// calls reads the ledger through the view calls.
func (w *watcher) calls(ctx context.Context) (book, error) {
	b := book{tenants: map[string]account{}, seconds: map[string]map[int64]ledger.Sum{}}
	rows, err := w.conn.Query(w.window(ctx), schema.SQL("demo/calls"))
	if err != nil {
		return b, fmt.Errorf("read calls: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tenant, text string
		var second, newest int64
		var all, answered, unpriced uint64
		if err := rows.Scan(&tenant, &second, &all, &answered, &unpriced, &text, &newest); err != nil {
			return b, fmt.Errorf("read calls: %w", err)
		}
		amount, err := ledger.ParseSum(text)
		if err != nil {
			return b, fmt.Errorf("read calls of %s: %w", tenant, err)
		}
		b.tenants[tenant] = b.tenants[tenant].add(account{int64(all), int64(answered), int64(unpriced), amount})
		if b.seconds[tenant] == nil {
			b.seconds[tenant] = map[int64]ledger.Sum{}
		}
		b.seconds[tenant][second] = amount
		if at := time.UnixMilli(newest); at.After(b.newest) {
			b.newest = at
		}
	}
	return b, rows.Err()
}

// spend reads the rollups through the view spend.
func (w *watcher) spend(ctx context.Context) (map[string]account, error) {
	rows, err := w.conn.Query(w.window(ctx), schema.SQL("demo/spend"))
	if err != nil {
		return nil, fmt.Errorf("read spend: %w", err)
	}
	defer rows.Close()
	tenants := map[string]account{}
	for rows.Next() {
		var tenant, text string
		var all, failed, unpriced uint64
		if err := rows.Scan(&tenant, &all, &failed, &unpriced, &text); err != nil {
			return nil, fmt.Errorf("read spend: %w", err)
		}
		amount, err := ledger.ParseSum(text)
		if err != nil {
			return nil, fmt.Errorf("read spend of %s: %w", tenant, err)
		}
		tenants[tenant] = account{int64(all), int64(all - failed), int64(unpriced), amount}
	}
	return tenants, rows.Err()
}

func (w *watcher) alerts(ctx context.Context) ([]alertEvent, error) {
	rows, err := w.conn.Query(w.since(ctx), schema.SQL("demo/alerts"))
	if err != nil {
		return nil, fmt.Errorf("read alert events: %w", err)
	}
	defer rows.Close()
	var events []alertEvent
	for rows.Next() {
		var e alertEvent
		if err := rows.Scan(&e.episode, &e.rule, &e.tenant, &e.state, &e.summary, &e.crossed, &e.at); err != nil {
			return nil, fmt.Errorf("read alert events: %w", err)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}
