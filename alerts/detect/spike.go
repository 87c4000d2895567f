package detect

import (
	"math/big"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Spike is a spend rate that is many times the usual in a short window and still well above it in a long one, that is
// large in itself, and that isn't the work of a single call.
type Spike struct {
	Window      time.Duration
	Long        time.Duration // not longer than Window: there is no long window
	Factor      ledger.Sum    // of the usual, in the short window
	LongFactor  ledger.Sum    // of the usual, in the long window
	ClearFactor ledger.Sum    // below so many times the usual it is over
	MinPerHour  ledger.Sum    // USD an hour below which nothing is a spike
	MinUSD      ledger.Sum    // USD in the long window below which nothing is a spike
	MinCalls    uint64        // calls in the short window below which nothing is a spike
}

// SpikeSeries is what was spent.
type SpikeSeries struct {
	Short, Long ledger.Sum
	Biggest     ledger.Sum // the most expensive call of the short window
	Calls       uint64     // of the short window
	Usual       Rate
}

// Finding is what a detector says.
type Finding struct {
	Holds bool
	Clear bool
	Value ledger.Sum // what was seen
	Need  ledger.Sum // what it takes to hold
}

// Least is the amount in the short window below which nothing is a spike.
func (s Spike) Least() (ledger.Sum, error) {
	return Rate{s.MinPerHour, time.Hour}.Scaled(One, s.Window)
}

// Judge decides about one subject.
func (s Spike) Judge(in SpikeSeries) (Finding, error) {
	least, err := s.Least()
	if err != nil {
		return Finding{}, err
	}
	need, err := in.Usual.Scaled(s.Factor, s.Window)
	if err != nil {
		return Finding{}, err
	}
	need = most(need, least)
	f := Finding{Value: in.Short, Need: need, Holds: in.Short.Sub(in.Biggest).Cmp(need) >= 0 && in.Calls >= s.MinCalls}
	if s.Long > s.Window {
		long, err := in.Usual.Scaled(s.LongFactor, s.Long)
		if err != nil {
			return Finding{}, err
		}
		f.Holds = f.Holds && in.Long.Cmp(most(long, s.MinUSD)) >= 0
	} else {
		f.Holds = f.Holds && in.Short.Cmp(s.MinUSD) >= 0
	}
	f.Clear = clears(in.Short, need, s)
	return f, nil
}

// clears reports spend < need · ClearFactor / Factor, exactly.
func clears(spend, need ledger.Sum, s Spike) bool {
	a, b := Integer(spend), Integer(need)
	return a.Mul(a, Integer(s.Factor)).Cmp(b.Mul(b, Integer(s.ClearFactor))) < 0
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

// Judge holds the calls of the last For against the usual calls of such an hour.
func (s Silence) Judge(calls, usualHour uint64, samples int) (holds, clear bool, usual uint64) {
	n := new(big.Int).Mul(new(big.Int).SetUint64(usualHour), big.NewInt(int64(s.For)))
	usual = n.Div(n, big.NewInt(int64(time.Hour))).Uint64()
	return calls == 0 && samples >= s.Samples && usual >= s.MinUsual, calls > 0, usual
}
