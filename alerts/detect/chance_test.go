package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Chance solves Bernstein's bound: the amount meets it, one less doesn't (but for the rounding of a root).
func TestChanceSolvesTheBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Int64Range(0, int64(1000*ledger.USD)).Draw(t, "mean")
		grain := rapid.Int64Range(1, int64(100*ledger.USD)).Draw(t, "grain")
		need, err := Chance(ledger.SumOf(ledger.Money(mean)), ledger.SumOf(ledger.Money(grain)))
		require.NoError(t, err)
		above := need.Sub(ledger.SumOf(ledger.Money(mean)))
		meets := func(over ledger.Sum) bool { // 3t² ≥ 2L·q·(3m + t)
			x := Integer(over)
			left := Integer(over)
			left.Mul(left, x).Mul(left, Integer(sumOf(3)))
			right := Integer(ledger.SumOf(ledger.Money(mean)))
			right.Mul(right, Integer(sumOf(3))).Add(right, x).Mul(right, Integer(ledger.SumOf(ledger.Money(grain)))).Mul(right, Integer(sumOf(2*chanceNats)))
			return left.Cmp(right) >= 0
		}
		require.True(t, meets(above))
		if above.Cmp(sumOf(3)) > 0 {
			require.False(t, meets(above.Sub(sumOf(3))))
		}
	})
}

// sumOf is so many of the smallest unit.
func sumOf(n int64) ledger.Sum { return ledger.SumOf(ledger.Money(n)) }

func TestChanceOfNothingKnownIsTheMean(t *testing.T) {
	need, err := Chance(sumOf(7), ledger.Sum{})
	require.NoError(t, err)
	require.Equal(t, sumOf(7), need)
}

// The grain of calls that come one by one at one price is that price, of sessions of twenty it is what twenty cost; a day
// with a season has the same; one day with a spike doesn't change the median.
func TestGrainOfCallsAndSessions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(events float64, each int64) (cells []ledger.Sum) {
		for i := range 144 {
			mean, n := events*(1+0.6*math.Sin(2*math.Pi*float64(i)/144)), 0
			for p := r.Float64(); p > math.Exp(-mean); p *= r.Float64() {
				n++
			}
			cells = append(cells, sumOf(int64(n)*each))
		}
		return cells
	}
	for name, c := range map[string]struct {
		events float64
		each   int64
	}{"single calls": {60, 1000}, "sessions of 20 calls": {0.33, 20_000}} {
		var days []Dispersion
		for range GrainDays {
			days = append(days, DispersionOf(draw(c.events, c.each)))
		}
		days[3] = DispersionOf(append(draw(c.events, c.each), sumOf(1_000_000)))
		grain, err := Grain(days)
		require.NoError(t, err, name)
		require.InEpsilon(t, c.each, Integer(grain).Int64(), 0.3, name)
	}
	grain, err := Grain([]Dispersion{DispersionOf(make([]ledger.Sum, 144))})
	require.NoError(t, err)
	require.Zero(t, grain.Sign(), "nothing spent, nothing known")
}

func TestParseDispersion(t *testing.T) {
	d, ok := ParseDispersion("90", "20")
	require.True(t, ok)
	grain, err := d.Grain()
	require.NoError(t, err)
	require.Equal(t, sumOf(5), grain, "rounded up")
	for _, bad := range [][2]string{{"", "1"}, {"1", "x"}, {"1.5", "1"}} {
		_, ok := ParseDispersion(bad[0], bad[1])
		require.False(t, ok, bad)
	}
}

// A single call, however dear, is no spike; nor are few where few are usual; five times many are.
func TestSpikeIsMoreThanChance(t *testing.T) {
	s := Spike{Factor: sumOf(3 * int64(ledger.USD)), ClearFactor: sumOf(int64(ledger.USD) * 3 / 2), MinPerHour: sumOf(1), MinUSD: sumOf(1), MinCalls: 3}
	usual := func(calls int64) Rate { return Rate{sumOf(calls), time.Minute} }
	for name, c := range map[string]struct {
		usual          int64
		spend, biggest int64
		calls          uint64
		holds, clear   bool
	}{
		"one huge call":              {60, 5000, 4950, 51, false, false},
		"five times few":             {1, 5, 1, 5, false, false},
		"five times many":            {60, 300, 1, 300, true, false},
		"twice many":                 {60, 120, 1, 120, false, false},
		"the usual":                  {60, 60, 1, 60, false, true},
		"twenty times few":           {1, 20, 1, 20, true, false},
		"fewer calls than min_calls": {1, 60, 30, 2, false, false},
	} {
		f, err := s.Judge(SpikeSeries{Usual: usual(c.usual), Grain: sumOf(1), Windows: []Seen{{time.Minute, sumOf(c.spend), sumOf(c.biggest), c.calls}}})
		require.NoError(t, err)
		require.Equal(t, c.holds, f.Holds, name)
		require.Equal(t, c.clear, f.Clear, name)
	}
}

