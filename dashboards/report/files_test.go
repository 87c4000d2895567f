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
  - {id: ptu-north, models: [gpt-4o], from: 2026-11-01, to: 2026-12-01, amount_usd: 100}
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
		byTenant := map[string]report.Bill{}
		for _, b := range c.Bills {
			byTenant[b.Tenant] = b
		}
		require.Equal(t, "0.00", byTenant["platform"].Total.String(), "the directory says that it is shared")
		require.Equal(t, spread, byTenant["unattributed"].Total.Sign() == 0)
		require.Equal(t, "CC-200", byTenant["acme"].CostCentre, "as the directory stood at the end of the period")
		if !spread {
			var text, table bytes.Buffer
			require.NoError(t, c.WriteCSV(&table))
			golden(t, "chargeback.csv", table.String())
			require.NoError(t, c.WriteText(&text))
			golden(t, "chargeback.txt", text.String())
		}
	}
}
