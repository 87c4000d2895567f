package rerate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

var (
	january    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	errStopped = errors.New("stopped by the test")
)

// world is a ledger, its rollup, and what a person with a pencil knows of the calls.
type world struct {
	t      *testing.T
	conn   driver.Conn
	rollup *rollup.Rollup
	calls  []ledger.Call // that count
	rng    *rand.Rand
}

func newWorld(t *testing.T) *world {
	t.Helper()
	conn, err := schema.Open(schematest.Database(t, clickhousetest.Start(t), schematest.KeptForEver))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	cfg := rollup.DefaultConfig()
	cfg.SealedAfter = 0
	r, err := rollup.New(cfg, rollup.Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	return &world{t: t, conn: conn, rollup: r, rng: rand.New(rand.NewPCG(1, 2))}
}

// USD per million tokens, input and output.
type prices map[string][2]int64

var (
	old = prices{"big": {5, 20}, "small": {1, 3}}
	cut = prices{"big": {4, 16}, "small": {1, 3}}
)

func (p prices) book(t *testing.T) *pricing.Book {
	t.Helper()
	text := "provider: maker\nsource: {via: test, checked: 2026-01-01}\nmodels:\n"
	for _, model := range []string{"big", "small"} {
		text += fmt.Sprintf("  - model: %s\n    prices:\n      - usd_per_million: {input: %d, output: %d}\n", model, p[model][0], p[model][1])
	}
	b, err := pricing.Parse([]byte(text))
	require.NoError(t, err)
	return b
}

// of is what a call costs by the prices: tokens × USD per million, in 10⁻¹² USD.
func (p prices) of(c *ledger.Call) ledger.Money {
	return ledger.Money((c.Usage.Tokens[ledger.FreshInput]*p[c.Model][0] + c.Usage.Tokens[ledger.TextOutput]*p[c.Model][1]) * 1_000_000)
}

func (p prices) total(calls []ledger.Call, which func(*ledger.Call) bool) (sum ledger.Sum) {
	for i := range calls {
		if which(&calls[i]) {
			sum = sum.AddMoney(p.of(&calls[i]))
		}
	}
	return sum
}

func all(*ledger.Call) bool { return true }

// call is a new one, as the collector makes it by the prices.
func (w *world) call(at time.Time, tenant, model string, p prices) ledger.Call {
	c := ledger.Call{Minute: at.Truncate(time.Minute).Unix(), Start: at.UnixNano(), Received: at.UnixNano(), Tenant: tenant, Provider: "maker", Model: model,
		RequestModel: model, Operation: "chat", Rule: "otel.genai"}
	for i := range c.TraceID {
		c.TraceID[i] = byte(w.rng.Uint32())
	}
	c.SpanID[0] = byte(1 + w.rng.IntN(255))
	in, out := w.rng.Int64N(100_000)+1, w.rng.Int64N(5000)+1
	c.Raw.Set(ledger.RawInput, in)
	c.Raw.Set(ledger.RawOutput, out)
	c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.TextOutput] = in, out
	p.book(w.t).Charge(&c, nil)
	require.Equal(w.t, p.of(&c), c.TotalCost())
	return c
}

// store writes reports and marks, as ingest does.
func (w *world) store(calls ...ledger.Call) {
	w.t.Helper()
	batch, err := w.conn.PrepareBatch(context.Background(), `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, provider, model,
		request_model, operation, rule, role, team, raw, fresh_input, text_output, cost_input, cost_output, price_version, price_entry, unpriced, flags)`)
	require.NoError(w.t, err)
	minutes := map[int64]bool{}
	for i := range calls {
		c := &calls[i]
		raw := map[string]int64{}
		c.Raw.Each(func(f ledger.RawField, n int64) { raw[f.String()] = n })
		require.NoError(w.t, batch.Append(time.Unix(c.Minute, 0), c.Tenant, string(c.TraceID[:]), string(c.SpanID[:]), c.Version(0, uint64(c.Usage.Tokens[0])),
			time.Unix(0, c.Start), time.Unix(0, c.Received), c.Provider, c.Model, c.RequestModel, c.Operation, c.Rule, int8(c.Role), "blue", raw,
			uint64(c.Usage.Tokens[ledger.FreshInput]), uint64(c.Usage.Tokens[ledger.TextOutput]), c.Cost[ledger.CostInput].String(),
			c.Cost[ledger.CostOutput].String(), c.PriceVersion, c.PriceEntry, c.Unpriced, uint32(c.Flags)))
		minutes[c.Minute] = true
	}
	require.NoError(w.t, batch.Send())
	for m := range minutes {
		require.NoError(w.t, w.conn.Exec(context.Background(), `INSERT INTO dirty_windows (level, window, id, due, done)
			SELECT 'minute', {minute:DateTime('UTC')}, generateUUIDv4(), now64(3), 0`, named("minute", time.Unix(m, 0).UTC())))
	}
}

