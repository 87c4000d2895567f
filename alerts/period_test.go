package alerts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPeriods(t *testing.T) {
	at := time.Date(2026, 12, 31, 23, 59, 59, 999, time.FixedZone("", 3600)) // 22:59:59 UTC
	for name, want := range map[string]string{
		"hour":  "2026-12-31 22:00:00 to 2026-12-31 23:00:00 UTC",
		"day":   "2026-12-31 00:00:00 to 2027-01-01 00:00:00 UTC",
		"week":  "2026-12-28 00:00:00 to 2027-01-04 00:00:00 UTC",
		"month": "2026-12-01 00:00:00 to 2027-01-01 00:00:00 UTC",
		"30s":   "2026-12-31 22:59:30 to 2026-12-31 23:00:00 UTC",
		"15m":   "2026-12-31 22:45:00 to 2026-12-31 23:00:00 UTC",
	} {
		p, err := parsePeriod(name, "")
		require.NoError(t, err)
		w := p.at(at)
		require.Equal(t, want, w.String())
		require.Equal(t, name != "30s", w.wholeMinutes())
	}
	for _, bad := range []string{"", "fortnight", "7s", "1.5s", "48h", "-1h"} {
		_, err := parsePeriod(bad, "")
		require.ErrorContains(t, err, "want hour", bad)
	}
}

// TestPeriodsOfATimeZone: a budget's day begins at its tenant's midnight, and has 25 hours when the clocks go back.
func TestPeriodsOfATimeZone(t *testing.T) {
	at := time.Date(2026, 10, 25, 22, 30, 0, 0, time.UTC) // 23:30 in Berlin
	for name, want := range map[string]string{
		"day":   "2026-10-24 22:00:00 to 2026-10-25 23:00:00 UTC",
		"week":  "2026-10-18 22:00:00 to 2026-10-25 23:00:00 UTC",
		"month": "2026-09-30 22:00:00 to 2026-10-31 23:00:00 UTC",
	} {
		p, err := parsePeriod(name, "Europe/Berlin")
		require.NoError(t, err)
		require.Equal(t, want, p.at(at).String())
		require.True(t, p.at(at).wholeMinutes())
	}
	_, err := parsePeriod("hour", "Europe/Berlin")
	require.ErrorContains(t, err, "only a day, a week and a month have")
	_, err = parsePeriod("day", "Berlin")
	require.ErrorContains(t, err, "want a name like Europe/Berlin")
}
