package detect

import (
	"math/big"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Spike is a spend rate that is many times the usual, beyond what chance does to a spend as coarse as this one, large in
// itself, and not the work of a single call, in one of several windows that end now.
type Spike struct {
	Factor      ledger.Sum    // of the usual
	ClearFactor ledger.Sum    // below so many times the usual it is over
	MinPerHour  ledger.Sum    // USD an hour below which nothing is a spike
	MinUSD      ledger.Sum    // USD in a window below which nothing is a spike
	MinCalls    uint64        // calls in a window below which nothing is a spike
	ClearIn     time.Duration // the longest window in which its end is looked for, if the shortest isn't longer
}

// Seen is what was spent in a window that ends now.
type Seen struct {
	Window  time.Duration
	Spend   ledger.Sum
	Biggest ledger.Sum // the most expensive call
	Calls   uint64
}

// less is the spend with its dearest call counted for no more than the grain.
func (s Seen) less(grain ledger.Sum) ledger.Sum {
	if s.Biggest.Cmp(grain) <= 0 {
		return s.Spend
	}
	return s.Spend.Sub(s.Biggest).Add(grain)
}

// SpikeSeries is what was spent: in windows from the shortest, which says what goes on now, to the longest.
type SpikeSeries struct {
	Windows []Seen
	Usual   Rate
	Grain   ledger.Sum // how coarse the spend is: see Chance
}

// Finding is what a detector says.
type Finding struct {
	Holds bool
	Clear bool
	Value ledger.Sum    // what was seen
	Need  ledger.Sum    // what it takes to hold
	In    time.Duration // of a spike: the window that was decided in
}

// Least is the amount in a window below which nothing is a spike.
func (s Spike) Least(window time.Duration) (ledger.Sum, error) {
	return Rate{s.MinPerHour, time.Hour}.Scaled(One, window)
}

// Judge decides about one subject: by the first window that holds, or else by the shortest.
func (s Spike) Judge(in SpikeSeries) (out Finding, err error) {
	for i, w := range in.Windows {
		need, usual, err := s.need(w.Window, in)
		if err != nil {
			return Finding{}, err
		}
		f := Finding{Value: w.Spend, Need: need, In: w.Window, Holds: w.less(in.Grain).Cmp(need) >= 0 && w.Calls >= s.MinCalls}
		if i == 0 {
			out = f
			// What is back to nearly the usual is told no more, however much a longer window holds.
			if w.Spend.Cmp(usual) < 0 {
				break
			}
		}
		if f.Holds {
			out = f
			break
		}
	}
	out.Clear, err = s.clear(in)
	return out, err
}

// need is what a spike takes in the window, and what it takes there to be no longer usual.
func (s Spike) need(window time.Duration, in SpikeSeries) (need, unusual ledger.Sum, err error) {
	least, err := s.Least(window)
	if err != nil {
		return need, unusual, err
	}
	times, err := in.Usual.Scaled(s.Factor, window)
	if err != nil {
		return need, unusual, err
	}
	mean, err := in.Usual.Scaled(One, window)
	if err != nil {
		return need, unusual, err
	}
	chance, err := Chance(mean, in.Grain)
	if err != nil {
		return need, unusual, err
	}
	unusual, err = in.Usual.Scaled(s.ClearFactor, window)
	return most(most(times, least), most(chance, s.MinUSD)), unusual, err
}

// clearGrains is how many times its grain a window usually holds in which the end of a spike is looked for: in a shorter
// one, a spend that is back to the usual looks now like many times it and now like nothing.
const clearGrains = 10

// clear reports that the spend is below what a spike takes by ClearFactor / Factor, exactly, in the shortest window that
// says something.
func (s Spike) clear(in SpikeSeries) (bool, error) {
	for i, w := range in.Windows {
		mean, err := in.Usual.Scaled(One, w.Window)
		if err != nil {
			return false, err
		}
		enough := new(big.Int).Mul(Integer(in.Grain), big.NewInt(clearGrains))
		if i < len(in.Windows)-1 && in.Windows[i+1].Window <= s.ClearIn && Integer(mean).Cmp(enough) < 0 {
			continue
		}
		times, err := in.Usual.Scaled(s.Factor, w.Window)
		if err != nil {
			return false, err
		}
		least, err := s.Least(w.Window)
		if err != nil {
			return false, err
		}
		a, b := Integer(w.Spend), Integer(most(times, least))
		return a.Mul(a, Integer(s.Factor)).Cmp(b.Mul(b, Integer(s.ClearFactor))) < 0, nil
	}
	return true, nil
}

// Burn is a pair of windows over which a budget is spent too fast: both at Factor times the pace that would use it up
// exactly at its period's end. The long one says that it matters, the short one that it still goes on (the
// multi-window, multi-burn-rate alert of the SRE workbook, chapter 5, on money in place of errors).
type Burn struct {
	Long, Short time.Duration
	Factor      ledger.Sum
}

// Judge compares what both windows hold with the pace of the budget.
func (b Burn) Judge(pace Rate, long, short ledger.Sum) (Finding, error) {
	needLong, err := pace.Scaled(b.Factor, b.Long)
	if err != nil {
		return Finding{}, err
	}
	needShort, err := pace.Scaled(b.Factor, b.Short)
	if err != nil {
		return Finding{}, err
	}
	over := short.Cmp(needShort) >= 0
	return Finding{Holds: over && long.Cmp(needLong) >= 0, Clear: !over, Value: long, Need: needLong}, nil
}

// Share is a part of calls that should be rare: without price, flagged, refused with 429.
type Share struct {
	Percent  int    // fires at so many percent
	Clear    int    // clears below
	MinCalls uint64 // with fewer calls it is silent
}

// Judge compares part with all.
func (s Share) Judge(part, all uint64) (holds, clear bool) {
	p, a := new(big.Int).SetUint64(part), new(big.Int).SetUint64(all)
	p.Mul(p, big.NewInt(100))
	holds = all >= s.MinCalls && part > 0 && p.Cmp(new(big.Int).Mul(a, big.NewInt(int64(s.Percent)))) >= 0
	clear = all == 0 || part == 0 || p.Cmp(new(big.Int).Mul(a, big.NewInt(int64(s.Clear)))) < 0
	return holds, clear
}

// Silence is a subject that usually calls and doesn't.
type Silence struct {
	For      time.Duration
	MinUsual uint64 // calls that are usual in that time; with fewer, silence means nothing
	Samples  int    // hours of history below which nothing is usual
}

// Judge holds the calls of the last For against the usual calls of such an hour. grain is how coarse the calls are: the
// variance of their number over its mean; 0 or 1 where they come one by one, 20 where they come in sessions of 20, which
// leave gaps that single calls don't. Of n/grain events none happens by chance in e^(−n/grain) of all windows: silence is
// more than that where n/grain is at least chanceNats.
func (s Silence) Judge(calls, usualHour uint64, samples int, grain uint64) (holds, clear bool, usual uint64) {
	n := new(big.Int).Mul(new(big.Int).SetUint64(usualHour), big.NewInt(int64(s.For)))
	usual = n.Div(n, big.NewInt(int64(time.Hour))).Uint64()
	chance := new(big.Int).Mul(new(big.Int).SetUint64(max(grain, 1)), big.NewInt(chanceNats))
	return calls == 0 && samples >= s.Samples && usual >= s.MinUsual && new(big.Int).SetUint64(usual).Cmp(chance) >= 0, calls > 0, usual
}
