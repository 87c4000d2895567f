package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/dashboards/report/focus"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// The month's FOCUS file is the same bytes each time, adds up to the report, and breaks no rule.
func focusFile(t *testing.T, conn driver.Conn) {
	charges, err := report.Charges(t.Context(), conn, november(t), nil)
	require.NoError(t, err)
	adjustments, err := report.Adjustments(t.Context(), conn, november(t), nil)
	require.NoError(t, err)
	options := focus.Options{Month: november(t), State: report.Open, Accounts: map[string]string{"openai": "org-123"}}
	var out, again bytes.Buffer
	sum, err := focus.Export(&out, options, charges, adjustments)
	require.NoError(t, err)
	_, err = focus.Export(&again, options, charges, adjustments)
	require.NoError(t, err)
	require.Equal(t, out.String(), again.String())
	require.Equal(t, build(t, conn, report.Query{Period: november(t)}).Sum, sum)
	golden(t, "focus.csv", out.String())
	result, err := focus.Validate(&out)
	require.NoError(t, err)
	require.Empty(t, result.Problems)
	require.Equal(t, len(charges)+len(adjustments), result.Rows)
}

const reservedCapacity = `
provider: openai
source: {url: "https://example.com/contract", checked: 2026-11-01}
reserved:
  - {id: ptu-north, models: [gpt-4o], from: 2026-11-01, to: 2026-12-01, amount_usd: 100, tokens_per_minute: 1}
  - {id: idle, models: [gpt-4.1], from: 2026-10-17, to: 2026-11-16, amount_usd: 30}
`

func chargeback(t *testing.T, conn driver.Conn) {
	path := filepath.Join(t.TempDir(), "reserved.yaml")
	require.NoError(t, os.WriteFile(path, []byte(reservedCapacity), 0o600))
	book, err := pricing.Load(path)
	require.NoError(t, err)
	r := build(t, conn, report.Query{Period: november(t)})
	for _, spread := range []bool{false, true} {
		c, err := report.BuildChargeback(t.Context(), conn, november(t), report.ChargebackOptions{Book: book, Spread: spread})
		require.NoError(t, err)
		require.Equal(t, "0.00", c.Total.Shared.String(), "what is handed out is what the others get")
		require.Equal(t, "115.00", c.Total.Reserved.String(), "all of one, and half of the other")
		require.Equal(t, r.Sum.Plus(c.Total.Reserved), c.Total.Total)
		byTenant, acme := map[string]report.Bill{}, map[string]report.Bill{}
		for _, b := range c.Bills {
			byTenant[b.Tenant] = b
			if b.Tenant == "acme" {
				acme[b.CostCentre] = b
			}
		}
		require.Equal(t, "0.00", byTenant["platform"].Total.String(), "the directory says that it is shared")
		require.Equal(t, spread, byTenant["unattributed"].Total.Sign() == 0)
		require.Len(t, acme, 2, "acme changed hands on 10 November")
		for centre, days := range map[string]string{"CC-100": "day < 10", "CC-200": "day >= 10"} {
			var own string
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT toString(sum(cost)) FROM (SELECT cost, toDayOfMonth(minute) AS day FROM calls(from = toDateTime('2026-11-01 00:00:00', 'UTC'),
				to = toDateTime('2026-12-01 00:00:00', 'UTC')) WHERE tenant = 'acme') WHERE `+days).Scan(&own))
			want, err := ledger.ParseSum(own)
			require.NoError(t, err)
			require.Equal(t, want, acme[centre].Own.Sum, "each owner pays for its own days: %s", centre)
		}
		require.Equal(t, "-0.25", acme["CC-100"].Adjusted.String(), "what corrects October goes to who had it in October")
		if !spread {
			var text, table bytes.Buffer
			require.NoError(t, c.WriteCSV(&table))
			golden(t, "chargeback.csv", table.String())
			require.NoError(t, c.WriteText(&text))
			golden(t, "chargeback.txt", text.String())
		}
	}
}

// What explains reserved capacity is what the chargeback hands out; two reservations of one model, one after the other, are used by
// the tokens of their own time.
func reservedExplained(t *testing.T, conn driver.Conn) {
	path := filepath.Join(t.TempDir(), "reserved.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
provider: openai
source: {url: "https://example.com/contract", checked: 2026-11-01}
reserved:
  - {id: first-days, models: [gpt-4o], from: 2026-11-01, to: 2026-11-06, amount_usd: 100, tokens_per_minute: 1}
  - {id: other-days, models: [gpt-4o], from: 2026-11-06, to: 2026-12-01, amount_usd: 20}
`), 0o600))
	book, err := pricing.Load(path)
	require.NoError(t, err)
	all, orphans, err := report.ExplainReserved(t.Context(), conn, november(t), book)
	require.NoError(t, err)
	require.Zero(t, orphans)
	require.Len(t, all, 2)
	require.EqualValues(t, 1200, all[0].Tokens)
	require.Equal(t, "16.7 %", all[0].Utilisation(), "of five days' minutes")
	require.Equal(t, "83.333333333333", all[0].Idle.String())
	require.Zero(t, all[1].Tokens)
	require.Equal(t, report.BySpend, all[1].Rule)
	c, err := report.BuildChargeback(t.Context(), conn, november(t), report.ChargebackOptions{Book: book})
	require.NoError(t, err)
	require.Equal(t, all, c.Reserved)
	var text bytes.Buffer
	require.NoError(t, report.WriteReserved(&text, november(t), all, report.Orphans{Calls: 1, Tokens: 5}))
	golden(t, "reserved.txt", text.String())
	_, orphans, err = report.ExplainReserved(t.Context(), conn, november(t), mustBuiltin(t))
	require.NoError(t, err)
	require.Equal(t, report.Orphans{Calls: 2, Tokens: 1200}, orphans, "the price files hold no reservation")
}

func mustBuiltin(t *testing.T) *pricing.Book {
	book, err := pricing.Builtin()
	require.NoError(t, err)
	return book
}
