package directory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDaysOfATenantThatMoves follow on each other: no moment is in two days or in none, and a month is its days.
func TestDaysOfATenantThatMoves(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	for _, zones := range [][2]string{{"", "Europe/Berlin"}, {"Europe/Berlin", ""}, {"America/New_York", "Asia/Kolkata"}, {"Pacific/Auckland", "America/Los_Angeles"}} {
		for _, moves := range []int{1, 15, 30} {
			d := Directory{byTenant: map[string][]Dated{"acme": {{Entry: Entry{TimeZone: zones[0]}, Since: day(-100)}, {Entry: Entry{TimeZone: zones[1]}, Since: day(moves)}}}}
			month := d.Span("acme", day(1), day(31))
			at := month.From
			for n := 1; n <= 30; n++ {
				span := d.Span("acme", day(n), day(n+1))
				require.Equal(t, at, span.From, "%v, the %dth", zones, n)
				require.True(t, span.From.Before(span.To))
				at = span.To
			}
			require.Equal(t, month.To, at)
		}
	}
}
