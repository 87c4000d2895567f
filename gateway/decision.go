package gateway

import (
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Decision answers one request.
type Decision struct {
	Refused    bool
	RetryAfter time.Duration // with Refused: when it is worth trying again, at most until the command expires
	Limit      string        // with Refused: what ran out: requests, tokens, usd or block
	Shared     bool          // with Refused: it was the tenant's share of what all tenants share
	State      State         // the command that decided, or one that is in force; none where Shared
}

// Allow decides one request and counts it. The caller's Tenant is who pays, authenticated; "" is never limited. Every
// command that covers the caller has to admit the request; what one of them refuses is taken
// from none. A tenant without a command costs one map look-up.
func (l *Limiter) Allow(caller Subject) Decision {
	if caller.Tenant == "" {
		return Decision{}
	}
	a := l.find(caller.Tenant)
	if a == nil {
		return l.shared(caller, Decision{})
	}
	now := l.opts.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	var d Decision
	var longest time.Duration
	a.each(caller, now, func(le *lease) {
		le.state.Seen++
		limit, wait := le.verdict(now)
		switch {
		case limit == "":
		case le.state.DryRun:
			le.state.Would++
		default:
			le.state.Refused++
			if d.Refused = true; wait > longest {
				longest = wait
				d.Limit, d.RetryAfter, d.State = limit, min(wait, le.until.Sub(now)), le.snapshot(now)
			}
			return
		}
		if !d.Refused {
			d.State = le.snapshot(now)
		}
	})
	if d.Refused {
		return d
	}
	if d = l.shared(caller, d); d.Refused {
		return d
	}
	a.each(caller, now, func(le *lease) {
		if limit, _ := le.verdict(now); limit == "" { // a dry run's meter that is empty stays so
			le.meters[meterRequests].take(1)
		}
	})
	return d
}

// shared asks the limit that all tenants share, where no command refuses.
func (l *Limiter) shared(caller Subject, d Decision) Decision {
	if l.opts.Shared == nil {
		return d
	}
	if limit, wait := l.opts.Shared.Admit(caller.Tenant, l.opts.Now()); limit != "" {
		return Decision{Refused: true, Shared: true, Limit: limit, RetryAfter: wait, State: State{Command: Command{Subject: Tenant(caller.Tenant)}}}
	}
	return d
}

// verdict names the limit that stands in the way longest, or "".
func (le *lease) verdict(now time.Time) (limit string, wait time.Duration) {
	if le.state.Level == Block {
		return "block", le.until.Sub(now)
	}
	for i, name := range meterNames {
		le.meters[i].refill(now)
		if w := le.meters[i].wait(now); w > wait {
			limit, wait = name, w
		}
	}
	return limit, wait
}

// Charge books what an admitted call used. Call it when the model has answered, also after errors that are billed.
func (l *Limiter) Charge(caller Subject, tokens int64, usd ledger.Money) {
	if caller.Tenant == "" || tokens < 0 || usd < 0 {
		return
	}
	if l.opts.Shared != nil {
		l.opts.Shared.Charge(caller.Tenant, tokens, usd, l.opts.Now())
	}
	a := l.find(caller.Tenant)
	if a == nil {
		return
	}
	now := l.opts.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.each(caller, now, func(le *lease) {
		le.state.Tokens = saturatingAdd(le.state.Tokens, tokens)
		le.state.USD = ledger.Money(saturatingAdd(int64(le.state.USD), int64(usd)))
		for i, n := range [3]int64{0, tokens, int64(usd)} {
			le.meters[i].refill(now)
			le.meters[i].take(n)
		}
	})
}
