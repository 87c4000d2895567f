package reconcile_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/dashboards/report/reconcile"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// books is a ledger with a few calls of October: on the 3rd as billed, on the 10th one that runs over midnight, at the month's
// end one too.
func books(t *testing.T) (driver.Conn, *rollup.Rollup) {
	t.Helper()
	server := clickhousetest.Start(t)
	db := server.Database(t)
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{} // the days are fixed and pass
	_, err := schema.Apply(t.Context(), db, opts)
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO call_reports (minute, start, duration_ns, tenant, trace_id, span_id, version, provider, model, fresh_input, text_output, cost_input, cost_output) VALUES
			('2026-10-03 10:00:00', '2026-10-03 10:00:00', 1000000000, 'acme', 'trace-0000000001', 'span-001', 1, 'openai', 'gpt-4o-mini-2024-07-18', 1000000, 500000, 0.15, 0.3),
			('2026-10-10 23:59:00', '2026-10-10 23:59:50', 30000000000, 'acme', 'trace-0000000002', 'span-002', 1, 'openai', 'gpt-4o-mini', 200000, 0, 0.03, 0),
			('2026-10-11 09:00:00', '2026-10-11 09:00:00', 1000000000, 'globex', 'trace-0000000003', 'span-003', 1, 'openai', 'gpt-4o-mini', 200000, 0, 0.03, 0),
			('2026-10-31 23:59:00', '2026-10-31 23:59:58', 4000000000, 'acme', 'trace-0000000004', 'span-004', 1, 'openai', 'gpt-4o-mini', 100000, 0, 0.015, 0),
			('2026-10-05 09:00:00', '2026-10-05 09:00:00', 1000000000, 'acme', 'trace-0000000005', 'span-005', 1, 'anthropic', 'claude-haiku-4-5', 100000, 0, 0.1, 0)`,
		`INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`,
	} {
		server.Exec(t, db, statement)
	}
	conn, err := schema.Open(db)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	cfg := rollup.DefaultConfig()
	cfg.SealedAfter = 0
	r, err := rollup.New(cfg, rollup.Deps{ClickHouse: conn, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, level := range rollup.Levels() {
		_, err := r.RunOnce(t.Context(), level)
		require.NoError(t, err)
	}
	return conn, r
}

const bill = `start_time,end_time,amount_value,amount_currency,quantity,quantity_unit,line_item
1790985600,1791072000,0.15,usd,1000000,tokens,"gpt-4o-mini-2024-07-18, input"
1790985600,1791072000,0.30,usd,500000,tokens,"gpt-4o-mini-2024-07-18, output"
1791676800,1791763200,0.06,usd,400000,tokens,"gpt-4o-mini-2024-07-18, input"
1792281600,1792368000,0.25,usd,100000,tokens,"gpt-4o-2024-08-06, input"
1793404800,1793491200,-0.10,usd,,,"Free credit"
1793404800,1793491200,0.05,usd,,,"VAT"
`

func month(t *testing.T, text string) report.Period {
	t.Helper()
	m, err := report.Month(text)
	require.NoError(t, err)
	return m
}

type desk struct {
	t    *testing.T
	conn driver.Conn
	bill *reconcile.Statement
	book *pricing.Book
}

func (d desk) compare() (*reconcile.Result, *reconcile.Books) {
	d.t.Helper()
	b, err := reconcile.ReadBooks(d.t.Context(), d.conn, d.bill.Month, []string{"openai"}, d.book)
	require.NoError(d.t, err)
	return reconcile.Compare(d.bill, b, d.book, report.Amount{}), b
}

func (d desk) book1(by reconcile.Booking) (string, error) {
	d.t.Helper()
	r, b := d.compare()
	rows, run := r.Adjustments(d.bill.Month, b, by)
	return run, reconcile.Write(d.t.Context(), d.conn, rows)
}

// sum is what the ledger's reports say of OpenAI's October: its calls and whatever was booked about it.
func (d desk) sum() string {
	d.t.Helper()
	var text string
	require.NoError(d.t, d.conn.QueryRow(d.t.Context(), `SELECT toString(
		(SELECT sum(cost) FROM spend(from = toDateTime('2026-10-01 00:00:00', 'UTC'), to = toDateTime('2026-11-01 00:00:00', 'UTC')) WHERE provider = 'openai')
		+ (SELECT sum(cost) FROM adjustments_now WHERE toStartOfMonth(original) = '2026-10-01' AND provider = 'openai'))`).Scan(&text))
	return text
}

func TestABillIsHeldAgainstTheLedgerAndBooked(t *testing.T) {
	conn, r := books(t)
	path := filepath.Join(t.TempDir(), "cost.csv")
	require.NoError(t, os.WriteFile(path, []byte(bill), 0o600))
	october := month(t, "2026-10")
	statement, err := reconcile.Read("openai", october, path)
	require.NoError(t, err)
	book, err := pricing.Builtin()
	require.NoError(t, err)
	d := desk{t, conn, statement, book}

	first, _ := d.compare()
	found := map[string]string{}
	for _, p := range first.Parts {
		found[string(p.Kind)+" "+p.Model+p.Item] = p.Found.String()
	}
	require.Equal(t, map[string]string{"not_instrumented gpt-4o": "0.25", "timing gpt-4o-mini": "-0.015", "credit Free credit": "-0.10", "tax VAT": "0.05"}, found)
	require.Equal(t, reconcile.Explained, first.Verdict)
	require.Equal(t, "0.71", first.Invoice.String())
	require.Equal(t, "0.525", first.Ledger.String())

	by := reconcile.Booking{Author: "ann", Reason: "bill of October"}
	run, err := d.book1(by)
	require.NoError(t, err)
	require.Equal(t, "0.71", d.sum(), "the month is the bill")
	after, _ := d.compare()
	require.Equal(t, reconcile.EqualByBooking, after.Verdict)
	again, err := d.book1(by)
	require.NoError(t, err)
	require.NotEqual(t, run, again)
	require.Equal(t, "0.71", d.sum(), "booked once")
	unattributed := "unattributed"
	whole, err := report.Build(t.Context(), conn, report.Query{Period: october, Tenant: &unattributed})
	require.NoError(t, err)
	require.Len(t, whole.Adjustments, 4)
	for _, a := range whole.Adjustments {
		require.Equal(t, "ann", a.Author)
		require.Contains(t, a.Evidence, statement.Files[0].SHA256)
	}

	_, b := d.compare()
	back, err := reconcile.Undo(b, run, by)
	require.NoError(t, err)
	require.NoError(t, reconcile.Write(t.Context(), conn, back))
	require.Equal(t, "0.525", d.sum(), "taken back")

	closed := closeMonth(t, r, october)
	_, err = d.book1(by)
	require.ErrorIs(t, err, reconcile.ErrClosed)
	require.ErrorContains(t, err, "--into 2026-11")
	require.Equal(t, "0.525", d.sum())
	_, err = d.book1(reconcile.Booking{Author: "ann", Reason: "bill of October", Into: month(t, "2026-11").From})
	require.NoError(t, err)
	require.Equal(t, "0.71", d.sum(), "what October cost, with its corrections")
	final, err := report.Build(t.Context(), conn, report.Query{Period: october})
	require.NoError(t, err)
	require.Equal(t, report.Final, final.State)
	require.Equal(t, "0.625", final.Sum.String(), "October itself, Anthropic's call in it, stays as it was closed")
	require.Equal(t, "0.625", closed.Cost)
	next, err := report.Build(t.Context(), conn, report.Query{Period: month(t, "2026-11")})
	require.NoError(t, err)
	require.Equal(t, "0.185", next.Sum.String())
	require.True(t, next.Adjustments[0].Correction())
}

// A month that is closed while somebody books into it stays what it was closed on.
func TestAMonthThatIsClosedWhileItIsBooked(t *testing.T) {
	conn, r := books(t)
	book, err := pricing.Builtin()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cost.csv")
	require.NoError(t, os.WriteFile(path, []byte(bill), 0o600))
	statement, err := reconcile.Read("openai", month(t, "2026-10"), path)
	require.NoError(t, err)
	d := desk{t, conn, statement, book}
	result, b := d.compare()
	rows, _ := result.Adjustments(statement.Month, b, reconcile.Booking{Author: "ann", Reason: "bill"})
	err = reconcile.Write(t.Context(), &closesAt{Conn: conn, close: func() { closeMonth(t, r, statement.Month) }}, rows)
	require.ErrorIs(t, err, reconcile.ErrClosed)
	require.Equal(t, "0.525", d.sum())
}

// closesAt closes the month once somebody is about to insert.
type closesAt struct {
	driver.Conn
	close func()
}

func (c *closesAt) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	if c.close != nil {
		c.close()
		c.close = nil
	}
	return c.Conn.PrepareBatch(ctx, query, opts...)
}

func closeMonth(t *testing.T, r *rollup.Rollup, m report.Period) rollup.Period {
	t.Helper()
	p, err := r.Close(t.Context(), rollup.Closing{Month: m.From, Author: "ann", Reason: "month end", Force: true})
	require.NoError(t, err, fmt.Sprint(p))
	return p
}
