package detect

import (
	"math/big"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func sortCounts(c []uint64) { slices.Sort(c) }

// Forecast is what a period's spend comes to at its end if things go on as usual.
type Forecast struct {
	Total ledger.Sum
	How   string
	OK    bool // false: there is too little to go by
}

// Level of today against the usual: a change for good (a deployment that doubles the cost) shows in the forecast within
// a day, a freak day can't move it by more than levelMost.
const levelMost = 4

// Project adds to the spend so far the usual spend of every hour to come, scaled by how the last day compares with its
// own usual. With less than a week of history it carries the period's pace on, once a tenth of the period has passed.
func (h Hours) Project(spent ledger.Sum, from, now, to time.Time, back time.Duration) (Forecast, error) {
	now = now.UTC()
	end := now.Truncate(time.Hour).Unix()
	if first := h.First(now.Add(-back).Unix(), end); to.Sub(from) >= 24*time.Hour && end-first >= week {
		return h.seasonal(spent, now, to, back)
	}
	passed := now.Sub(from)
	if passed*10 < to.Sub(from) || passed <= 0 {
		return Forecast{}, nil
	}
	total, err := scale(spent, big.NewInt(int64(to.Sub(from))), big.NewInt(int64(passed)))
	return Forecast{total, "the pace of the period so far", true}, err
}

func (h Hours) seasonal(spent ledger.Sum, now, to time.Time, back time.Duration) (Forecast, error) {
	whole := now.Truncate(time.Hour)
	var lastDay, usualDay ledger.Sum
	profile := make([]ledger.Sum, 7*24) // by hours from now; the week repeats
	for i := range profile {
		like, _ := h.Alike(whole.Add(time.Duration(i)*time.Hour), now, back)
		profile[i] = Median(Spends(like))
	}
	for i := 1; i <= 24; i++ {
		lastDay = lastDay.Add(h[whole.Add(-time.Duration(i)*time.Hour).Unix()].Spend)
		usualDay = usualDay.Add(profile[len(profile)-i])
	}
	var rest ledger.Sum
	for i, at := 0, whole; at.Before(to); i, at = i+1, at.Add(time.Hour) {
		part := profile[i%len(profile)]
		if i == 0 {
			var err error
			if part, err = (Rate{part, time.Hour}).Scaled(One, whole.Add(time.Hour).Sub(now)); err != nil {
				return Forecast{}, err
			}
		}
		rest = rest.Add(part)
	}
	num, den := Integer(lastDay), Integer(usualDay)
	how := "the usual spend of the hours to come"
	if num.Sign() > 0 && den.Sign() > 0 {
		if num.Cmp(new(big.Int).Mul(den, big.NewInt(levelMost))) > 0 {
			num, den = big.NewInt(levelMost), big.NewInt(1)
		} else if den.Cmp(new(big.Int).Mul(num, big.NewInt(levelMost))) > 0 {
			num, den = big.NewInt(1), big.NewInt(levelMost)
		}
		var err error
		if rest, err = scale(rest, num, den); err != nil {
			return Forecast{}, err
		}
		how += ", at the level of the last day"
	}
	return Forecast{spent.Add(rest), how, true}, nil
}