// A longer window finds what the short one can't tell from chance, but only while the short one isn't back to the usual.
func TestSpikeInALongerWindow(t *testing.T) {
	s := Spike{Factor: sumOf(3 * int64(ledger.USD)), ClearFactor: sumOf(int64(ledger.USD) * 3 / 2), MinPerHour: sumOf(1), MinUSD: sumOf(1), MinCalls: 3}
	in := SpikeSeries{Usual: Rate{sumOf(4), time.Minute}, Grain: sumOf(1), Windows: []Seen{
		{time.Minute, sumOf(16), sumOf(1), 16}, {4 * time.Minute, sumOf(70), sumOf(1), 70}}}
	f, err := s.Judge(in)
	require.NoError(t, err)
	require.True(t, f.Holds)
	require.Equal(t, 4*time.Minute, f.In)
	in.Windows[0].Spend = sumOf(5)
	f, err = s.Judge(in)
	require.NoError(t, err)
	require.False(t, f.Holds)
}

// What has lasted for hours is the usual; a lower level isn't; a busy night is added to the morning, not multiplied with it.
func TestUsualFollowsALastingLevel(t *testing.T) {
	now := time.Date(2026, 11, 2, 12, 30, 0, 0, time.UTC)
	history := func(last func(hour int) int64) Hours {
		h := Hours{}
		for i := 1; i <= 24*28; i++ {
			at := now.Truncate(time.Hour).Add(-time.Duration(i) * time.Hour)
			amount := int64(100)
			if at.Hour() < 8 {
				amount = 10
			}
			if i <= 6 {
				amount = last(at.Hour())
			}
			h[at.Unix()] = Hour{sumOf(amount), 10}
		}
		return h
	}
	usual := func(last func(int) int64) int64 {
		u, err := history(last).UsualSpend(now, 28*24*time.Hour, sumOf(1))
		require.NoError(t, err)
		return Integer(u.Spend).Int64()
	}
	plain := func(h int) int64 {
		if h < 8 {
			return 10
		}
		return 100
	}
	require.EqualValues(t, 100, usual(plain))
	require.EqualValues(t, 200, usual(func(h int) int64 { return 2 * plain(h) }))
	require.EqualValues(t, 100, usual(func(h int) int64 { return plain(h) / 2 }))
	require.EqualValues(t, 100, usual(func(h int) int64 {
		if h >= 10 {
			return 5 * plain(h) // two hours: not yet
		}
		return plain(h)
	}))
	now = time.Date(2026, 11, 2, 8, 30, 0, 0, time.UTC)
	require.EqualValues(t, 140, usual(func(h int) int64 { return 5 * plain(h) }), "the night's excess, not five times the morning")
}

// Silence is an accusation: of calls in sessions it takes longer than of single ones.
func TestSilenceIsMoreThanChance(t *testing.T) {
	s := Silence{For: 30 * time.Minute, MinUsual: 30, Samples: 2}
	for grain, want := range map[uint64]bool{0: true, 1: true, 4: true, 20: false} {
		holds, _, usual := s.Judge(0, 80, 4, grain)
		require.EqualValues(t, 40, usual)
		require.Equal(t, want, holds, grain)
	}
}

// Of a part of a tenant only hours are known: a season and a level that changes from day to day are no grain, sessions are.
func TestGrainByHour(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(3, 4))
	season := func(at time.Time) float64 { // office hours, with a different level every day
		level := 1 + 0.1*float64(at.YearDay()%3)
		if h := at.Hour(); h < 8 || h >= 18 {
			return 0.05 * level
		}
		return level
	}
	hours := func(perHour float64, cost ledger.Money) Hours { // perHour events, each of them so dear
		h := Hours{}
		for at := now.AddDate(0, 0, -16); at.Before(now); at = at.Add(time.Hour) {
			n := int64(math.Round(perHour*season(at) + math.Sqrt(perHour*season(at))*r.NormFloat64()))
			h[at.Unix()] = Hour{Spend: ledger.SumOf(ledger.Money(max(n, 0)) * cost), Calls: uint64(max(n, 0))}
		}
		return h
	}
	for _, c := range []struct {
		name        string
		perHour     float64
		cost        ledger.Money
		least, most ledger.Money
	}{
		{"many calls of a cent", 3600, ledger.USD / 100, ledger.USD / 200, 6 * ledger.USD / 100},
		{"sessions of two dollars", 18, 2 * ledger.USD, ledger.USD, 4 * ledger.USD},
	} {
		grain, err := hours(c.perHour, c.cost).GrainByHour(now)
		require.NoError(t, err)
		require.True(t, grain.Cmp(ledger.SumOf(c.least)) >= 0 && grain.Cmp(ledger.SumOf(c.most)) <= 0, "%s: %s", c.name, grain)
	}
	one := Hours{now.Add(-time.Hour).Unix(): {Spend: ledger.SumOf(ledger.USD), Calls: 1}}
	grain, err := one.GrainByHour(now)
	require.NoError(t, err)
	require.Zero(t, grain.Sign(), "a day that isn't over says nothing")
}
