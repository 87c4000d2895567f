package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// Boards are told of the budgets that the rules watch, the configuration's too, each in the time zone of its rule or its tenant.
func TestStandings(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.BudgetsTable = true
	cfg.Budgets = []alerts.Budget{
		{Name: "day", Tenant: "*", Period: "day", Amount: usd(t, "5")},
		{Name: "tokyo", Tenant: "globex", Period: "day", TimeZone: "Asia/Tokyo", Amount: usd(t, "12")},
		{Name: "moment", Tenant: "*", Period: "30s", Amount: usd(t, "1")},
	}
	for _, q := range []string{
		`INSERT INTO tenants (tenant, time_zone, valid_from) VALUES ('acme', 'Asia/Tokyo', '2026-01-01 00:00:00')`,
		`INSERT INTO budgets (name, tenant, period, amount) VALUES ('acme-month', 'acme', 'month', 100)`,
		`INSERT INTO cost_hour (window, n, worker, tenant, calls, unpriced_calls, cost) VALUES ('2026-11-01 16:00:00', 1, 7, 'acme', 1, 1, 6), ('2026-11-01 14:00:00', 1, 7, 'acme', 1, 0, 100),
			('2026-11-01 16:00:00', 1, 7, 'globex', 1, 0, 6)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('hour', '2026-11-01 14:00:00', 1, 7, 1), ('hour', '2026-11-01 16:00:00', 1, 7, 1)`,
	} {
		require.NoError(t, w.conn.Exec(t.Context(), q))
	}
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	got, err := cfg.Standings(t.Context(), w.conn, now)
	require.NoError(t, err)
	by := map[string]alerts.Standing{}
	for _, s := range got {
		by[s.Budget+" "+s.Tenant] = s
	}
	require.Len(t, got, 3, "%v: nobody of the day's budget but acme spent in its day, and a budget of seconds is none for boards", by)
	acme := by["day acme"]
	require.Equal(t, []any{"6.00", "5.00", "Asia/Tokyo", "configuration", uint64(1)}, []any{acme.Spent.Short(), acme.Amount.Short(), acme.TimeZone, acme.Source, acme.Unpriced}, "its day began at 15:00 UTC")
	require.Equal(t, time.Date(2026, 11, 1, 15, 0, 0, 0, time.UTC), acme.From.UTC())
	require.Equal(t, "106.00", acme.Week.Short())
	require.Equal(t, "6.00", by["tokyo globex"].Spent.Short(), "the rule's zone stands above the directory's")
	month := by["acme-month acme"]
	require.Equal(t, []any{"database", "106.00"}, []any{month.Source, month.Spent.Short()}, "November began on the 31st of October, 15:00 UTC")
}
