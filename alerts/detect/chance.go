package detect

import (
	"math/big"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// chanceNats is how surprising a window's spend has to be before it is more than chance: at most e⁻⁹ (1 in 8,000) of
// the windows of a spend that goes on as usual are so far up.
const chanceNats = 9

// Chance is the smallest spend of a window that is more than chance, where mean is usual and grain is the index of
// dispersion of the spend: the variance of a window's sum over its mean, in USD. Where calls come one by one the grain is
// the mean square of their cost over its mean, a little more than what a call costs; where they come in sessions it is what
// a session costs. A window is then as coarse as if it held mean/grain events: few of them vary a lot.
//
// By Bernstein's inequality a sum with variance mean·grain in steps of at most about the grain exceeds its mean by t in at
// most exp(−t² / 2(mean·grain + grain·t/3)) of all windows (Boucheron, Lugosi, Massart: Concentration Inequalities, 2013,
// theorem 2.10). The amount is the t that makes this e^−chanceNats, solved in integers.
func Chance(mean, grain ledger.Sum) (ledger.Sum, error) {
	m, q, l := Integer(mean), Integer(grain), big.NewInt(chanceNats)
	if q.Sign() <= 0 {
		return mean, nil
	}
	lq := new(big.Int).Mul(l, q) // 3t² − 2Lq·t − 6Lq·m ≥ 0
	root := new(big.Int).Mul(lq, lq)
	root.Add(root, new(big.Int).Mul(big.NewInt(18), new(big.Int).Mul(lq, m)))
	root.Sqrt(root).Add(root, big.NewInt(1))
	return FromInteger(m.Add(m, ceilDiv(root.Add(root, lq), big.NewInt(3))))
}

// Dispersion collects a spend in equal cells of time, one after the other: squares is the sum of the squared differences
// of neighbours, in 10⁻²⁴ USD², and sums that of both, in 10⁻¹² USD. Their ratio estimates the grain. A season and a trend
// hardly move it, since neighbours share them (von Neumann's mean square successive difference, 1941).
type Dispersion struct{ Squares, Sums *big.Int }

// DispersionOf is that of cells in the order of time.
func DispersionOf(cells []ledger.Sum) Dispersion {
	d := Dispersion{new(big.Int), new(big.Int)}
	for i := 1; i < len(cells); i++ {
		diff := Integer(cells[i].Sub(cells[i-1]))
		d.Squares.Add(d.Squares, diff.Mul(diff, diff))
		d.Sums.Add(d.Sums, Integer(cells[i].Add(cells[i-1])))
	}
	return d
}

// ParseDispersion reads both as whole numbers.
func ParseDispersion(squares, sums string) (d Dispersion, ok bool) {
	a, ok := new(big.Int).SetString(squares, 10)
	b, fine := new(big.Int).SetString(sums, 10)
	return Dispersion{a, b}, ok && fine
}

// Grain is the ratio, rounded up; 0 if nothing was spent.
func (d Dispersion) Grain() (ledger.Sum, error) {
	if d.Sums.Sign() <= 0 {
		return ledger.Sum{}, nil
	}
	return FromInteger(ceilDiv(d.Squares, d.Sums))
}

// GrainCell is the length of a cell, and GrainDays how many whole days back the grain is looked for.
const (
	GrainCell = 10 * time.Minute
	GrainDays = 14
)

// Grain is the median of the grains of days on which something was spent: one day with a spike or with a huge call doesn't
// make everything else look like chance.
func Grain(days []Dispersion) (ledger.Sum, error) {
	var all []ledger.Sum
	for _, d := range days {
		g, err := d.Grain()
		if err != nil {
			return ledger.Sum{}, err
		}
		if g.Sign() > 0 {
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return ledger.Sum{}, nil
	}
	slices.SortFunc(all, ledger.Sum.Cmp)
	return all[len(all)/2], nil
}

// GrainByHour is how coarse the spend of the last whole days was, where only its hours are known: by how each hour differs
// from the one before, less how they differed on the day before. A season falls out of it and so does a level that changes
// from day to day (the interaction in a table of two ways), and what is left varies as four hours do. Again the median of
// the days; 0 if there are fewer than two.
func (h Hours) GrainByHour(now time.Time) (ledger.Sum, error) {
	today := now.UTC().Truncate(24 * time.Hour).Unix()
	var days []Dispersion
	for begin := today - day; begin > today-(GrainDays+1)*day; begin -= day {
		d := Dispersion{new(big.Int), new(big.Int)}
		for at := begin + hour; at < begin+day; at += hour {
			is, was, isBefore, wasBefore := h[at].Spend, h[at-hour].Spend, h[at-day].Spend, h[at-day-hour].Spend
			diff := Integer(is.Sub(was).Sub(isBefore.Sub(wasBefore)))
			d.Squares.Add(d.Squares, diff.Mul(diff, diff))
			d.Sums.Add(d.Sums, Integer(is.Add(was).Add(isBefore).Add(wasBefore)))
		}
		if first := h.First(begin-day, begin); first < begin {
			days = append(days, d)
		}
	}
	return Grain(days)
}

// CallGrainByHour is the same for the number of calls.
func (h Hours) CallGrainByHour(now time.Time) (uint64, error) {
	calls := make(Hours, len(h))
	for at, v := range h {
		n, err := FromInteger(new(big.Int).SetUint64(v.Calls))
		if err != nil {
			return 0, err
		}
		calls[at] = Hour{Spend: n, Calls: v.Calls}
	}
	g, err := calls.GrainByHour(now)
	return Integer(g).Uint64(), err
}

// Grain is the given grain of the whole, and no less than what a call of the history costs on average: that is what it is
// where calls of one price come one by one, and of a part of a tenant nothing more may be known.
func (h Hours) Grain(of ledger.Sum) (ledger.Sum, error) {
	var sum ledger.Sum
	var calls uint64
	for _, v := range h {
		sum, calls = sum.Add(v.Spend), calls+v.Calls
	}
	if calls == 0 {
		return of, nil
	}
	mean, err := FromInteger(ceilDiv(Integer(sum), new(big.Int).SetUint64(calls)))
	return most(of, mean), err
}
