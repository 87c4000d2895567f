package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Deps are what the role is given.
type Deps struct {
	Log       *slog.Logger          // nothing is logged if nil
	Metrics   prometheus.Registerer // nowhere if nil
	Now       func() time.Time      // clock; time.Now if nil
	Due       <-chan time.Time      // when to evaluate; every Config.EvaluateEvery if nil
	Throttler Throttler             // nil: a gateway.Client made from Config.Throttle.Gateway, if that has a URL
	OnEvent   func(Event)           // told every event after it was written down, in order; must not block
	Shared    bool                  // other alerts processes may work on the database: one leads, the others stand by
}

// Alerts evaluates the rules and acts on them.
type Alerts struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	due     <-chan time.Time
	onEvent func(Event)
	metrics *metrics
	conn    driver.Conn
	store   store
	lead    *lead // nil: it is alone

	*evaluation
	throttles *throttles
	client    *gateway.Client // owned, nil if a Throttler was given or there is no gateway
	boxes     *notify.Boxes

	booked   booked
	episodes episodes
	ended    map[key]ended             // the newest episode of each key that has ended
	outbox   map[uuid.UUID]*AlertEvent // newest event that some receiver still lacks
	started  map[uuid.UUID]time.Time   // of those episodes
	untold   []untold                  // events that aren't explained and notified yet
	refresh  time.Time                 // last time Alertmanagers were told again what is firing
	restored bool
	read     time.Time             // the clock, at the last evaluation
	ready    atomic.Pointer[error] // nil pointer: not evaluated yet; to nil: the last evaluation succeeded
}

// New checks the configuration and connects nothing yet.
func New(cfg Config, deps Deps) (*Alerts, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	a := &Alerts{cfg: cfg, log: deps.Log, now: deps.Now, due: deps.Due, onEvent: deps.OnEvent,
		booked: booked{told: map[string]bool{}}, episodes: episodes{}, ended: map[key]ended{}, outbox: map[uuid.UUID]*AlertEvent{}, started: map[uuid.UUID]time.Time{}}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics == nil {
		deps.Metrics = prometheus.NewRegistry()
	}
	var err error
	if a.metrics, err = newMetrics(deps.Metrics); err != nil {
		return nil, fmt.Errorf("alerts: metrics: %w", err)
	}
	throttler := deps.Throttler
	if throttler == nil && cfg.Throttle.Gateway.URL != "" {
		if a.client, err = gateway.NewClient(cfg.Throttle.Gateway, a.now); err != nil {
			return nil, fmt.Errorf("alerts: throttle: %w", err)
		}
		throttler = a.client
	}
	count := func(receiver, outcome string) { a.metrics.notifications.WithLabelValues(receiver, outcome).Inc() }
	if a.boxes, err = notify.New(cfg.Notify, notify.Options{Log: a.log, Now: a.now, Count: count}); err != nil {
		return nil, fmt.Errorf("alerts: notify: %w", err)
	}
	if a.conn, err = schema.Open(cfg.ClickHouse); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	a.store = store{reader{a.conn}}
	if deps.Shared {
		a.lead = newLead(newClaimTable(a.conn), a.log)
	}
	if a.evaluation, err = newEvaluation(cfg, a.store.reader, a.now().UTC()); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	a.history.perLook = daysPerLook
	a.spikes.endedAt = func(k key) time.Time { return a.ended[k].at }
	a.throttles = &throttles{cfg: cfg.Throttle, gateway: throttler, store: a.store, now: a.now, log: a.log, metrics: a.metrics, results: make(chan result),
		notify: func(e *ThrottleEvent) { a.tell(Event{Throttle: e}) }}
	return a, nil
}

// tell gives who listens what is theirs: an event is explained, and so changed, after it was told.
func (a *Alerts) tell(e Event) {
	if a.onEvent == nil {
		return
	}
	if e.Alert != nil {
		alert := *e.Alert
		e.Alert = &alert
	}
	if e.Throttle != nil {
		throttle := *e.Throttle
		e.Throttle = &throttle
	}
	a.onEvent(e)
}