// fill stores calls of two tenants and models in three hours, one that gave way, and an aggregate.
func (w *world) fill() {
	for _, at := range []time.Duration{0, time.Minute, 59 * time.Minute, 90 * time.Minute, 26 * time.Hour} {
		for _, tenant := range []string{"acme", "umbrella"} {
			for _, model := range []string{"big", "small"} {
				w.calls = append(w.calls, w.call(january.Add(at), tenant, model, old))
			}
		}
	}
	loser, aggregate := w.call(january.Add(time.Minute), "acme", "big", old), w.call(january.Add(time.Minute), "acme", "big", old)
	aggregate.Role = ledger.RoleAggregate
	w.store(append([]ledger.Call{loser, aggregate}, w.calls...)...)
	winner := &w.calls[4]
	require.NoError(w.t, w.conn.Exec(w.t.Context(), `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, winner_minute, winner_tenant, winner_trace_id, winner_span_id, reason)
		SELECT {m:DateTime('UTC')}, 'acme', {t:String}, {s:String}, 1, 1, {m:DateTime('UTC')}, 'acme', {wt:String}, {ws:String}, 'copy'`,
		named("m", time.Unix(loser.Minute, 0).UTC()), named("t", string(loser.TraceID[:])), named("s", string(loser.SpanID[:])),
		named("wt", string(winner.TraceID[:])), named("ws", string(winner.SpanID[:]))))
}

func (w *world) rerate(p prices) *Rerate {
	rules, err := genai.BuiltinRules()
	require.NoError(w.t, err)
	r := New(Deps{ClickHouse: w.conn, Book: p.book(w.t), Rules: rules})
	r.chunk = 2
	return r
}

func (w *world) rollUp() {
	w.t.Helper()
	for _, l := range []rollup.Level{rollup.Minute, rollup.Hour, rollup.Day} {
		_, err := w.rollup.RunOnce(context.Background(), l)
		require.NoError(w.t, err)
	}
	_, err := w.rollup.RunJob(context.Background(), "adjust")
	require.NoError(w.t, err)
}

func (w *world) sum(query string, args ...any) string {
	w.t.Helper()
	var s string
	require.NoError(w.t, w.conn.QueryRow(w.t.Context(), query, args...).Scan(&s))
	sum, err := ledger.ParseSum(s)
	require.NoError(w.t, err)
	return sum.String()
}

const span = "(from = '2025-12-01 00:00:00', to = '2026-12-01 00:00:00')"

// settled checks that calls, every total and the trail say the same.
func (w *world) settled(before, after ledger.Sum, calls int) {
	w.t.Helper()
	w.rollUp()
	require.Equal(w.t, after.String(), w.sum("SELECT toString(sum(cost)) FROM calls"+span))
	require.Equal(w.t, fmt.Sprint(calls), w.one("SELECT toString(count()) FROM calls"+span))
	for _, view := range []string{"spend", "spend_minute", "spend_hour", "spend_day"} {
		require.Equal(w.t, after.String(), w.sum("SELECT toString(sum(cost)) FROM "+view+span), view)
	}
	require.Equal(w.t, after.Sub(before).String(), w.sum("SELECT toString(sum(after - before)) FROM rerated"+span+" WHERE run = (SELECT argMax(id, number) FROM rerates)"))
}

func (w *world) one(query string) (s string) {
	w.t.Helper()
	require.NoError(w.t, w.conn.QueryRow(w.t.Context(), query).Scan(&s))
	return s
}

func request() Request {
	return Request{Scope: Scope{From: january, To: january.AddDate(0, 1, 0)}, Author: "ada", Reason: "the price was wrong"}
}

func (w *world) settledBefore(p prices) {
	w.t.Helper()
	require.Equal(w.t, p.total(w.calls, all).String(), w.sum("SELECT toString(sum(cost)) FROM calls"+span))
	require.Equal(w.t, "0", w.one("SELECT toString(count()) FROM rerate_runs"))
}
