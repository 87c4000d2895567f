package alerts

import (
	"context"
	"fmt"
	"time"
)

// A minute that has changed and wasn't rolled up for rollupSlack is read from the calls instead, if it's at most
// rollupReach old.
const (
	rollupSlack = 30 * time.Second
	rollupReach = 10 * time.Minute
)

// ingestLag is how much younger than now the end of a spike's window may be: what was received later may not be in the
// ledger yet.
const ingestLag = time.Second

// tick is what one evaluation knows.
type tick struct {
	now       time.Time
	complete  time.Time // up to when the ledger is known to be complete; zero if nothing is known
	newest    time.Time // newest sign of life of the ledger: a receipt, or complete
	watermark time.Time // up to when receipts are taken to be complete
	openFrom  time.Time // minutes from here on are read from calls, those before from the rollups
	ahead     time.Time // up to when there may be calls of a time to come
	behind    bool      // minutes older than that aren't rolled up: budgets' sums are lower bounds
	fresh     bool      // the ledger is evidence
	stale     bool      // it isn't, and should be by now
	early     bool      // it is said to be complete up to a time to come
	recent    *recent
	recents   map[string]*recent // by dimension; recent is the one of whole tenants
	quotas    map[who]quota      // by tenant and provider/model
	ledger    source
}

// of is what was received lately by a dimension.
func (t *tick) of(dimension string) *recent {
	if dimension == byTenant {
		return t.recent
	}
	return t.recents[dimension]
}

// look reads the open minutes and finds out whether they are evidence.
func (a *evaluation) look(ctx context.Context, now time.Time) (*tick, error) {
	t := &tick{now: now, openFrom: minutesBefore(now, openMinutes), ahead: a.ahead, recent: a.recent, recents: a.recents, ledger: a.source}
	reach := now.Add(-rollupReach).Truncate(time.Minute)
	if len(a.budgets.rules) > 0 {
		pending, ok, err := t.ledger.pendingMinute(ctx, reach, now.Add(-rollupSlack))
		if err != nil {
			return nil, err
		}
		a.behind = 0
		if ok {
			a.behind = now.Sub(pending)
			t.openFrom = earlier(t.openFrom, pending)
			t.behind = !pending.After(reach)
		}
	}
	if err := a.readRecent(ctx, t); err != nil {
		return nil, err
	}
	for _, r := range a.recents {
		if now.Sub(r.last) >= lateEvery || now.Before(r.last) {
			if err := r.fill(ctx, t.ledger, now, now); err != nil {
				return nil, err
			}
		}
	}
	if err := a.age(ctx, t); err != nil {
		return nil, err
	}
	if err := a.lookForQuotas(ctx, now); err != nil {
		return nil, err
	}
	t.quotas = a.quotas
	t.watermark = earlier(now, later(a.recent.newest(), now.Add(-ingestLag)))
	return t, nil
}

// readRecent reads the open minutes, unless nothing has come since they were read.
func (a *evaluation) readRecent(ctx context.Context, t *tick) error {
	before := t.now
	if t.openFrom.Before(minutesBefore(t.now, openMinutes)) {
		before = t.openFrom
	}
	calm, err := a.calm(ctx, t)
	if err != nil || calm && before.Equal(t.now) {
		return err
	}
	return a.recent.fill(ctx, t.ledger, t.now, before)
}

// completeAgain is for how long a ledger that was complete isn't asked again up to when it is: ingest says it no more often.
const completeAgain = 5 * time.Second

// completeTo is up to when the ledger is complete, as read a moment ago if that is recent enough for any rule.
func (a *evaluation) completeTo(ctx context.Context, t *tick) (time.Time, error) {
	since := t.now.Sub(a.asked)
	if behind := t.now.Sub(a.complete); since >= 0 && since < min(completeAgain, a.cfg.StaleAfter/4) && behind >= 0 && behind < a.cfg.StaleAfter/2 {
		return a.complete, nil
	}
	complete, err := t.ledger.completeTo(ctx)
	if err == nil {
		a.complete, a.asked = complete, t.now
	}
	return complete, err
}

// age decides whether the ledger is evidence: it is known to be complete up to a time at most StaleAfter ago. That time is
// of ingest's clock and now is of ours: where the hosts' clocks differ, staleness is noticed so much sooner or later, so
// the difference has to stay well below StaleAfter. A time that is ahead by more proves nothing.
func (a *evaluation) age(ctx context.Context, t *tick) error {
	complete, err := a.completeTo(ctx, t)
	if err != nil {
		return err
	}
	t.complete = complete
	t.newest = later(a.recent.newest(), complete)
	age := t.now.Sub(later(complete, a.born))
	a.ledgerAge = max(0, age)
	t.early = complete.Sub(t.now) > a.cfg.StaleAfter
	t.fresh = t.now.Sub(complete) <= a.cfg.StaleAfter && !t.early
	t.stale = age > a.cfg.StaleAfter || t.early && t.now.Sub(a.born) > a.cfg.StaleAfter
	return nil
}

// freshnessRule is the name under which a ledger that may lack calls is reported.
const freshnessRule = "ledger-freshness"

// freshness fires when the ledger is stale. In the first StaleAfter of this process an old ledger is no alarm yet, since
// everything may have just been started; nor does it end one.
func (a *evaluation) freshness(t *tick) verdict {
	at, started := t.complete, ""
	if at.IsZero() {
		at, started = a.born, ", when alerts was started, or longer"
	}
	since := at.UTC().Format(time.DateTime) + " UTC" + started
	v := verdict{
		key: key{rule: freshnessRule}, kind: KindFreshness, severity: Critical, known: true, holds: t.stale, clear: t.fresh,
		crossed: at,
	}
	v.summary = fmt.Sprintf("calls may be missing from the ledger since %s: until it is complete again, spend rules don't resolve, and throttle only where a budget is exceeded already; "+
		"see whether ingest runs and keeps up (tollkeeper_ingest_lag, its log), and whether Kafka and ClickHouse answer it", since)
	switch {
	case t.early:
		v.summary = fmt.Sprintf("ingest says that the ledger is complete up to %s, which is %s from now: the clock of its host or of this one is wrong; "+
			"until they agree, spend rules don't resolve, and throttle only where a budget is exceeded already", since, t.complete.Sub(t.now).Round(time.Second))
	case t.fresh:
		v.summary = "the ledger is complete up to " + since
	}
	return v
}