// Ready is nil while evaluations succeed, and while it stands by.
func (a *Alerts) Ready(context.Context) error {
	switch last := a.ready.Load(); {
	case last == nil:
		return errors.New("alerts: not evaluated yet")
	case *last != nil:
		return fmt.Errorf("alerts: last evaluation: %w", *last)
	}
	return nil
}

// Run evaluates until ctx ends. It waits for a database that isn't there yet, and goes on after failures; leases that
// can't be renewed meanwhile run out at the gateway. Where processes share the database it stands by until it leads, and ends with an error
// when another one has taken the lead from it: what it remembers is out of date then.
func (a *Alerts) Run(ctx context.Context) error {
	defer a.close()
	if a.lead != nil {
		var renewing sync.WaitGroup
		defer renewing.Wait()
		leading, stop := context.WithCancel(context.WithoutCancel(ctx)) // until all that was begun has ended
		defer stop()
		renewing.Go(func() { a.lead.run(leading) })
		if !a.standBy(ctx) {
			return nil
		}
	}
	return a.act(ctx)
}

func (a *Alerts) close() {
	if a.client != nil {
		a.client.Close()
	}
	if err := a.conn.Close(); err != nil {
		a.log.Warn("connections to the database can't be closed", "error", err)
	}
}

// act evaluates and acts until ctx ends, or another process leads.
func (a *Alerts) act(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a.metrics.leads.Set(1)
	defer a.metrics.leads.Set(0)
	var boxes sync.WaitGroup
	boxes.Go(func() { a.boxes.Run(ctx) })
	var cut context.CancelFunc
	a.throttles.sending, cut = context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	due := a.due
	if due == nil {
		ticker := time.NewTicker(a.cfg.EvaluateEvery)
		defer ticker.Stop()
		due = ticker.C
	}
	var lost error
	for ctx.Err() == nil {
		if lost = a.overtaken(); lost != nil {
			stop()
			break
		}
		a.step(ctx)
		a.wait(ctx, due)
	}
	boxes.Wait()
	a.drain(context.WithoutCancel(ctx), cut)
	return lost
}

// wait handles reports of sends and notifications until the next evaluation is due.
func (a *Alerts) wait(ctx context.Context, due <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			return
		case r := <-a.throttles.results:
			for _, r := range all(r, a.throttles.results) {
				a.settle(r)
			}
			a.commit(ctx)
		case r := <-a.boxes.Reports():
			if err := a.delivered(ctx, all(r, a.boxes.Reports())...); err != nil {
				a.log.Error("delivery of a notification is not written down; it may be sent again after a restart", "receiver", r.Receiver, "error", err)
			}
		}
	}
}

// all is first and whatever else is there already.
func all[T any](first T, more <-chan T) []T {
	out := []T{first}
	for {
		select {
		case next := <-more:
			out = append(out, next)
		default:
			return out
		}
	}
}

func (a *Alerts) commit(ctx context.Context) {
	if err := a.throttles.commit(ctx); err != nil {
		a.log.Error("answers to throttle commands aren't written down yet; it is tried again", "steps", len(a.throttles.happened), "error", err)
	}
}

func (a *Alerts) settle(r result) {
	if err := a.throttles.settle(a.now().UTC(), r); err != nil {
		a.log.Error("answer to a throttle command can't be written down", "subject", r.cmd.Subject, "sequence", r.cmd.Sequence, "error", err)
	}
	if r.probe || r.err != nil || r.cmd.DryRun {
		return
	}
	for _, ep := range a.episodes {
		if ep.id.String() == r.cmd.Episode && !ep.reacted {
			ep.reacted = true
			a.metrics.reaction.Observe(r.ack.At.Sub(ep.event.Crossed).Seconds())
		}
	}
}

// drainFor bounds the wait for sends in flight at the end; then they are cut.
const drainFor = 3 * time.Second

func (a *Alerts) drain(ctx context.Context, cut context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, 2*drainFor)
	defer cancel()
	timer := time.AfterFunc(drainFor, cut)
	defer timer.Stop()
	inFlight := 0
	for _, h := range a.throttles.holds {
		if h.inFlight {
			inFlight++
		}
	}
	for range inFlight {
		a.settle(<-a.throttles.results)
	}
	a.commit(ctx)
}

// evaluateWithin ends an evaluation that a hanging database would never end.
const evaluateWithin = 30 * time.Second

