package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/rollup"
)

// span of time in which calls can be booked.
func booked() (from, to time.Time) {
	day := time.Now().UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -40), day.AddDate(0, 0, 3)
}

func between() []any {
	from, to := booked()
	return []any{clickhouse.DateNamed("from", from, clickhouse.Seconds), clickhouse.DateNamed("to", to, clickhouse.Seconds)}
}

// check compares everything with the truth; it returns nil when all is well, else the first thing that isn't.
func (w *world) check(ctx context.Context, truth map[id]made) error {
	if err := w.checkIngest(ctx); err != nil {
		return err
	}
	if err := w.checkMarks(ctx, totals); err != nil {
		return err
	}
	calls, err := w.calls(ctx)
	if err != nil {
		return err
	}
	if err := compareCalls(calls, truth); err != nil {
		return err
	}
	for _, x := range windows {
		rolled, err := w.rollup(ctx, x.level)
		if err != nil {
			return err
		}
		if err := compareCells(x.level, rolled, recount(calls, x.start)); err != nil {
			return err
		}
	}
	if err := w.checkBoards(ctx, calls); err != nil {
		return err
	}
	return w.checkMarks(ctx, totals) // nothing was moving meanwhile
}

// checkBoards wants boards, which read by the windows that were published for them, to show every tenant's calls.
func (w *world) checkBoards(ctx context.Context, calls []stored) error {
	rows, err := w.conn.Query(ctx, dashboards.WriteOut("SELECT toString(tenant), sum(calls), toString(sum(cost)) FROM $spend(@from, @to) GROUP BY tenant"), between()...)
	if err != nil {
		return fmt.Errorf("read spend as boards do: %w", err)
	}
	defer rows.Close()
	shown := map[cell]amount{}
	for rows.Next() {
		var tenant, cost string
		var a amount
		if err := rows.Scan(&tenant, &a.calls, &cost); err != nil {
			return fmt.Errorf("read spend as boards do: %w", err)
		}
		if a.cost, err = ledger.ParseSum(cost); err != nil {
			return err
		}
		shown[cell{tenant: tenant}] = a
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read spend as boards do: %w", err)
	}
	want := map[cell]amount{}
	for i := range calls {
		a := want[cell{tenant: calls[i].tenant}]
		a.calls, a.cost = a.calls+1, a.cost.Add(calls[i].cost)
		want[cell{tenant: calls[i].tenant}] = a
	}
	return compareCells("tenant, as boards read it", shown, want)
}

// Levels of marks.
var (
	totals     = []string{"minute", "hour", "day"}
	everything = []string{"minute", "hour", "day", "hour_by", "day_by"}
)

// checkBy does what is still to do for spend by dimension and compares it. By design that work takes 2 % of a core, which
// is too long to wait for here; so it is done as by the command rollup --once, while the rollups run on.
func (w *world) checkBy(ctx context.Context) error {
	log := slog.New(slog.DiscardHandler)
	if err := app.RollupOnce(ctx, w.command, log, func(rollup.Level, rollup.Stats) {}); err != nil {
		return err
	}
	if err := w.checkMarks(ctx, everything); err != nil {
		return err
	}
	calls, err := w.calls(ctx)
	if err != nil {
		return err
	}
	for _, x := range windows[1:] {
		got, err := w.spendBy(ctx, x.level)
		if err != nil {
			return err
		}
		if err := compareCells(x.level+" by user", got, recountBy(calls, x.start)); err != nil {
			return err
		}
	}
	return nil
}

