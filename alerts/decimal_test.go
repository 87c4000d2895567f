package alerts

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestIntegerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ledger.SumOf(ledger.Money(rapid.Int64().Draw(t, "a")))
		back, err := fromInteger(integer(s))
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}

// Reaching the scaled amount is the same as reaching the rate, compared as fractions.
func TestScaledIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := rapid.Int64Range(0, int64(ledger.MaxMoney))
		base := rate{ledger.SumOf(ledger.Money(money.Draw(t, "base"))), time.Duration(rapid.Int64Range(1, 3600).Draw(t, "in")) * time.Second}
		factor := ledger.SumOf(ledger.Money(rapid.Int64Range(1, 100*int64(ledger.USD)).Draw(t, "factor")))
		window := time.Duration(rapid.Int64Range(1, 300).Draw(t, "window")) * time.Second
		spend := ledger.SumOf(ledger.Money(money.Draw(t, "spend")))

		need, err := base.scaled(factor, window)
		require.NoError(t, err)
		left := new(big.Rat).SetFrac(integer(spend), big.NewInt(int64(window)))
		right := new(big.Rat).SetFrac(integer(base.spend), big.NewInt(int64(base.in)))
		right.Mul(right, new(big.Rat).SetFrac(integer(factor), big.NewInt(int64(ledger.USD))))
		require.Equal(t, left.Cmp(right) >= 0, spend.Cmp(need) >= 0)
	})
}

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
