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
		require.NoError(w.t, w.conn.Exec(context.Background(), schema.SQL("rollup/mark"), named("levels", []string{"minute"}), named("windows", []time.Time{time.Unix(m, 0).UTC()})))
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

func TestADryRunSaysWhatARunThenDoes(t *testing.T) {
	w := newWorld(t)
	w.fill()
	w.rollUp()
	r := w.rerate(cut)
	var seen []Progress
	r.progress = func(p Progress) { seen = append(seen, p) }
	dry, err := r.Dry(t.Context(), request().Scope)
	require.NoError(t, err)
	require.Len(t, seen, 3)
	require.EqualValues(t, len(w.calls), dry.Calls)
	w.settledBefore(old)
	did, err := r.Start(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, dry.Changes, did.Changes)
	require.Len(t, did.Changes, 2, "two tenants' calls of the model whose price was cut")
	for _, c := range did.Changes {
		big := func(l *ledger.Call) bool { return l.Tenant == c.Tenant && l.Model == "big" }
		require.Equal(t, old.total(w.calls, big), c.Before)
		require.Equal(t, cut.total(w.calls, big), c.After)
		require.EqualValues(t, 5, c.Changed)
	}
	require.Equal(t, []string{old.book(t).Version()}, did.Run.Before)
	require.Equal(t, cut.book(t).Version(), did.Run.Book)
	require.Equal(t, []any{Finished, "ada", "the price was wrong", uint64(3)}, []any{did.Run.State, did.Run.Author, did.Run.Reason, did.Run.Hours})
	w.settled(old.total(w.calls, all), cut.total(w.calls, all), len(w.calls))
	require.Equal(t, "22", w.one("SELECT toString(countIf(team = 'blue')) FROM call_reports FINAL"), "what isn't about the price stays; who gave way is rated too")
	require.Equal(t, "12", w.one("SELECT toString(countIf(price_version = '"+cut.book(t).Version()+"')) FROM call_reports FINAL"))
	again, err := r.Start(t.Context(), request())
	require.NoError(t, err)
	require.Empty(t, again.Changes, "by the same book nothing changes")
	require.Equal(t, "0", w.one("SELECT toString(count()) FROM rerate_reports"))
}

func (w *world) settledBefore(p prices) {
	w.t.Helper()
	require.Equal(w.t, p.total(w.calls, all).String(), w.sum("SELECT toString(sum(cost)) FROM calls"+span))
	require.Equal(w.t, "0", w.one("SELECT toString(count()) FROM rerate_runs"))
}

func TestATenantAndAModelAlone(t *testing.T) {
	w := newWorld(t)
	w.fill()
	q := request()
	tenant := "acme"
	q.Tenant, q.Model, q.To = &tenant, "big", january.Add(time.Hour)
	which := func(c *ledger.Call) bool { return c.Tenant == "acme" && c.Model == "big" && c.Minute < q.To.Unix() }
	_, err := w.rerate(cut).Start(t.Context(), q)
	require.NoError(t, err)
	w.settled(old.total(w.calls, all), old.total(w.calls, all).Add(cut.total(w.calls, which)).Sub(old.total(w.calls, which)), len(w.calls))
}

// steps are all steps of a run with three hours, in order.
func steps(t *testing.T) (out []string) {
	w := newWorld(t)
	w.fill()
	r := w.rerate(cut)
	r.interrupt = func(step string, hour time.Time) error {
		out = append(out, fmt.Sprint(step, " ", hour.Format("02T15")))
		return nil
	}
	_, err := r.Start(t.Context(), request())
	require.NoError(t, err)
	return out
}

// TestAStopAnywhere stops a run after a step, lets the rollup work, and resumes it. Prices go down and up in turn. After every step:
// TestAStopAfterEveryStep, of testall.
func TestAStopAnywhere(t *testing.T) { stopAnywhere(t, 4) }

func stopAnywhere(t *testing.T, nth int) {
	every := steps(t)
	w := newWorld(t)
	w.fill()
	w.rollUp()
	from, to := old, cut
	for i, step := range every {
		if i%nth != 1%nth {
			continue
		}
		r, n := w.rerate(to), 0
		r.interrupt = func(string, time.Time) error {
			if n++; n == i+1 {
				return errStopped
			}
			return nil
		}
		_, err := r.Start(t.Context(), request())
		require.ErrorIs(t, err, errStopped, step)
		w.rollUp()
		if finished := i >= len(every)-2; !finished {
			_, err = w.rerate(to).Start(t.Context(), request())
			require.ErrorIs(t, err, ErrUnfinished, "another run isn't started meanwhile")
			_, err = w.rerate(from).Resume(t.Context())
			require.ErrorIs(t, err, ErrBook, step)
			_, err = w.rerate(to).Resume(t.Context())
			require.NoError(t, err, step)
		}
		_, err = w.rerate(to).Resume(t.Context())
		require.ErrorIs(t, err, ErrNothing)
		w.settled(from.total(w.calls, all), to.total(w.calls, all), len(w.calls))
		from, to = to, from
	}
}

