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
		"month": "2026-12-01 00:00:00 to 2027-01-01 00:00:00 UTC",
		"30s":   "2026-12-31 22:59:30 to 2026-12-31 23:00:00 UTC",
		"15m":   "2026-12-31 22:45:00 to 2026-12-31 23:00:00 UTC",
	} {
		p, err := parsePeriod(name)
		require.NoError(t, err)
		w := p.at(at)
		require.Equal(t, want, w.String())
		require.Equal(t, name != "30s", w.wholeMinutes())
	}
	for _, bad := range []string{"", "week", "7s", "1.5s", "48h", "-1h"} {
		_, err := parsePeriod(bad)
		require.ErrorContains(t, err, "want hour", bad)
	}
}