// checkIngest wants every record of the log proved stored, and none lost.
func (w *world) checkIngest(ctx context.Context) error {
	partitions, err := w.inspector.Status(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range partitions {
		if p.Behind != 0 || p.Lost != 0 || p.Alarm || p.Epochs != 0 {
			errs = append(errs, fmt.Errorf("ingest: partition %d: %d behind, %d lost, %d new logs, a start would %s", p.Partition, p.Behind, p.Lost, p.Epochs, p.Next))
		}
	}
	return errors.Join(errs...)
}

func (w *world) checkMarks(ctx context.Context, levels []string) error {
	rows, err := w.conn.Query(ctx, `SELECT toString(level) AS name, count(), toString(min(window)), toString(max(due)) FROM dirty_windows FINAL
		WHERE done = 0 AND name IN @levels GROUP BY name ORDER BY name`, clickhouse.Named("levels", levels))
	if err != nil {
		return err
	}
	defer rows.Close()
	var dirty, wrong []string
	for rows.Next() {
		var level, first, due string
		var n uint64
		if err := rows.Scan(&level, &n, &first, &due); err != nil {
			return err
		}
		wrong = append(wrong, level)
		dirty = append(dirty, fmt.Sprintf("%d marks of level %s (first window %s, last due %s)", n, level, first, due))
	}
	if len(dirty) > 0 { // the finest first: the others wait for it
		finest := slices.MinFunc(wrong, func(a, b string) int { return slices.Index(levels, a) - slices.Index(levels, b) })
		return fmt.Errorf("dirty %s: %s", finest, strings.Join(dirty, ", "))
	}
	return rows.Err()
}

func (w *world) calls(ctx context.Context) ([]stored, error) {
	rows, err := w.conn.Query(ctx, `SELECT toString(trace_id), toString(span_id), minute, tenant, provider, model, operation, service, environment, region,
		user, unpriced, error_class, toString(cost), fresh_input, cache_read, text_output FROM calls(from = @from, to = @to)`, between()...)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	defer rows.Close()
	var out []stored
	for rows.Next() {
		var c stored
		var trace, span, cost string
		if err := rows.Scan(&trace, &span, &c.minute, &c.tenant, &c.provider, &c.model, &c.operation, &c.service, &c.environment, &c.region,
			&c.user, &c.unpriced, &c.errorClass, &cost, &c.fresh, &c.cacheRead, &c.output); err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		copy(c.trace[:], trace)
		copy(c.span[:], span)
		c.minute = c.minute.UTC()
		if c.cost, err = ledger.ParseSum(cost); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// compareCalls wants every call of the truth once, at its cost.
func compareCalls(calls []stored, truth map[id]made) error {
	seen := make(map[id]int, len(calls))
	var wrong []string
	for i := range calls {
		c := &calls[i]
		t, ok := truth[c.id]
		seen[c.id]++
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%x/%x of %s was never sent", c.trace, c.span, c.tenant))
		case seen[c.id] > 1:
			wrong = append(wrong, fmt.Sprintf("%x/%x of %s counts %d times", c.trace, c.span, c.tenant, seen[c.id]))
		case c.cost.Cmp(ledger.SumOf(ledger.Money(t.cost))) != 0 || c.tenant != t.tenant || (c.unpriced != "") != t.unpriced ||
			c.fresh != uint64(t.input-t.cached) || c.cacheRead != uint64(t.cached) || c.output != uint64(t.output):
			wrong = append(wrong, fmt.Sprintf("%x/%x of %s (%s): %s USD, %d+%d in, %d out, unpriced %q; true: %s USD, %d in (%d cached), %d out", c.trace, c.span, c.tenant, t.model,
				c.cost, c.fresh, c.cacheRead, c.output, c.unpriced, ledger.SumOf(ledger.Money(t.cost)), t.input, t.cached, t.output))
		}
	}
	for k, t := range truth {
		if seen[k] == 0 {
			wrong = append(wrong, fmt.Sprintf("%x/%x of %s, begun %s (kind %d), is lost", k.trace, k.span, t.tenant, t.start.UTC().Format(time.RFC3339Nano), t.when))
		}
	}
	return complaint("calls", wrong)
}

func compareCells(level string, got, want map[cell]amount) error {
	var wrong []string
	for k, a := range want {
		if got[k] != a {
			wrong = append(wrong, fmt.Sprintf("%s %s: %s; recomputed: %s", k.window.Format(time.RFC3339), k.tenant+"/"+k.model, got[k], a))
		}
	}
	for k, a := range got {
		if _, ok := want[k]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s %s: %s; recomputed: nothing", k.window.Format(time.RFC3339), k.tenant+"/"+k.model, a))
		}
	}
	return complaint("rollup by "+level, wrong)
}

// complaint is an error that tells the first few.
func complaint(what string, wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d wrong: %s", what, len(wrong), strings.Join(wrong[:min(3, len(wrong))], "; "))
}

func (w *world) rollup(ctx context.Context, level string) (map[cell]amount, error) {
	rows, err := w.conn.Query(ctx, `SELECT window, tenant, provider, model, operation, service, environment, region,
		calls, unpriced_calls, errors, fresh_input, cache_read, text_output, toString(cost) FROM spend_`+level+`(from = @from, to = @to)`, between()...)
	if err != nil {
		return nil, fmt.Errorf("read rollup by %s: %w", level, err)
	}
	defer rows.Close()
	out := map[cell]amount{}
	for rows.Next() {
		var k cell
		var a amount
		var cost string
		if err := rows.Scan(&k.window, &k.tenant, &k.provider, &k.model, &k.operation, &k.service, &k.environment, &k.region,
			&a.calls, &a.unpriced, &a.errors, &a.fresh, &a.cacheRead, &a.output, &cost); err != nil {
			return nil, fmt.Errorf("read rollup by %s: %w", level, err)
		}
		k.window = k.window.UTC()
		if a.cost, err = ledger.ParseSum(cost); err != nil {
			return nil, err
		}
		if _, twice := out[k]; twice {
			return nil, fmt.Errorf("rollup by %s has %s of %s/%s twice", level, k.window.Format(time.RFC3339), k.tenant, k.model)
		}
		out[k] = a
	}
	return out, rows.Err()
}

// spendBy is spend by user as the rollups say it. Only calls, cost and what is unpriced are compared.
func (w *world) spendBy(ctx context.Context, level string) (map[cell]amount, error) {
	rows, err := w.conn.Query(ctx, `SELECT window, tenant, value, calls, unpriced_calls, errors, toString(cost)
		FROM spend_`+level+`_by(from = @from, to = @to) WHERE dimension = 'user'`, between()...)
	if err != nil {
		return nil, fmt.Errorf("read spend by %s and user: %w", level, err)
	}
	defer rows.Close()
	out := map[cell]amount{}
	for rows.Next() {
		var k cell
		var a amount
		var cost string
		if err := rows.Scan(&k.window, &k.tenant, &k.model, &a.calls, &a.unpriced, &a.errors, &cost); err != nil {
			return nil, fmt.Errorf("read spend by %s and user: %w", level, err)
		}
		k.window = k.window.UTC()
		if a.cost, err = ledger.ParseSum(cost); err != nil {
			return nil, err
		}
		out[k] = a
	}
	return out, rows.Err()
}
