package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/screen"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// runawayPace is how many times its quiet pace a runaway tenant works at.
const runawayPace = 15

// tell is the story: quiet traffic, a runaway that spikes, a runaway that eats up a budget.
func (d *director) tell(ctx context.Context) (spike, budget Episode) {
	d.phase("quiet traffic of five tenants")
	d.note(screen.Calm, "five apps call models through the gateway and report each call by OTLP")
	wait(ctx, d.plan.warmUp)
	spike = d.runaway(ctx, spikeRule, apps.SpikeTenant)
	d.phase("quiet again")
	wait(ctx, d.plan.rest)
	budget = d.runaway(ctx, budgetRule, apps.BudgetTenant)
	d.phase("the last calls")
	return spike, budget
}

// runaway lets a tenant run away, waits for the alert and the throttle, looks at the spend under it, ends the runaway, and
// waits for the release. Nothing here waits for a fixed time where an event says that it is time.
func (d *director) runaway(ctx context.Context, rule, tenant string) Episode {
	e := Episode{Rule: rule, Tenant: tenant, RateBefore: ledger.Sum{}.String(), RateAfter: ledger.Sum{}.String()}
	began := time.Now()
	refused := d.servers.Gateway.Counts()[tenant].Refused
	d.phase(tenant + " runs away")
	d.note(screen.Warn, fmt.Sprintf("%s runs away: %d times its calls", tenant, runawayPace))
	d.mood(tenant, screen.Alarm)
	d.traffic.SetPace(tenant, runawayPace)
	defer d.mood(tenant, screen.Calm)

	e.Throttled = d.until(ctx, d.plan.react, func(v view) bool { return v.gateway[tenant].inForce(began) })
	e.Fired = d.until(ctx, 10*time.Second, func(v view) bool { return v.firing(rule, tenant, began) != nil })
	var throttled time.Time
	d.look(func(v view) {
		if alert := v.firing(rule, tenant, began); alert != nil {
			e.ReactionAlert = seconds(alert.at.Sub(alert.crossed))
			if e.Throttled {
				throttled = v.gateway[tenant].first
				e.ReactionThrottle = seconds(throttled.Sub(alert.crossed))
			}
		}
	})
	if e.Throttled {
		d.phase(tenant + " is throttled")
		wait(ctx, time.Duration(d.plan.under+2)*time.Second)
		e.RateBefore, e.RateAfter = d.rates(tenant, began, throttled)
	}
	d.traffic.SetPace(tenant, 1)
	d.note(screen.Calm, tenant+" is back to its quiet pace")
	d.phase(tenant + " calms down")
	if e.Throttled {
		e.Released = d.until(ctx, d.plan.let, func(v view) bool { return v.gateway[tenant].released() })
	}
	e.Refused = d.servers.Gateway.Counts()[tenant].Refused - refused
	return e
}

// beforeSeconds is the length of the window in which a runaway is at its costliest.
const beforeSeconds = 2

// rates reads the tenant's true spend a minute: in the costliest two seconds of the runaway before the throttle, and in
// some whole seconds under it.
func (d *director) rates(tenant string, began, throttled time.Time) (before, after string) {
	truth := d.servers.Model.Truth()
	var most ledger.Sum
	for from := began; from.Before(throttled); from = from.Add(time.Second) {
		if sum := truth.Between(tenant, from, from.Add(beforeSeconds*time.Second)); sum.Cmp(most) > 0 {
			most = sum
		}
	}
	from := throttled.Add(time.Second)
	under := truth.Between(tenant, from, from.Add(time.Duration(d.plan.under)*time.Second))
	return perMinute(most, beforeSeconds).String(), perMinute(under, d.plan.under).String()
}

// held is what the gateway was told about one tenant.
type held struct {
	last  gateway.State
	first time.Time // when the first command that bites was taken, since the last release
}

func (h held) inForce(since time.Time) bool { return h.last.InForce && h.first.After(since) }

// released asks for a release by command: a lease that merely ran out would be a controller that died.
func (h held) released() bool { return h.last.Sequence > 0 && h.last.Level == gateway.Release }

// firing finds the alert of a rule that fired for the tenant since a time.
func (v view) firing(rule, tenant string, since time.Time) *alertEvent {
	for i, a := range v.alerts {
		if a.rule == rule && a.tenant == tenant && a.state == "firing" && a.at.After(since) {
			return &v.alerts[i]
		}
	}
	return nil
}
