package alerts

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Point is what one subject did in one moment of a series.
type Point struct {
	At      time.Time
	Late    time.Duration // received so long after At
	Tenant  string
	Labels  map[string]string // team, key, model, provider_model, trace, conversation, agent
	Spend   ledger.Sum
	Biggest ledger.Sum // the most expensive call; if 0, all calls cost the same
	Calls   uint64
	// Of the calls: without price, in doubt, answered 429.
	Unpriced, Flagged, Limited uint64
	Tokens                     uint64

	only  string        // counts in this dimension alone: history that is known by a part of the tenant
	whole bool          // stands for a whole hour: nothing is known of its parts
	stuck time.Duration // from its receipt until it is in the ledger
}

// Tape is a series in memory that stands in for the ledger: what a replay, a unit test of rules and the scenarios are
// evaluated over, by the same code as the live ledger. It knows only what had been received at the time it is asked.
type Tape struct {
	now      time.Time
	points   []Point // in the order in which they are stored
	received int     // points before it are stored
	minutes  map[int64][]Point
	kept     int64                       // the first of them
	past     map[int64]map[who]total     // hours of whole tenants
	days     map[int64]map[string]*cells // of whole tenants
	before   days                        // of days that are known by the hour only
	silences []window                    // ingest says nothing
	hourly   map[who]detect.Hours        // past as it was asked for last …
	made     window                      // … over this time; zero: it has changed since
}

// NewTape makes a tape of points in any order.
func NewTape(points []Point) *Tape {
	t := &Tape{points: slices.Clone(points), minutes: map[int64][]Point{}, past: map[int64]map[who]total{}, days: map[int64]map[string]*cells{}}
	for i, p := range t.points {
		t.points[i].Biggest = p.biggest()
	}
	t.sort()
	return t
}

func (t *Tape) sort() {
	slices.SortStableFunc(t.points, func(a, b Point) int { return a.stored().Compare(b.stored()) })
}

// stored is when the point is in the ledger.
func (p Point) stored() time.Time { return p.At.Add(p.Late + p.stuck) }

// Stop makes the ledger stale in [from, to): what is received then is stored at to, with the receipt that it had, as it is
// when ingest stops and Kafka goes on.
func (t *Tape) Stop(from, to time.Time) {
	t.silences = append(t.silences, window{from, to})
	for i, p := range t.points {
		if at := p.stored(); !at.Before(from) && at.Before(to) {
			t.points[i].stuck += to.Sub(at)
		}
	}
	t.sort()
}

// advance receives what came by now.
func (t *Tape) advance(now time.Time) {
	t.now = now
	t.forget(now.Add(-tapeKeep))
	for ; t.received < len(t.points) && !t.points[t.received].stored().After(now); t.received++ {
		p := t.points[t.received]
		minute := p.At.Truncate(time.Minute).Unix()
		if minute >= t.kept {
			t.minutes[minute] = append(t.minutes[minute], p)
		}
		hour := p.At.Truncate(time.Hour).Unix()
		if p.only != byTenant {
			continue
		}
		if hour < t.made.to.Unix() {
			t.made = window{}
		}
		if t.past[hour] == nil {
			t.past[hour] = map[who]total{}
		}
		w := who{tenant: p.Tenant}
		t.past[hour][w] = t.past[hour][w].plus(total{p.Spend, p.Calls, p.Unpriced})
		if !p.whole {
			t.cell(p)
		}
	}
}

// forget lets go of the single points of minutes that begin before a time.
func (t *Tape) forget(before time.Time) {
	from := t.kept
	t.kept = max(t.kept, before.Add(time.Minute-1).Truncate(time.Minute).Unix())
	if from == 0 {
		return // none was kept yet
	}
	for minute := from; minute < t.kept; minute += 60 {
		delete(t.minutes, minute)
	}
}

// cells are what was spent and called in the cells of a day.
type cells struct{ spend, calls []ledger.Sum }

// cell adds the point to its cell of its day, for its tenant and for all together.
func (t *Tape) cell(p Point) {
	begin := p.At.Truncate(day)
	tenants := t.days[begin.Unix()]
	if tenants == nil {
		tenants = map[string]*cells{}
		t.days[begin.Unix()] = tenants
	}
	i := p.At.Sub(begin) / detect.GrainCell
	for _, tenant := range []string{"", p.Tenant} {
		c := tenants[tenant]
		if c == nil {
			c = &cells{make([]ledger.Sum, day/detect.GrainCell), make([]ledger.Sum, day/detect.GrainCell)}
			tenants[tenant] = c
		}
		c.spend[i] = c.spend[i].Add(p.Spend)
		c.calls[i] = c.calls[i].Add(ledger.SumOf(ledger.Money(p.Calls)))
	}
}

func (t *Tape) dispersions(_ context.Context, from, to time.Time) (days, error) {
	out := days{}
	for at := from; at.Before(to); at = at.Add(day) {
		tenants := map[string]spread{}
		for tenant, c := range t.days[at.Unix()] {
			tenants[tenant] = spread{detect.DispersionOf(c.spend), detect.DispersionOf(c.calls)}
		}
		maps.Copy(tenants, t.before[at.Unix()])
		out[at.Unix()] = tenants
	}
	return out, nil
}

// tapeKeep is how long single points are kept: longer than any rule looks at them.
const tapeKeep = 7 * time.Hour

func (p Point) who(dimension string) (who, bool) {
	if p.only != byTenant && p.only != dimension {
		return who{}, false
	}
	if dimension == byTenant {
		return who{tenant: p.Tenant}, true
	}
	v, ok := p.Labels[dimension]
	return who{p.Tenant, v}, ok
}

