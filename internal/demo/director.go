package demo

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/screen"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// view is all that is known from outside at one time.
type view struct {
	book    book
	alerts  []alertEvent
	gateway map[string]held
}

// product is what is read from the running product; watcher reads it from ClickHouse.
type product interface {
	calls(context.Context) (book, error)               // the ledger
	spend(context.Context) (map[string]account, error) // the rollups
	alerts(context.Context) ([]alertEvent, error)
}

// director holds the running demo together. Three goroutines meet in it under mu: the story, the watching, and the
// gateway's limiter.
type director struct {
	plan    plan
	servers *Servers
	traffic *Traffic
	product product
	screen  *screen.Screen // nil: nothing is drawn
	log     *slog.Logger
	start   time.Time

	mu      sync.Mutex
	view    view
	changed chan struct{} // closed and replaced when view changes
	frame   screen.Frame
	moods   map[string]screen.Mood
	seen    map[string]bool // alert states already noted
	pending []screen.Note   // of the gateway; they are shown after the alerts that caused them
}

func newDirector(log *slog.Logger) *director {
	return &director{log: log, changed: make(chan struct{}), view: view{gateway: map[string]held{}},
		moods: map[string]screen.Mood{}, seen: map[string]bool{}, start: time.Now()}
}

// pollEvery is how often the product is read, and drawn.
const pollEvery = 500 * time.Millisecond

// watch reads the product and draws until ctx ends. A read that fails is tried again: the verdict has its own reads.
func (d *director) watch(ctx context.Context) {
	for wait(ctx, pollEvery) {
		limit, cancel := context.WithTimeout(ctx, 10*time.Second)
		b, err := d.product.calls(limit)
		events, err2 := d.product.alerts(limit)
		cancel()
		if ctx.Err() != nil {
			return
		}
		for _, e := range []error{err, err2} {
			if e != nil {
				d.log.Warn("reading the product failed, trying again", "error", e)
			}
		}
		if err == nil {
			d.learn(b)
		}
		d.mu.Lock()
		if err2 == nil {
			d.view.alerts = events
			d.noteAlerts(events)
			d.frame.Notes, d.pending = append(d.frame.Notes, d.pending...), nil
		}
		d.publish()
		d.mu.Unlock()
		d.draw()
	}
}

// learn takes what the ledger says.
func (d *director) learn(b book) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view.book = b
}

// publish wakes whoever waits for a change; mu is held.
func (d *director) publish() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// onCommand is called by the gateway's limiter with every command it took.
func (d *director) onCommand(ack gateway.Ack) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := ack.State
	h := d.view.gateway[s.Tenant]
	if s.InForce && !h.last.InForce {
		h.first = time.Now()
		d.pending = append(d.pending, d.newNote(screen.Warn, fmt.Sprintf("the gateway throttles %s: %s", s.Tenant, limits(s))))
	}
	if s.Level == gateway.Release && h.last.Level != gateway.Release {
		d.pending = append(d.pending, d.newNote(screen.Good, "the gateway releases "+s.Tenant))
	}
	h.last = s
	d.view.gateway[s.Tenant] = h
	d.publish()
}

// limits says a command's limits in words.
func limits(s gateway.State) string {
	per := s.Limits.Per.String()
	if s.Limits.Per == time.Minute {
		per = "minute"
	}
	text := string(s.Level)
	for _, l := range []struct {
		set  bool
		what string
	}{
		{s.Limits.Requests > 0, fmt.Sprintf("%d requests", s.Limits.Requests)},
		{s.Limits.Tokens > 0, fmt.Sprintf("%d tokens", s.Limits.Tokens)},
		{s.Limits.USD > 0, s.Limits.USD.Short() + " USD"},
	} {
		if l.set {
			text += " to " + l.what + " per " + per
		}
	}
	return text
}

// until waits until cond holds of what is known, at most limit.
func (d *director) until(ctx context.Context, limit time.Duration, cond func(view) bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		d.mu.Lock()
		ok, changed := cond(d.view), d.changed
		d.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (d *director) look(f func(view)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d.view)
}

func (d *director) phase(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frame.Phase = text
}

func (d *director) mood(tenant string, m screen.Mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moods[tenant] = m
}

func (d *director) note(m screen.Mood, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frame.Notes = append(d.frame.Notes, d.newNote(m, text))
}

