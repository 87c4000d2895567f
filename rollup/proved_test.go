package rollup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestASealedDayIsProvedFromItsEvidence(t *testing.T) {
	conn := database(t)
	at := january.Add(9*24*time.Hour + 5*time.Hour)
	r := sealer(t, conn, at)
	back := r.earlier(10 * 24 * time.Hour)
	first := someCalls(t, conn, at, 3).Add(someCalls(t, conn, at.Add(2*time.Hour), 2))
	other := randomCallsOf(t, conn, "globex", at.Add(time.Hour), 2)
	runAll(t, r)
	state, unlike := verified(t, r, at)
	require.Equal(t, []any{DayEqual, []string(nil)}, []any{state, unlike}, "with its calls")
	back()
	sealNow(t, r)
	seals, err := r.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
	require.NoError(t, err)
	require.Len(t, seals, 1)
	require.Len(t, seals[0].Tenants, 2)
	require.Equal(t, first.String(), seals[0].Tenants["acme"].Cost.String())
	require.Equal(t, first.Add(other).String(), seals[0].Whole.LedgerCost.String())
	require.EqualValues(t, 7, seals[0].Whole.Calls)
	sealNow(t, r)
	require.EqualValues(t, 1, count(t, conn, "SELECT toUInt64(max(n)) FROM day_seals WHERE day = toDate('2026-01-10')"), "it is sealed once")

	// A late call while its rows are there is an adjustment, and the day is sealed again.
	late := someCalls(t, conn, at.Add(time.Minute), 1)
	adjustAll(t, r)
	state, _ = verified(t, r, at)
	require.Equal(t, DayLater, state)
	sealNow(t, r)
	seals, err = r.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, seals[0].N)
	require.True(t, seals[0].proved())
	require.Equal(t, late.String(), seals[0].Whole.Adjusted.String())
	require.Equal(t, first.Add(other).String(), seals[0].Whole.Cost.String(), "its totals are never rewritten")

	// Then its calls expire. What is kept can still be proved, and what comes now is held.
	require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE call_reports"))
	r.now = func() time.Time { return Day.start(at).Add(60 * 24 * time.Hour) }
	state, unlike = verified(t, r, at)
	require.Equal(t, []any{DayEqual, []string(nil)}, []any{state, unlike})
	period, err := r.Period(t.Context(), january)
	require.NoError(t, err)
	require.EqualValues(t, 1, period.Sealed)
	require.Equal(t, "open", period.State)

	for what, change := range map[string][2]string{
		"acme the day's totals":      {"cost_day", "UPDATE cost = cost + toDecimal128('0.000000000001', 12) WHERE tenant = 'acme'"},
		"globex the day's totals":    {"cost_day", "DELETE WHERE tenant = 'globex'"},
		"globex the rows of the day": {"cost_day", "UPDATE fresh_input = fresh_input + 1 WHERE tenant = 'globex'"},
		"acme the rows of the hours": {"cost_hour", "UPDATE text_output = text_output + 1 WHERE tenant = 'acme'"},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("CREATE TABLE kept_%s AS %s", change[0], change[0])))
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO kept_%s SELECT * FROM %s", change[0], change[0])))
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("ALTER TABLE %s %s SETTINGS mutations_sync = 1", change[0], change[1])))
			state, unlike := verified(t, r, at)
			require.Equal(t, DayDiffers, state)
			require.Contains(t, unlike[0], what)
			tenant, _, _ := strings.Cut(what, " ")
			for _, u := range unlike {
				require.Contains(t, u, tenant, "nobody else is named")
			}
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("TRUNCATE TABLE %s", change[0]))) // a restored backup
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%s", change[0], change[0])))
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("DROP TABLE kept_%s", change[0])))
			state, _ = verified(t, r, at)
			require.Equal(t, DayEqual, state)
		})
	}
	t.Run("an adjustment", func(t *testing.T) {
		require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE adjustments UPDATE cost = cost * 2 WHERE 1 SETTINGS mutations_sync = 1"))
		state, unlike := verified(t, r, at)
		require.Equal(t, DayDiffers, state)
		require.Equal(t, []string{"acme what was booked for the day"}, unlike)
	})
	t.Run("a seal", func(t *testing.T) {
		require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE day_seals DELETE WHERE tenant = 'globex' SETTINGS mutations_sync = 1"))
		_, unlike := verified(t, r, at)
		require.Contains(t, unlike, "the seal of the day and those of its tenants")
	})
	state, _ = verified(t, r, at.AddDate(0, 0, 5))
	require.Equal(t, DayUnknown, state, "rollup didn't run then")
}

func randomCallsOf(t *testing.T, conn driver.Conn, tenant string, at time.Time, n byte) (sum ledger.Sum) {
	t.Helper()
	var calls []ledger.Call
	for i := range n {
		c := ledger.Call{Tenant: tenant, Model: "m", Start: at.UnixNano(), Received: at.UnixNano(), TraceID: [16]byte{9, i}, SpanID: [8]byte{tenant[0], i}}
		c.SetMinute()
		c.Cost[0] = 123_456_789
		sum = sum.AddMoney(c.TotalCost())
		calls = append(calls, c)
	}
	store(t.Context(), t, conn, calls, make([]uint64, n))
	return sum
}
