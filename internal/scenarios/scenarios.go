package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// cent is a hundredth of a dollar.
const cent = ledger.USD / 100

// within is how soon an injected spike has to be found.
const within = time.Minute

// Scenario is a series and what is to be made of it.
type Scenario struct {
	Name    string
	tenant  tenant
	quiet   bool // nothing in it is worth waking somebody
	beyond  bool // its spikes can't be told from chance within a minute: see Oracle; what it pages counts, what it misses doesn't
	weeks   int
	prepare func(points []alerts.Point) *alerts.Tape
	extra   []alerts.Point
	begin   time.Time // of the history; begin if zero
}

// Result is what came of one scenario.
type Result struct {
	Scenario string
	Injected int
	Found    int // within a minute
	Delays   []time.Duration
	Pages    int // of spikes
	False    int // pages that belong to no injected spike
	Flaps    int // pages of a spike beyond its first
	Weeks    int
	Quiet    bool
	Beyond   bool
	Oracle   float64        // share of the spikes that a rule which knows the true rate could find in time
	Fired    []alerts.Fired // all of them
}

// Rules are the product's defaults.
func Rules() alerts.Config { return alerts.DefaultConfig() }

// berlin changes its clocks on 25 October 2026.
func berlin() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		zone = time.FixedZone("CET", 3600)
	}
	return zone
}

// All are the scenarios. spikes is how many are injected into each series that has some.
func All(spikes int) []Scenario {
	judged := begin.Add(history)
	season := weekly(0.3, daily(0.6, time.UTC))
	busy := func(name string, s shape) tenant {
		return tenant{name: name, perHour: 1800, cost: 2 * cent, shape: s}
	}
	with := func(t tenant, seed uint64, factor float64) tenant {
		t.spikes = spread(seed, spikes, judged, factor)
		return t
	}
	early := begin.AddDate(0, 0, -28) // so that the clocks change in what is judged
	return []Scenario{
		{Name: "steady, with spikes", tenant: with(busy("steady", flat), 1, 5), weeks: 1},
		{Name: "daily season, with spikes", tenant: with(busy("daily", daily(0.6, time.UTC)), 2, 5), weeks: 1},
		{Name: "weekly season, with spikes", tenant: with(busy("weekly", season), 3, 5), weeks: 1},
		{Name: "few dear calls, with spikes", tenant: with(tenant{name: "dear", perHour: 360, cost: 10 * cent, shape: daily(0.4, time.UTC)}, 4, 5), weeks: 1},
		{Name: "doubled a week ago, with spikes", tenant: with(busy("doubled", from(judged.Add(-week), 2, season)), 5, 5), weeks: 1},
		{Name: "a dear call a minute, with spikes", tenant: with(tenant{name: "rare", perHour: 60, cost: 20 * cent, shape: flat}, 6, 5), weeks: 1, beyond: true},
		{Name: "a call in ten minutes, with spikes", tenant: with(tenant{name: "sparse", perHour: 6, cost: 50 * cent, shape: flat}, 7, 5), weeks: 1, beyond: true},
		{Name: "sessions of 20 calls, with spikes", tenant: with(tenant{name: "bursty", perHour: 40, cost: 20 * cent, shape: flat, session: 20}, 8, 5), weeks: 1, beyond: true},
		{Name: "daily season", tenant: busy("quiet-daily", daily(0.8, time.UTC)), quiet: true, weeks: 4},
		{Name: "office hours, weekend", tenant: busy("quiet-office", weekly(0.1, office(0.05, time.UTC))), quiet: true, weeks: 4},
		{Name: "month rollover", tenant: busy("quiet-month-end", monthEnd(season)), quiet: true, weeks: 4},
		{Name: "deployment doubles the cost", tenant: busy("quiet-deployment", from(judged.Add(10*day+11*time.Hour), 2, season)), quiet: true, weeks: 4},
		{Name: "slow drift, threefold in a month", tenant: busy("quiet-drift", drift(judged, 4*week, 3, season)), quiet: true, weeks: 4},
		{Name: "one huge call", tenant: busy("quiet-huge-call", season), quiet: true, weeks: 4, extra: []alerts.Point{hugeCall("quiet-huge-call", judged.Add(3*day+4*time.Hour))}},
		{Name: "sparse: a call in ten minutes", tenant: tenant{name: "quiet-sparse", perHour: 6, cost: 5 * cent, shape: flat}, quiet: true, weeks: 4},
		{Name: "bursty: sessions of 20 calls", tenant: tenant{name: "quiet-bursty", perHour: 40, cost: 2 * cent, shape: weekly(0.3, daily(0.6, time.UTC)), session: 20}, quiet: true, weeks: 4},
		{Name: "clocks change", tenant: busy("quiet-dst", weekly(0.1, office(0.1, berlin()))), quiet: true, weeks: 4, begin: early},
		{Name: "missing data: no ledger for 3 h, twice", tenant: busy("quiet-missing", season), quiet: true, weeks: 4, prepare: missing(judged)},
		{Name: "late data: 20 min late, for 4 h", tenant: busy("quiet-late", season), quiet: true, weeks: 4, prepare: late(judged)},
		{Name: "flapping: 8 times the spend, every other minute for an hour", tenant: flapping(busy("flapping", flat), judged), weeks: 1},
	}
}

