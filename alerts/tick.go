package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
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
	newest    time.Time // newest sign of life of the ledger: a receipt, or ingest's own note; zero if none in a day
	watermark time.Time // up to when receipts are taken to be complete
	openFrom  time.Time // minutes from here on are read from calls, those before from the rollups
	behind    bool      // minutes older than that aren't rolled up: budgets' sums are lower bounds
	fresh     bool      // the ledger is evidence
	expected  bool      // traffic is expected
	recent    *recent
	ledger    reader
}

// look reads the open minutes and finds out whether they are evidence.
func (a *Alerts) look(ctx context.Context, now time.Time) (*tick, error) {
	t := &tick{now: now, openFrom: minutesBefore(now, openMinutes), recent: a.recent, ledger: a.store.reader}
	reach := now.Add(-rollupReach).Truncate(time.Minute)
	if len(a.budgets.rules) > 0 {
		pending, ok, err := t.ledger.pendingMinute(ctx, reach, now.Add(-rollupSlack))
		if err != nil {
			return nil, err
		}
		a.metrics.behind.Set(0)
		if ok {
			a.metrics.behind.Set(now.Sub(pending).Seconds())
			t.openFrom = earlier(t.openFrom, pending)
			t.behind = !pending.After(reach)
		}
	}
	before := now
	if t.openFrom.Before(minutesBefore(now, openMinutes)) {
		before = t.openFrom
	}
	if err := a.recent.fill(ctx, t.ledger, now, before); err != nil {
		return nil, err
	}
	if err := a.age(ctx, t); err != nil {
		return nil, err
	}
	t.watermark = earlier(now, later(a.recent.newest(), now.Add(-ingestLag)))
	return t, nil
}

// age decides whether the ledger is evidence: it has grown lately, or nothing was to be expected.
func (a *Alerts) age(ctx context.Context, t *tick) error {
	t.newest = a.recent.newest()
	if t.now.Sub(t.newest) > a.cfg.StaleAfter {
		at, err := t.ledger.newestRange(ctx, t.now.Add(-24*time.Hour))
		if err != nil {
			return err
		}
		t.newest = later(t.newest, at)
	}
	age := t.now.Sub(t.newest)
	if !t.newest.IsZero() {
		a.metrics.freshness.Set(age.Seconds())
	}
	t.expected = !t.newest.IsZero() && age <= a.cfg.QuietAfter && !a.allBlocked(t)
	t.fresh = !t.expected || age <= a.cfg.StaleAfter
	return nil
}

// allBlocked reports whether every tenant that was seen lately is blocked by us: then silence is what we ordered.
func (a *Alerts) allBlocked(t *tick) bool {
	seen := t.recent.tenants()
	for tenant := range seen {
		h := a.throttles.holds[tenant]
		if h == nil || h.current.DryRun || !slices.Contains([]gateway.Level{gateway.Block, gateway.Cap}, h.current.Level) {
			return false
		}
	}
	return len(seen) > 0
}

// freshnessRule is the name under which the ledger's own silence is reported.
const freshnessRule = "ledger-freshness"

func (a *Alerts) freshness(t *tick) verdict {
	return verdict{
		key: key{rule: freshnessRule}, kind: KindFreshness, severity: Critical, known: true, holds: !t.fresh, clear: t.fresh,
		summary: fmt.Sprintf("the ledger has not grown since %s, %s or more is too old: spend rules neither resolve nor throttle; look at collector, Kafka and ingest",
			t.newest.UTC().Format(time.DateTime), a.cfg.StaleAfter),
		cross: func(context.Context) (time.Time, error) { return t.newest, nil },
	}
}
