package detect

import (
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
	begin := at.UTC().Truncate(time.Hour).Unix()
	end := now.UTC().Truncate(time.Hour).Unix()
	first := h.First(now.Add(-back).Unix(), end)
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
	Samples int    // hours that it is the median of; 0 if there are none
	Days    int    // days from the first spend in the history to now
	What    string // which hours those are
}

// UsualSpend is the usual spend of the hour that now is in: the median over hours alike, and no less than the usual of
// the two hours beside it. A season that moves by an hour, as it does where clocks change, is then no spike.
func (h Hours) UsualSpend(now time.Time, back time.Duration) Usual {
	end := now.UTC().Truncate(time.Hour).Unix()
	days := int((end - h.First(now.Add(-back).Unix(), end)) / day)
	like, what := h.Alike(now, now, back)
	u := Usual{Rate: Rate{Median(Spends(like)), time.Hour}, Samples: len(like), Days: days, What: what}
	for _, beside := range []time.Duration{-time.Hour, time.Hour} {
		near, _ := h.Alike(now.Add(beside), now, back)
		u.Spend = most(u.Spend, Median(Spends(near)))
	}
	return u
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