// step is one evaluation; its error is logged when it changes.
func (a *Alerts) step(ctx context.Context) {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, max(evaluateWithin, 2*a.cfg.EvaluateEvery))
	err := a.evaluateLeading(limited)
	cancel()
	if ctx.Err() != nil {
		return
	}
	a.metrics.evaluation.Observe(time.Since(began).Seconds())
	before := a.ready.Swap(&err)
	if err == nil {
		if before == nil || *before != nil {
			a.log.Info("alerts are being evaluated", "budgets", len(a.cfg.Budgets), "spikes", len(a.cfg.Spikes), "open_episodes", len(a.episodes))
		}
		return
	}
	a.metrics.failures.Inc()
	if before == nil || *before == nil || (*before).Error() != err.Error() {
		a.log.Error("evaluation failed; it is tried again, leases aren't renewed meanwhile", "every", a.cfg.EvaluateEvery, "error", err)
	}
}

// evaluate reads the ledger, asks every rule, moves the episodes and orders throttles.
func (a *Alerts) evaluate(ctx context.Context) error {
	now := a.readClock()
	if !a.restored {
		if err := a.restore(ctx, now); err != nil {
			return fmt.Errorf("restore episodes and leases: %w", err)
		}
		a.restored = true
	}
	if err := a.takeBudgets(ctx, now); err != nil {
		return err
	}
	t, err := a.look(ctx, now)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	a.metrics.behind.Set(a.behind.Seconds())
	a.metrics.freshness.Set(a.ledgerAge.Seconds())
	verdicts, err := a.ask(ctx, t, a.episodes)
	if err != nil {
		return err
	}
	verdicts = append(verdicts, a.throttles.verdicts(a.episodes)...)
	errs := []error{a.follow(ctx, t, verdicts)}
	errs = append(errs, a.throttles.reconcile(ctx, t, a.wishes()))
	a.tellWhy(ctx)
	a.repeat(ctx, now)
	return errors.Join(errs...)
}

// wishes collects what the firing episodes want done, per subject.
func (a *Alerts) wishes() map[gateway.Subject][]wish {
	out := map[gateway.Subject][]wish{}
	for k, ep := range a.episodes {
		if ep.throttle != nil {
			s := k.throttled()
			out[s] = append(out[s], wish{ep.throttle, ep.id, k.rule, ep.event.Kind, ep.event.Summary, ep.began, ep.clearSince.IsZero(), ep.proved})
		}
	}
	return out
}

// restore reads the episodes and leases that a process before left.
func (a *Alerts) restore(ctx context.Context, now time.Time) error {
	events, err := a.store.openEpisodes(ctx, now.Add(-a.cfg.Notify.GiveUpAfter))
	if err != nil {
		return err
	}
	if err := a.throttles.restore(ctx, now); err != nil {
		return err
	}
	for _, e := range events {
		var d detail
		if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
			a.log.Error("episode has a detail that can't be read; it is left alone", "episode", e.Episode, "error", err)
			continue
		}
		k := key{e.Rule, e.Tenant, d.Threshold, d.By, d.Value}
		if e.State == StateResolved {
			a.ended[k] = ended{later(a.ended[k].at, earlier(e.At, now)), max(a.ended[k].returns, d.Returns)}
		} else {
			ep := &episode{id: e.Episode, sequence: e.Sequence, event: e, reacted: true, returns: d.Returns, began: earlier(d.started(e.At), now)}
			ep.baseline.In, _ = time.ParseDuration(d.BaselineFor) // budgets have none
			ep.baseline.Spend, _ = ledger.ParseSum(d.BaselineUSD)
			ep.baseline.grain, _ = ledger.ParseSum(d.Grain)
			a.episodes[k] = ep
			a.metrics.open.WithLabelValues(e.Kind).Inc()
		}
		a.started[e.Episode] = e.At
		if e.State == StateResolved {
			a.started[e.Episode] = d.started(e.At)
		}
		if len(a.missing(&e)) > 0 {
			a.untold = append(a.untold, untold{event: &e})
		}
	}
	a.log.Info("alerts restored", "open_episodes", len(a.episodes), "subjects_with_commands", len(a.throttles.holds), "frozen", a.throttles.acts.frozen != nil)
	return nil
}