// TestTwoProcessesAtOneRun wakes a second one up between two steps of the first; any two: TestTwoProcessesAtEveryStep.
func TestTwoProcessesAtOneRun(t *testing.T) { twoProcesses(t, 4) }

func twoProcesses(t *testing.T, nth int) {
	every := steps(t)
	w := newWorld(t)
	w.fill()
	w.rollUp()
	from, to := old, cut
	for i, step := range every {
		if i%nth != 1%nth {
			continue
		}
		r, n := w.rerate(to), 0
		r.interrupt = func(string, time.Time) error {
			if n++; n == i+1 {
				if _, err := w.rerate(to).Resume(context.Background()); !errors.Is(err, ErrNothing) {
					require.NoError(t, err, step)
				}
				w.rollUp()
			}
			return nil
		}
		_, err := r.Start(t.Context(), request())
		require.NoError(t, err, step)
		w.settled(from.total(w.calls, all), to.total(w.calls, all), len(w.calls))
		from, to = to, from
	}
}

// TestCallsArriveMeanwhile: copies that Kafka delivers again, fuller copies and new calls come between any two steps. Every call
// is there once, totals are the calls' sum, and a second run finds what came behind the first one's back.
func TestCallsArriveMeanwhile(t *testing.T) { callsArrive(t, 0, 2) }

func callsArrive(t *testing.T, first, end uint64) {
	for seed := first; seed < end; seed++ {
		w := newWorld(t)
		w.rng = rand.New(rand.NewPCG(seed, 9))
		w.fill()
		empty := w.call(january.Add(time.Minute), "acme", "big", old) // a report that a fuller copy replaces
		fuller := empty
		empty.Usage, empty.Unpriced, empty.Cost = ledger.Usage{}, ledger.UnpricedUsage, [ledger.NumCostParts]ledger.Money{}
		w.store(empty)
		w.calls = append(w.calls, fuller)
		w.rollUp()
		r := w.rerate(cut)
		told := false
		r.interrupt = func(string, time.Time) error {
			switch n := w.rng.IntN(6); {
			case n < 2:
				w.store(w.calls[w.rng.IntN(20)])
			case n == 2 && !told:
				told = true
				w.store(fuller)
			case n == 3:
				c := w.call(january.Add(time.Duration(w.rng.IntN(120))*time.Minute), "acme", "big", old)
				w.calls = append(w.calls, c)
				w.store(c)
			case n == 4:
				w.rollUp()
			}
			return nil
		}
		_, err := r.Start(t.Context(), request())
		require.NoError(t, err)
		if !told {
			w.store(fuller)
		}
		w.rollUp()
		require.Equal(t, w.sum("SELECT toString(sum(cost)) FROM calls"+span), w.sum("SELECT toString(sum(cost)) FROM spend"+span))
		require.Equal(t, fmt.Sprint(len(w.calls)), w.one("SELECT toString(count()) FROM calls"+span))
		r.interrupt = nil
		_, err = r.Start(t.Context(), request())
		require.NoError(t, err)
		w.rollUp()
		require.Equal(t, cut.total(w.calls, all).String(), w.sum("SELECT toString(sum(cost)) FROM spend"+span))
		require.Equal(t, fmt.Sprint(len(w.calls)), w.one("SELECT toString(count()) FROM calls"+span))
	}
}

func TestAbandoning(t *testing.T) {
	w := newWorld(t)
	w.fill()
	r := w.rerate(cut)
	r.interrupt = func(step string, hour time.Time) error {
		if step == "prepared" && hour.Equal(january.Add(time.Hour)) {
			return errStopped
		}
		return nil
	}
	_, err := r.Start(t.Context(), request())
	require.ErrorIs(t, err, errStopped)
	_, err = w.rollup.Close(t.Context(), rollup.Closing{Month: january, Author: "ben", Reason: "month end"})
	require.ErrorContains(t, err, "re-rate 1 is at it")
	run, err := w.rerate(old).Abandon(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{Abandoned, uint64(2)}, []any{run.State, run.Hours})
	early := func(c *ledger.Call) bool { return c.Minute < january.Add(2*time.Hour).Unix() }
	w.settled(old.total(w.calls, all), cut.total(w.calls, early).Add(old.total(w.calls, func(c *ledger.Call) bool { return !early(c) })), len(w.calls))
	_, err = w.rerate(old).Abandon(t.Context())
	require.ErrorIs(t, err, ErrNothing)
}