func hugeCall(tenant string, at time.Time) alerts.Point {
	cost := ledger.SumOf(40 * ledger.USD)
	return alerts.Point{At: at, Tenant: tenant, Spend: cost, Biggest: cost, Calls: 1}
}

// spread puts spikes of five to fifteen minutes at random times, at least two hours apart.
func spread(seed uint64, n int, start time.Time, factor float64) []injected {
	r := rand.New(rand.NewPCG(seed, 11))
	var out []injected
	gap := (week - 4*time.Hour) / time.Duration(max(n, 1))
	for i := range n {
		at := start.Add(time.Hour + time.Duration(i)*gap + time.Duration(r.Int64N(int64(gap-2*time.Hour))))
		out = append(out, injected{at.Truncate(time.Second), 5*time.Minute + time.Duration(r.Int64N(int64(10*time.Minute))), factor})
	}
	return out
}

func flapping(t tenant, judged time.Time) tenant {
	for i := range 30 {
		t.spikes = append(t.spikes, injected{judged.Add(day + time.Duration(2*i)*time.Minute), time.Minute, 8})
	}
	return t
}

func missing(judged time.Time) func([]alerts.Point) *alerts.Tape {
	return func(points []alerts.Point) *alerts.Tape {
		tape := alerts.NewTape(points)
		for _, d := range []time.Duration{2*day + 9*time.Hour, 16*day + 22*time.Hour} {
			tape.Stop(judged.Add(d), judged.Add(d+3*time.Hour))
		}
		return tape
	}
}

func late(judged time.Time) func([]alerts.Point) *alerts.Tape {
	return func(points []alerts.Point) *alerts.Tape {
		from := judged.Add(8*day + 10*time.Hour)
		for i, p := range points {
			if !p.At.Before(from) && p.At.Before(from.Add(4*time.Hour)) {
				points[i].Late = 20 * time.Minute
			}
		}
		return alerts.NewTape(points)
	}
}

// coarse is the step of time where nothing is injected, fine where something is.
const (
	coarse = 30 * time.Second
	fine   = 5 * time.Second
)

// Run evaluates the default rules over the scenario.
func (s Scenario) Run(ctx context.Context, rules alerts.Config, seed uint64) (Result, error) {
	start := s.begin
	if start.IsZero() {
		start = begin
	}
	judged := start.Add(history)
	end := judged.Add(time.Duration(s.weeks) * week)
	r := rand.New(rand.NewPCG(seed, 7))
	points := s.tenant.draw(r, start, end, func(time.Time) time.Duration { return fine })
	points = append(points, s.extra...)
	prepare := s.prepare
	if prepare == nil {
		prepare = alerts.NewTape
	}
	sim, err := alerts.Simulate(rules, prepare(points), judged)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	for now := judged; now.Before(end); now = now.Add(s.step(now)) {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := sim.Step(ctx, now); err != nil {
			return Result{}, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return s.judge(sim.Fired()), nil
}

func (s Scenario) step(now time.Time) time.Duration {
	for _, i := range s.tenant.spikes {
		if now.After(i.at.Add(-time.Minute)) && now.Before(i.at.Add(5*time.Minute)) {
			return fine
		}
	}
	return coarse
}

// after is how long after its end a spike may still be what an alert is about.
const after = 2 * time.Minute

func (s Scenario) judge(fired []alerts.Fired) Result {
	out := Result{Fired: fired, Scenario: s.Name, Injected: len(s.tenant.spikes), Weeks: s.weeks, Quiet: s.quiet, Beyond: s.beyond, Oracle: s.tenant.oracle()}
	found := make([]int, len(s.tenant.spikes))
	for _, f := range fired {
		if f.Kind != alerts.KindSpike && !f.Page() {
			continue
		}
		if f.Kind == alerts.KindFreshness {
			continue // it is right to say that the ledger is stale
		}
		out.Pages++
		hit := false
		for i, inj := range s.tenant.spikes {
			if !f.From.Before(inj.at) && f.From.Before(inj.at.Add(inj.length+after)) {
				hit = true
				found[i]++
				if delay := f.From.Sub(inj.at); found[i] == 1 && delay <= within {
					out.Found++
					out.Delays = append(out.Delays, delay)
				}
				break
			}
		}
		if !hit {
			out.False++
		}
	}
	for _, n := range found {
		out.Flaps += max(0, n-1)
	}
	return out
}