func (d *director) newNote(m screen.Mood, text string) screen.Note {
	return screen.Note{At: max(time.Since(d.start), 1), Text: text, Mood: m}
}

func (d *director) noteAlerts(events []alertEvent) {
	for _, e := range events {
		key := e.episode + e.state
		if d.seen[key] || (e.state != "firing" && e.state != "resolved") {
			continue
		}
		d.seen[key] = true
		mood := screen.Alarm
		if e.state == "resolved" {
			mood = screen.Good
		}
		// The first clause says what happened, the rest against what; alert_events has it all.
		what, _, _ := strings.Cut(strings.TrimPrefix(e.summary, e.state+": "), "; ")
		n := d.newNote(mood, "alert "+e.state+": "+what)
		n.At = max(e.at.Sub(d.start), 1)
		d.frame.Notes = append(d.frame.Notes, n)
	}
}

// draw shows what is known now.
func (d *director) draw() {
	if d.screen == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fill(&d.frame, time.Now())
	d.screen.Draw(&d.frame)
}

// fill brings the frame up to date; mu is held.
func (d *director) fill(f *screen.Frame, now time.Time) {
	b := d.view.book
	f.Elapsed = now.Sub(d.start)
	f.Rows, f.Total, f.Made = nil, screen.Row{Tenant: "all tenants"}, 0
	counts := map[string]apps.Counts{}
	if d.traffic != nil { // not yet while the product starts
		counts = d.traffic.Counts()
	}
	all := make([]float64, 2*screen.SparkColumns)
	for _, tenant := range slices.Sorted(maps.Keys(counts)) {
		f.Made += counts[tenant].Made
		a := b.tenants[tenant]
		bySecond := b.seconds[tenant]
		r := screen.Row{Tenant: tenant, Calls: a.calls, Total: a.amount, Mood: d.moods[tenant]}
		if d.view.gateway[tenant].last.InForce && r.Mood != screen.Calm {
			r.Mood = screen.Warn
		}
		// The newest seconds are still on their way through the pipeline: the chart and the rate end two seconds ago.
		end := now.Unix() - 2
		var recent ledger.Sum
		for s := end - rateSeconds; s < end; s++ {
			recent = recent.Add(bySecond[s])
		}
		r.PerMinute = perMinute(recent, rateSeconds)
		chartEnd := end - end%2 // whole bars, so that they move and don't waver
		for i := range all {
			v := bySecond[chartEnd-int64(len(all))+int64(i)].Float64()
			all[i] += v
			if i%2 == 0 {
				r.Spark = append(r.Spark, 0)
			}
			r.Spark[i/2] += v
		}
		f.Total.PerMinute, f.Total.Calls, f.Total.Total = f.Total.PerMinute.Add(r.PerMinute), f.Total.Calls+r.Calls, f.Total.Total.Add(r.Total)
		f.Rows = append(f.Rows, r)
	}
	for i := 0; i < len(all); i += 2 {
		f.Total.Spark = append(f.Total.Spark, all[i]+all[i+1])
	}
	f.InLedger = b.total().calls
	if !b.newest.IsZero() {
		f.Lag = max(0, now.Sub(b.newest))
	}
	f.Alert, f.Throttle = d.firingNow(), d.throttledNow(now)
}

// rateSeconds is how many seconds the shown rate looks back.
const rateSeconds = 4

// firingNow says which alerts have fired and not resolved; mu is held.
func (d *director) firingNow() string {
	state := map[string]alertEvent{}
	for _, e := range d.view.alerts {
		state[e.episode] = e
	}
	text := ""
	for _, e := range d.view.alerts {
		if e.state == "firing" && state[e.episode].state == "firing" {
			if text != "" {
				text += "; "
			}
			text += fmt.Sprintf("%s on %s", e.rule, e.tenant)
			delete(state, e.episode)
		}
	}
	return text
}

func (d *director) throttledNow(now time.Time) string {
	text := ""
	for _, tenant := range slices.Sorted(maps.Keys(d.view.gateway)) {
		h := d.view.gateway[tenant]
		if h.last.InForce && now.Before(h.last.Expires) {
			if text != "" {
				text += "; "
			}
			text += fmt.Sprintf("%s %s, %d calls refused", tenant, limits(h.last), d.servers.Gateway.Counts()[tenant].Refused)
		}
	}
	return text
}