func (t *Tape) open(_ context.Context, dimension string, from, to time.Time, bucket time.Duration, yield func(w who, minute, bucket int64, c cell)) error {
	type at struct {
		who
		bucket int64
	}
	for minute := from.Unix(); minute < to.Unix(); minute += 60 {
		cells := map[at]cell{}
		for _, p := range t.minutes[minute] {
			w, ok := p.who(dimension)
			if !ok {
				continue
			}
			received := p.At.Add(p.Late)
			k := at{w, received.UnixMilli() / bucket.Milliseconds()}
			c := cells[k]
			c.add(cell{p.Spend, p.Biggest, p.Calls, p.Unpriced, p.Flagged, p.Limited, p.Tokens, received})
			cells[k] = c
		}
		for k, c := range cells {
			yield(k.who, minute, k.bucket, c)
		}
	}
	return nil
}

func (p Point) biggest() ledger.Sum {
	if p.Biggest.Sign() != 0 || p.Calls == 0 {
		return p.Biggest
	}
	each, err := detect.Rate{Spend: p.Spend, In: time.Duration(p.Calls)}.Scaled(detect.One, 1)
	if err != nil {
		return p.Spend
	}
	return each
}

// closed adds whole hours, and points where the window cuts one.
func (t *Tape) closed(_ context.Context, dimension string, from, to time.Time) (map[who]total, error) {
	out := map[who]total{}
	add := func(p Point) {
		if w, ok := p.who(dimension); ok {
			out[w] = out[w].plus(total{p.Spend, p.Calls, p.Unpriced})
		}
	}
	if dimension != byTenant {
		for _, p := range t.points[:t.received] {
			if !p.At.Before(from) && p.At.Before(to) {
				add(p)
			}
		}
		return out, nil
	}
	for at := from; at.Before(to); {
		if hour := at.Add(time.Hour); at.Truncate(time.Hour).Equal(at) && !hour.After(to) {
			for w, sum := range t.past[at.Unix()] {
				out[w] = out[w].plus(sum)
			}
			at = hour
			continue
		}
		for _, p := range t.minutes[at.Unix()] {
			add(p)
		}
		at = at.Add(time.Minute)
	}
	return out, nil
}

func (t *Tape) exact(ctx context.Context, w window) (map[who]total, error) {
	out := map[who]total{}
	for minute := w.from.Truncate(time.Minute); minute.Before(w.to); minute = minute.Add(time.Minute) {
		for _, p := range t.minutes[minute.Unix()] {
			if k, ok := p.who(byTenant); ok && !p.At.Before(w.from) && p.At.Before(w.to) {
				out[k] = out[k].plus(total{p.Spend, p.Calls, p.Unpriced})
			}
		}
	}
	return out, nil
}

// hours of whole tenants are made again only when calls of past hours came since: each is asked for many times.
func (t *Tape) hours(_ context.Context, dimension string, from, to time.Time) (map[who]detect.Hours, error) {
	if dimension == byTenant {
		return t.tenantHours(window{from, to}), nil
	}
	out := map[who]detect.Hours{}
	for _, p := range t.points[:t.received] {
		if w, ok := p.who(dimension); ok && !p.At.Before(from) && p.At.Before(to) {
			if out[w] == nil {
				out[w] = detect.Hours{}
			}
			hour := p.At.Truncate(time.Hour).Unix()
			h := out[w][hour]
			out[w][hour] = detect.Hour{Spend: h.Spend.Add(p.Spend), Calls: h.Calls + p.Calls}
		}
	}
	return out, nil
}

func (t *Tape) tenantHours(w window) map[who]detect.Hours {
	if t.made == w {
		return t.hourly
	}
	out := map[who]detect.Hours{}
	for hour, subjects := range t.past {
		if hour < w.from.Unix() || hour >= w.to.Unix() {
			continue
		}
		for who, sum := range subjects {
			if out[who] == nil {
				out[who] = detect.Hours{}
			}
			out[who][hour] = detect.Hour{Spend: sum.spend, Calls: sum.calls}
		}
	}
	t.made, t.hourly = w, out
	return out
}

func (t *Tape) heavy(_ context.Context, r Runaway, from, to time.Time) ([]heavy, error) {
	sums := map[who]heavy{}
	for minute := from.Unix(); minute < to.Unix(); minute += 60 {
		for _, p := range t.minutes[minute] {
			if w, ok := p.who(r.By); ok && w.value != "" {
				h := sums[w]
				sums[w] = heavy{w, h.plus(total{p.Spend, p.Calls, p.Unpriced}), later(h.newest, p.At.Add(p.Late))}
			}
		}
	}
	var out []heavy
	for _, h := range sums {
		if limit := r.forTenant(h.tenant); limit.reached(h) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b heavy) int {
		return cmp.Or(b.spend.Cmp(a.spend), cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.value, b.value))
	})
	return out[:min(len(out), heavyMost)], nil
}

// crossings aren't looked for: a replay reports when a rule fired.
func (t *Tape) crossings(context.Context, window, []string, map[string]ledger.Sum, func(string, time.Time)) error {
	return nil
}

func (t *Tape) pendingMinute(context.Context, time.Time, time.Time) (time.Time, bool, error) {
	return time.Time{}, false, nil
}

func (t *Tape) completeTo(context.Context) (time.Time, error) {
	for _, w := range t.silences {
		if !t.now.Before(w.from) && t.now.Before(w.to) {
			return w.from, nil
		}
	}
	return t.now, nil
}
