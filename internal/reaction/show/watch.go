package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/schema"
)

// lookEvery is how often the ledger is asked for new spikes: the resolution of that stage.
const lookEvery = 100 * time.Millisecond

// watch reads what the product wrote down.
type watch struct {
	conn    driver.Conn
	running sync.WaitGroup
	mu      sync.Mutex
	seen    map[string]time.Time // tenant → when its call was first seen in the ledger
	err     error
}

func newWatch(url string) (*watch, error) {
	conn, err := schema.Open(url)
	if err != nil {
		return nil, err
	}
	return &watch{conn: conn, seen: map[string]time.Time{}}, nil
}

func (w *watch) close() { _ = w.conn.Close() }
func (w *watch) wait()  { w.running.Wait() }

// run looks for spikes in the ledger until ctx ends.
func (w *watch) run(ctx context.Context) {
	w.running.Go(func() {
		for sleep(ctx, lookEvery) == nil {
			w.look(ctx)
		}
	})
}

func (w *watch) look(ctx context.Context) {
	from := time.Now().UTC().Add(-3 * time.Minute).Truncate(time.Minute).Format(time.DateTime)
	var tenants []string
	err := w.each(ctx, "SELECT DISTINCT toString(tenant) FROM call_reports WHERE minute >= '"+from+"' AND startsWith(tenant, 'spike-')", func(rows driver.Rows) error {
		var t string
		err := rows.Scan(&t)
		tenants = append(tenants, t)
		return err
	})
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		w.err = err
	}
	for _, t := range tenants {
		if w.seen[t].IsZero() {
			w.seen[t] = now
		}
	}
}

func (w *watch) each(ctx context.Context, sql string, scan func(driver.Rows) error) error {
	rows, err := w.conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// acknowledged counts the tenants whose throttle the gateway has taken.
func (w *watch) acknowledged(ctx context.Context) (n int, err error) {
	err = w.each(ctx, "SELECT toInt64(uniqExact(tenant)) FROM throttle_events WHERE step = 'acknowledged'", func(rows driver.Rows) error {
		var count int64
		err := rows.Scan(&count)
		n = int(count)
		return err
	})
	return n, err
}

// reaction is one spike's way.
type reaction struct{ received, fired, ordered, taken time.Time }

const ways = `
SELECT toString(e.tenant), min(e.crossed), min(e.at), min(o.at), min(a.at)
FROM (SELECT tenant, crossed, at FROM alert_events FINAL WHERE kind = 'budget' AND state = 'firing') AS e
INNER JOIN (SELECT tenant, at FROM throttle_events WHERE step = 'ordered' AND sequence = 1) AS o ON o.tenant = e.tenant
INNER JOIN (SELECT tenant, at FROM throttle_events WHERE step = 'acknowledged' AND sequence = 1) AS a ON a.tenant = e.tenant
GROUP BY e.tenant`

// judge breaks every spike's way down into stages.
func (w *watch) judge(ctx context.Context, l *load, spikes, rate int) ([]goals.Row, error) {
	found := map[string]reaction{}
	err := w.each(ctx, ways, func(rows driver.Rows) error {
		var tenant string
		var r reaction
		err := rows.Scan(&tenant, &r.received, &r.fired, &r.ordered, &r.taken)
		found[tenant] = r
		return err
	})
	if err != nil {
		return nil, err
	}
	if w.err != nil {
		return nil, fmt.Errorf("look for spikes in the ledger: %w", w.err)
	}
	stages := []struct {
		name string
		of   func(tenant string, r reaction) time.Duration
	}{
		{"call sent → acknowledged to the client", func(t string, _ reaction) time.Duration { return l.spikes[t].acked.Sub(l.spikes[t].at) }},
		{"collector's receipt → in the ledger", func(t string, r reaction) time.Duration { return w.seen[t].Sub(r.received) }},
		{"in the ledger → rule fires", func(t string, r reaction) time.Duration { return r.fired.Sub(w.seen[t]) }},
		{"rule fires → command sent", func(_ string, r reaction) time.Duration { return r.ordered.Sub(r.fired) }},
		{"command sent → gateway's 2xx", func(_ string, r reaction) time.Duration { return r.taken.Sub(r.ordered) }},
	}
	var rows []goals.Row
	rows = append(rows, goals.Told("machine", machine()), goals.AtLeast("spikes throttled", "%.0f", float64(len(found)), float64(spikes)))
	rows = append(rows, goals.AtLeast("calls acknowledged a second", "%.0f", l.rate(), goalRate*float64(rate)),
		goals.Told("calls refused or timed out", fmt.Sprint(l.failed.Load())))
	for _, s := range stages {
		var all []float64
		for t, r := range found {
			all = append(all, s.of(t, r).Seconds())
		}
		rows = append(rows, goals.Told(s.name+", s", fmt.Sprintf("p50 %.2f  p95 %.2f  p99 %.2f  max %.2f", quantile(all, .5), quantile(all, .95), quantile(all, .99), quantile(all, 1))))
	}
	var total []float64
	for _, r := range found {
		total = append(total, r.taken.Sub(r.received).Seconds())
	}
	return append(rows,
		goals.Told("reaction p50, s", fmt.Sprintf("%.2f", quantile(total, .5))),
		goals.Told("reaction p95, s", fmt.Sprintf("%.2f", quantile(total, .95))),
		goals.AtMost("reaction p99, s", "%.2f", quantile(total, .99), goalP99),
		goals.Told("reaction max, s", fmt.Sprintf("%.2f", quantile(total, 1)))), nil
}
