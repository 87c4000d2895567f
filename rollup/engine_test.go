package rollup

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// database is an empty ledger of its own.
func database(t *testing.T) driver.Conn {
	t.Helper()
	conn, err := schema.Open(schematest.Database(t, clickhousetest.Start(t), schematest.KeptForEver))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func newRollup(t *testing.T, conn driver.Conn, change ...func(*Config)) *Rollup {
	t.Helper()
	cfg := DefaultConfig()
	cfg.SealedAfter = 0
	for _, f := range change {
		f(&cfg)
	}
	level := slog.LevelError
	if testing.Verbose() {
		level = slog.LevelInfo
	}
	r, err := New(cfg, Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))})
	require.NoError(t, err)
	return r
}

// store inserts reports with their versions, then a mark per minute, as ingest does.
func store(ctx context.Context, t *testing.T, conn driver.Conn, calls []ledger.Call, versions []uint64) {
	t.Helper()
	batch, err := conn.PrepareBatch(ctx, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received,
		duration_ns, first_token_ns, team, key, user, agent, feature, prompt, prompt_version, model, error_class, flags, unpriced, list_delta, cache_saved, units,
		fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input, text_output, reasoning, audio_output,
		cost_input, cost_cache_read, cost_cache_write, cost_output, cost_reasoning, cost_other)`)
	require.NoError(t, err)
	minutes := map[int64]bool{}
	for i := range calls {
		c := &calls[i]
		units := map[string]uint64{}
		for u, n := range c.Usage.Units {
			if n > 0 {
				units[ledger.Unit(u).String()] = uint64(n)
			}
		}
		row := []any{
			time.Unix(c.Minute, 0), c.Tenant, string(c.TraceID[:]), string(c.SpanID[:]), versions[i], time.Unix(0, c.Start), time.Unix(0, c.Received),
			uint64(c.Duration), uint64(c.FirstToken), c.Team, c.Key, c.User, c.Agent, c.Feature, c.Prompt, c.PromptVersion, c.Model, c.ErrorClass, uint32(c.Flags), c.Unpriced, c.ListDelta.String(), c.CacheSaved.String(), units,
		}
		for _, n := range c.Usage.Tokens {
			row = append(row, uint64(n))
		}
		for _, m := range c.Cost {
			row = append(row, m.String())
		}
		require.NoError(t, batch.Append(row...))
		minutes[c.Minute] = true
	}
	require.NoError(t, batch.Send())
	for m := range minutes {
		mark(ctx, t, conn, Minute, time.Unix(m, 0))
	}
}

func mark(ctx context.Context, t *testing.T, conn driver.Conn, level Level, at time.Time) {
	t.Helper()
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO dirty_windows (level, window, id, due, done)")
	require.NoError(t, err)
	require.NoError(t, batch.Append(string(level), at, uuid.New(), time.Now().Add(-time.Millisecond), uint8(0)))
	require.NoError(t, batch.Send())
}

// totalsOf reads a view of cost rows over [from, to) by tenant and model.
func totalsOf(t *testing.T, conn driver.Conn, view string, from, to time.Time) map[string]*total {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT concat(tenant, '/', model), sum(calls), sum(errors), sum(rate_limited), sum(unpriced_calls), sum(flagged_calls), sum(estimated_calls),
		sum(reserved_calls), sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input),
		sum(text_output + reasoning + audio_output), sum(reserved_tokens), toString(sum(cost)), toString(sum(list_cost)), toString(sum(cache_saved)),
		toString(sum(cost_input) + sum(cost_cache_read) + sum(cost_cache_write) + sum(cost_output) + sum(cost_reasoning) + sum(cost_other)),
		sumMap(errors_by_class), sumMap(units), sumMap(latency), sumMap(first_token)
		FROM `+view+`(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) GROUP BY tenant, model`, named("from", from), named("to", to))
	require.NoError(t, err)
	defer rows.Close()
	out := map[string]*total{}
	for rows.Next() {
		var k, cost, list, saved, parts string
		row := newTotal()
		require.NoError(t, rows.Scan(&k, &row.Calls, &row.Errors, &row.RateLimited, &row.Unpriced, &row.Flagged, &row.Estimated, &row.Reserved, &row.Input, &row.Output,
			&row.ReservedTokens, &cost, &list, &saved, &parts, &row.Classes, &row.Units, &row.Latency, &row.FirstToken))
		require.Equal(t, cost, parts, "the cost is the sum of its parts")
		row.Cost, row.List, row.Saved = parse(t, cost), parse(t, list), parse(t, saved)
		out[k] = row
	}
	require.NoError(t, rows.Err())
	return out
}

func parse(t *testing.T, s string) ledger.Sum {
	t.Helper()
	sum, err := ledger.ParseSum(s)
	require.NoError(t, err)
	return sum
}

func count(t *testing.T, conn driver.Conn, query string, args ...any) uint64 {
	t.Helper()
	var n uint64
	require.NoError(t, conn.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

func pendingMarks(t *testing.T, conn driver.Conn) uint64 {
	return count(t, conn, "SELECT count() FROM dirty_windows FINAL WHERE done = 0")
}

func leaks(t *testing.T) {
	t.Helper()
	now := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, now) })
}
