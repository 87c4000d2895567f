package scenarios

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// begin is a Monday. Four weeks of history come before what is judged.
var begin = time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC)

const (
	day     = 24 * time.Hour
	week    = 7 * day
	history = 4 * week
)

// shape is how busy a tenant is at a time, 1 on average: what a series is drawn from. Shapes are numbers for drawing, not
// money; a call's cost is.
type shape func(at time.Time) float64

// flat is as busy at any time.
func flat(time.Time) float64 { return 1 }

// daily has one wave a day, highest in the afternoon, in a time zone.
func daily(depth float64, zone *time.Location) shape {
	return func(at time.Time) float64 {
		local := at.In(zone)
		hours := float64(local.Hour()) + float64(local.Minute())/60
		return 1 + depth*math.Sin(2*math.Pi*(hours-9)/24)
	}
}

// weekly is quiet at weekends.
func weekly(weekend float64, of shape) shape {
	return func(at time.Time) float64 {
		if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
			return weekend * of(at)
		}
		return of(at)
	}
}

// office begins and ends the working day at once, in a time zone.
func office(night float64, zone *time.Location) shape {
	return func(at time.Time) float64 {
		if h := at.In(zone).Hour(); h >= 8 && h < 18 {
			return 1
		}
		return night
	}
}

// from multiplies by a factor from a time on.
func from(when time.Time, factor float64, of shape) shape {
	return func(at time.Time) float64 {
		if at.Before(when) {
			return of(at)
		}
		return factor * of(at)
	}
}

// drift grows by a factor evenly over a time.
func drift(start time.Time, over time.Duration, factor float64, of shape) shape {
	return func(at time.Time) float64 {
		part := math.Min(1, math.Max(0, float64(at.Sub(start))/float64(over)))
		return (1 + (factor-1)*part) * of(at)
	}
}

// monthEnd doubles on the last day of each month: billing runs.
func monthEnd(of shape) shape {
	return func(at time.Time) float64 {
		if at.AddDate(0, 0, 1).Month() != at.Month() {
			return 2 * of(at)
		}
		return of(at)
	}
}

// injected is a spike: the spend is multiplied for a time.
type injected struct {
	at     time.Time
	length time.Duration
	factor float64
}

func (i injected) covers(at time.Time) bool { return !at.Before(i.at) && at.Before(i.at.Add(i.length)) }

// tenant is one series to be drawn.
type tenant struct {
	name    string
	perHour float64 // calls in an hour on average
	cost    ledger.Money
	shape   shape
	session int // calls of one session, made within a minute; 0 or 1: single calls
	spikes  []injected
}

// draw makes the calls of [from, to) as points: fine where something may be watched for, else by the minute. Calls come at
// random (a Poisson process), and cost from half to one and a half times the usual.
func (t tenant) draw(r *rand.Rand, start, end time.Time, step func(time.Time) time.Duration) []alerts.Point {
	var out []alerts.Point
	for at := start; at.Before(end); {
		d := step(at)
		busy := t.perHour * t.shape(at) * d.Hours()
		for _, s := range t.spikes {
			if s.covers(at) {
				busy *= s.factor
			}
		}
		session := max(1, t.session)
		for range poisson(r, busy/float64(session)) {
			for i := range session {
				out = append(out, t.call(r, at.Add(time.Duration(r.Int64N(int64(d)))+time.Duration(i)*5*time.Second)))
			}
		}
		at = at.Add(d)
	}
	return merge(out)
}

func (t tenant) call(r *rand.Rand, at time.Time) alerts.Point {
	cost := ledger.SumOf(t.cost/2 + ledger.Money(r.Int64N(int64(t.cost))))
	return alerts.Point{At: at, Tenant: t.name, Spend: cost, Biggest: cost, Calls: 1}
}

// merge adds up the calls of the same five seconds, so that a busy month fits into memory.
func merge(points []alerts.Point) []alerts.Point {
	const cell = 5 * time.Second
	at := map[int64]int{}
	var out []alerts.Point
	for _, p := range points {
		k := p.At.UnixNano() / int64(cell)
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			p.At = p.At.Truncate(cell)
			out = append(out, p)
			continue
		}
		out[i].Spend = out[i].Spend.Add(p.Spend)
		out[i].Calls += p.Calls
		if p.Biggest.Cmp(out[i].Biggest) > 0 {
			out[i].Biggest = p.Biggest
		}
	}
	return out
}

// poisson draws a number of events; by the normal approximation where they are many.
func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	limit, p, n := math.Exp(-mean), 1.0, 0
	for {
		if p *= r.Float64(); p <= limit {
			return n
		}
		n++
	}
}