func TestWhatCannotBeAsked(t *testing.T) {
	r := New(Deps{SealedBefore: january})
	_, err := r.Start(t.Context(), Request{Scope: Scope{From: january.Add(-time.Minute), To: january.Add(-time.Hour)}})
	for _, want := range []string{"whole hour", "not before", "about to expire", "--author", "--reason"} {
		require.ErrorContains(t, err, want)
	}
}

// TestAPriceCutDoesNotChangeAClosedMonth is ccusage's issue 1636: prices were cut, and what months of the past had cost changed
// with every reload of the price list. Here a closed month stays as it was charged, and what a re-rate finds is booked in the open
// one, under its author and reason.
func TestAPriceCutDoesNotChangeAClosedMonth(t *testing.T) {
	w := newWorld(t)
	w.fill()
	february := w.call(january.AddDate(0, 1, 3), "acme", "big", old)
	w.calls = append(w.calls, february)
	w.store(february)
	w.rollUp()
	p, err := w.rollup.Close(t.Context(), rollup.Closing{Month: january, Author: "ben", Reason: "month end", Force: true})
	require.NoError(t, err)
	before := func(c *ledger.Call) bool { return c.Minute < january.AddDate(0, 1, 0).Unix() }
	after := func(c *ledger.Call) bool { return !before(c) }
	charged := old.total(w.calls, before)
	closed := func() {
		t.Helper()
		w.rollUp()
		w.rollUp() // adjustments of an open hour ask for its minutes
		require.Equal(t, charged.String(), w.sum("SELECT toString(sum(cost)) FROM spend(from = '2026-01-01 00:00:00', to = '2026-02-01 00:00:00')"))
		now, err := w.rollup.Period(t.Context(), january)
		require.NoError(t, err)
		require.Equal(t, p, now)
	}
	q := request()
	q.To = january.AddDate(0, 2, 0)
	did, err := w.rerate(cut).Start(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, false}, []bool{did.Changes[0].Closed, did.Changes[1].Closed, did.Changes[2].Closed})
	closed()
	rerated := cut.total(w.calls, before).Sub(charged)
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE kind = 'rerate' AND author = 'ada' AND reason = 'the price was wrong' AND booked = '2026-02-01' AND toStartOfMonth(original) = '2026-01-01'"))
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now"))
	require.Equal(t, cut.total(w.calls, after).String(), w.sum("SELECT toString(sum(cost)) FROM spend(from = '2026-02-01 00:00:00', to = '2026-03-01 00:00:00')"))
	require.Equal(t, []string{rerated.String(), cut.total(w.calls, after).Sub(old.total(w.calls, after)).String()}, []string{
		w.sum("SELECT toString(sumIf(after - before, NOT included)) FROM rerated" + span), w.sum("SELECT toString(sumIf(after - before, included)) FROM rerated" + span)})

	late := w.call(january.Add(time.Minute), "acme", "big", cut) // and a late call beside it
	w.store(late)
	closed()
	require.Equal(t, ledger.SumOf(late.TotalCost()).String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE kind = 'late_call'"))
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE kind = 'rerate'"))

	// The old prices were right after all: February is closed, so March takes it back.
	_, err = w.rollup.Close(t.Context(), rollup.Closing{Month: january.AddDate(0, 1, 0), Author: "ben", Reason: "month end", Force: true})
	require.NoError(t, err)
	q.Author, q.Reason, q.To = "cyd", "the cut is from June on", january.AddDate(0, 1, 0)
	_, err = w.rerate(old).Start(t.Context(), q)
	require.NoError(t, err)
	closed()
	back := rerated.Neg().AddMoney(old.of(&late)).Sub(ledger.SumOf(late.TotalCost()))
	require.Equal(t, back.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE booked = '2026-03-01' AND kind = 'rerate' AND author = 'cyd'"))
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE booked = '2026-02-01' AND kind = 'rerate'"), "February is closed with it")

	// Reopened, January's own totals hold what its calls cost now, and closed again they still do.
	_, err = w.rollup.Reopen(t.Context(), january, "ben", "to see")
	require.NoError(t, err)
	w.rollUp()
	w.rollUp()
	now := charged.AddMoney(old.of(&late))
	january_ := "(from = '2026-01-01 00:00:00', to = '2026-02-01 00:00:00')"
	require.Equal(t, now.String(), w.sum("SELECT toString(sum(cost)) FROM spend"+january_))
	require.Equal(t, ledger.Sum{}.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now"))
	_, err = w.rollup.Close(t.Context(), rollup.Closing{Month: january, Author: "ben", Reason: "month end", Force: true})
	require.NoError(t, err)
	w.rollUp()
	require.Equal(t, now.String(), w.sum("SELECT toString(sum(cost)) FROM spend"+january_))
	require.Equal(t, ledger.Sum{}.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now"))
}
