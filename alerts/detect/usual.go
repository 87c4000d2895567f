package detect

import (
	"math/big"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Hour is what an hour of the history holds.
type Hour struct {
	Spend ledger.Sum
	Calls uint64
}

// Hours is a history: the start of an hour in Unix seconds → what it holds. An hour that is missing held nothing.
type Hours map[int64]Hour

const (
	hour = int64(60 * 60)
	day  = 24 * hour
	week = 7 * day
)

// First is the oldest hour with a call or a spend at or after from, or end if there is none.
func (h Hours) First(from, end int64) int64 {
	first := end
	for at, v := range h {
		if at >= from && at < first && (v.Calls > 0 || v.Spend.Sign() > 0) {
			first = at
		}
	}
	return first
}

// weeksEnough is how many samples of an hour of the week say what is usual in it.
const weeksEnough = 2

// Alike are the hours before now that are like the hour which begins at the given time: the same hour of the week, or,
// where the history holds too few of those, the same hour of the day on days of the same kind (working days, weekends),
// else on all days. Which one it was is told in words.
func (h Hours) Alike(at, now time.Time, back time.Duration) (like []Hour, what string) {
	return h.alike(at, now, h.First(now.Add(-back).Unix(), now.UTC().Truncate(time.Hour).Unix()))
}

func (h Hours) alike(at, now time.Time, first int64) (like []Hour, what string) {
	begin := at.UTC().Truncate(time.Hour).Unix()
	end := now.UTC().Truncate(time.Hour).Unix()
	pick := func(step int64, fits func(int64) bool) (out []Hour) {
		for t := begin - step; t >= first; t -= step {
			if t < end && fits(t) {
				out = append(out, h[t])
			}
		}
		return out
	}
	weekend := func(t int64) bool {
		d := time.Unix(t, 0).UTC().Weekday()
		return d == time.Saturday || d == time.Sunday
	}
	if like = pick(week, func(int64) bool { return true }); len(like) >= weeksEnough {
		return like, "this hour of the week in"
	}
	if like = pick(day, func(t int64) bool { return weekend(t) == weekend(begin) }); len(like) > weeksEnough {
		if weekend(begin) {
			return like, "this hour of weekend days on"
		}
		return like, "this hour of working days on"
	}
	return pick(day, func(int64) bool { return true }), "this hour on"
}

// Spends are the amounts of hours.
func Spends(hours []Hour) []ledger.Sum {
	out := make([]ledger.Sum, len(hours))
	for i, h := range hours {
		out[i] = h.Spend
	}
	return out
}

// Usual is what a spend is compared with.
type Usual struct {
	Rate
	Samples int        // hours that it is the median of; 0 if there are none
	Days    int        // days from the first spend in the history to now
	What    string     // which hours those are
	Level   ledger.Sum // of the last hours, as a factor: what the median was carried by; 0 or 1 if it wasn't
}

// priorGrains is how many grains the mean of the whole history weighs against the hours alike.
const priorGrains = 10

// UsualSpend is the usual spend of the hour that now is in: the median over hours alike, and no less than the usual of
// the two hours beside it. A season that moves by an hour, as it does where clocks change, is then no spike. Where the
// spend is so coarse that hours alike hold few grains, their median says little, and the usual is no less than what the
// mean of the whole history makes likely beside them: priorGrains of it, spread over the hours alike and the time that so
// many grains usually take. Last it is carried to the level of the last hours.
func (h Hours) UsualSpend(now time.Time, back time.Duration, grain ledger.Sum) (Usual, error) {
	end := now.UTC().Truncate(time.Hour).Unix()
	first := h.First(now.Add(-back).Unix(), end)
	u := h.seasonOf(now, now, first, grain)
	u.Days = int((end - first) / day)
	if u.Samples == 0 {
		return u, nil
	}
	var err error
	u.Level, u.Spend, err = h.level(now, first, grain, u.Spend)
	return u, err
}

// seasonOf is the usual of the hour that begins at the given time by the season alone.
func (h Hours) seasonOf(at, now time.Time, first int64, grain ledger.Sum) Usual {
	like, what := h.alike(at, now, first)
	u := Usual{Rate: Rate{Median(Spends(like)), time.Hour}, Samples: len(like), What: what}
	for _, beside := range []time.Duration{-time.Hour, time.Hour} {
		near, _ := h.alike(at.Add(beside), now, first)
		u.Spend = most(u.Spend, Median(Spends(near)))
	}
	u.Spend = most(u.Spend, h.prior(now, first, len(like), grain))
	return u
}

// prior is what the mean of the whole history, with the weight of priorGrains grains, leaves for an hour like those of
// which n were seen without any spend.
func (h Hours) prior(now time.Time, first int64, n int, grain ledger.Sum) ledger.Sum {
	end := now.UTC().Truncate(time.Hour).Unix()
	hours := (end - first) / hour
	if grain.Sign() <= 0 || hours <= 0 {
		return ledger.Sum{}
	}
	var sum ledger.Sum
	for at, v := range h {
		if at >= first && at < end {
			sum = sum.Add(v.Spend)
		}
	}
	weight := Integer(grain)
	weight.Mul(weight, big.NewInt(priorGrains))
	total := Integer(sum)
	below := new(big.Int).Mul(total, big.NewInt(int64(n)))
	below.Add(below, new(big.Int).Mul(weight, big.NewInt(hours)))
	if below.Sign() <= 0 {
		return ledger.Sum{}
	}
	out, err := FromInteger(total.Mul(total, weight).Div(total, below))
	if err != nil { // never: it is less than the mean
		return ledger.Sum{}
	}
	return out
}

// levelHours is over how many of the last whole hours a new level has to show: in most of them.
const levelHours = 6

// level carries a usual to the level of the last hours, if that is higher: by the median of what they are times their own
// usual, but by no more than the median of what they are above it. So what has lasted for hours (a deployment that doubles
// the cost) is usual soon, and a busy night doesn't hide what happens in the morning. A lower level is left alone: after a
// holiday, what is usual is what was before. times is as a factor with 12 places, 1 if nothing is carried.
func (h Hours) level(now time.Time, first int64, grain, usual ledger.Sum) (times, carried ledger.Sum, err error) {
	type last struct{ is, was ledger.Sum }
	var ratios []last
	var excess []ledger.Sum
	end := now.UTC().Truncate(time.Hour)
	for i := 1; i <= levelHours; i++ {
		at := end.Add(-time.Duration(i) * time.Hour)
		if at.Unix() < first {
			break
		}
		l := last{h[at.Unix()].Spend, h.seasonOf(at, at, first, grain).Spend}
		excess = append(excess, l.is.Sub(l.was))
		ratios = append(ratios, l)
	}
	if len(ratios) < levelHours {
		return One, usual, nil
	}
	slices.SortFunc(ratios, func(a, b last) int {
		x, y := Integer(a.is), Integer(b.is)
		return x.Mul(x, Integer(b.was)).Cmp(y.Mul(y, Integer(a.was)))
	})
	slices.SortFunc(excess, ledger.Sum.Cmp)
	middle := ratios[(levelHours-1)/2]
	more := excess[(levelHours-1)/2]
	if middle.was.Sign() <= 0 || middle.is.Cmp(middle.was) <= 0 || more.Sign() <= 0 {
		return One, usual, nil
	}
	if times, err = scale(One, Integer(middle.is), Integer(middle.was)); err != nil {
		return One, usual, err
	}
	carried, err = scale(usual, Integer(middle.is), Integer(middle.was))
	if sum := usual.Add(more); sum.Cmp(carried) < 0 {
		carried = sum
	}
	return times, carried, err
}

// UsualCalls is the median number of calls in hours like the one now is in, and of how many.
func (h Hours) UsualCalls(now time.Time, back time.Duration) (calls uint64, samples int) {
	like, _ := h.Alike(now, now, back)
	if len(like) == 0 {
		return 0, 0
	}
	counts := make([]uint64, len(like))
	for i, l := range like {
		counts[i] = l.Calls
	}
	sortCounts(counts)
	return counts[(len(counts)-1)/2], len(like) // the lower one of two: silence is an accusation
}
