package rollup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
)

// TestDaysOfATimeZone: totals are kept in UTC; what a tenant's day comes to is what its calls of that date came to, there, on days of
// 23, 23½, 24, 24½ and 25 hours, and no call is in two days or in none.
func TestDaysOfATimeZone(t *testing.T) {
	conn := database(t)
	var calls []ledger.Call
	zones := map[string][]string{"Europe/Berlin": {"2026-03-29", "2026-10-25"}, "Australia/Lord_Howe": {"2026-10-04", "2026-04-05"}}
	for name, dates := range zones {
		zone, err := calendar.Zone(name)
		require.NoError(t, err)
		for _, date := range dates {
			day, err := calendar.ParseDay(date, zone)
			require.NoError(t, err)
			for _, at := range []time.Time{day.From.Add(-time.Minute), day.From, day.From.Add(12 * time.Hour), day.To.Add(-time.Minute), day.To} {
				c := ledger.Call{Minute: at.Unix(), Tenant: "acme", Model: "gpt-4o"}
				c.Start = at.UnixNano()
				c.TraceID, c.SpanID = [16]byte{1, byte(len(calls))}, [8]byte{1}
				c.Cost[0] = ledger.Money(1) << len(calls)
				calls = append(calls, c)
			}
		}
	}
	store(t.Context(), t, conn, calls, make([]uint64, len(calls)))
	r := newRollup(t, conn)
	for _, l := range []Level{Minute, Hour, Day} {
		_, err := r.RunOnce(t.Context(), l)
		require.NoError(t, err)
	}
	lengths := map[float64]bool{}
	for name := range zones {
		zone, err := calendar.Zone(name)
		require.NoError(t, err)
		want, whole := map[string]ledger.Sum{}, ledger.Sum{}
		for i := range calls {
			date := time.Unix(calls[i].Minute, 0).In(zone).Format(time.DateOnly)
			want[date] = want[date].AddMoney(calls[i].TotalCost())
			whole = whole.AddMoney(calls[i].TotalCost())
		}
		var all ledger.Sum
		for date, sum := range want {
			day, err := calendar.ParseDay(date, zone)
			require.NoError(t, err)
			lengths[day.To.Sub(day.From).Hours()] = true
			got := spent(t, conn, "spend", day.From, day.To)
			require.Equal(t, sum.String(), got, "%s in %s", date, name)
			all = all.Add(parse(t, got))
		}
		require.Equal(t, whole, all, name)
	}
	require.Equal(t, map[float64]bool{23: true, 23.5: true, 24: true, 24.5: true, 25: true}, lengths)
}
