package gateway

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Errors of Limiter.Apply.
var (
	ErrExpired = errors.New("command has expired")
	ErrLease   = errors.New("lease is too long")
	ErrFull    = errors.New("too many tenants under command")
)

// LimiterOptions are what a gateway may set. The zero value is usable.
type LimiterOptions struct {
	Now        func() time.Time // clock; time.Now if nil
	MaxLease   time.Duration    // longest lease accepted; one hour if 0, at most the protocol's MaxLease
	MaxTenants int              // tenants remembered at a time; 100,000 if 0
	OnCommand  func(Ack)        // called after every command that was applied or ignored, outside all locks
}

// Limiter keeps and enforces the commands of one gateway process. Without a controller every command runs out by
// itself. It is safe for concurrent use and starts no goroutine.
type Limiter struct {
	opts   LimiterOptions
	mu     sync.RWMutex
	leases map[string]*lease
}

type lease struct {
	mu     sync.Mutex
	state  State // InForce is computed when it is read
	meters [3]meter
}

const (
	meterRequests = iota
	meterTokens
	meterUSD
)

// NewLimiter returns a limiter that refuses nobody.
func NewLimiter(opts LimiterOptions) *Limiter {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.MaxLease == 0 {
		opts.MaxLease = time.Hour
	}
	opts.MaxLease = min(opts.MaxLease, MaxLease)
	if opts.MaxTenants == 0 {
		opts.MaxTenants = 100_000
	}
	return &Limiter{opts: opts, leases: map[string]*lease{}}
}

// Apply takes a command if it is newer than what the limiter holds for the tenant. ErrExpired, ErrLease and ErrFull
// refuse it; a lower or equal sequence is no error but an Ack that isn't applied.
func (l *Limiter) Apply(cmd Command) (Ack, error) {
	ack, err := l.apply(cmd)
	if err == nil && l.opts.OnCommand != nil {
		l.opts.OnCommand(ack)
	}
	return ack, err
}

func (l *Limiter) apply(cmd Command) (Ack, error) {
	if err := cmd.Validate(); err != nil {
		return Ack{}, err
	}
	now := l.opts.Now()
	if !now.Before(cmd.Expires) {
		return Ack{}, fmt.Errorf("%w: at %s, now is %s", ErrExpired, cmd.Expires.UTC().Format(time.RFC3339Nano), now.UTC().Format(time.RFC3339Nano))
	}
	if cmd.Expires.Sub(cmd.Issued) > l.opts.MaxLease || cmd.Expires.Sub(now) > l.opts.MaxLease+DefaultTolerance {
		return Ack{}, fmt.Errorf("%w: until %s, this gateway takes at most %s", ErrLease, cmd.Expires.UTC().Format(time.RFC3339), l.opts.MaxLease)
	}
	le, err := l.leaseFor(cmd.Tenant, now)
	if err != nil {
		return Ack{}, err
	}
	le.mu.Lock()
	defer le.mu.Unlock()
	if cmd.Sequence <= le.state.Sequence {
		return Ack{Ignored: "stale sequence", State: le.snapshot(now)}, nil
	}
	le.replace(cmd, now)
	return Ack{Applied: true, State: le.snapshot(now)}, nil
}

// leaseFor finds or makes the tenant's place, forgetting tenants whose commands can't matter any more when it's full.
func (l *Limiter) leaseFor(tenant string, now time.Time) (*lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if le := l.leases[tenant]; le != nil {
		return le, nil
	}
	if len(l.leases) >= l.opts.MaxTenants {
		for t, le := range l.leases {
			le.mu.Lock()
			// Every older command was issued before this one and lasts at most MaxLease: all have expired, so
			// forgetting the sequence can't let one of them back in.
			if now.Sub(le.state.Issued) > l.opts.MaxLease && !now.Before(le.state.Expires) {
				delete(l.leases, t)
			}
			le.mu.Unlock()
		}
	}
	if len(l.leases) >= l.opts.MaxTenants {
		return nil, fmt.Errorf("%w: %d", ErrFull, len(l.leases))
	}
	le := &lease{}
	l.leases[tenant] = le
	return le, nil
}

// replace puts the command in force. A renewal (same episode, level and limits) keeps what was used so far, so that
// renewing doesn't give the tenant a fresh allowance.
func (le *lease) replace(cmd Command, now time.Time) {
	old := le.state
	alive := now.Before(old.Expires)
	if cmd.Episode != old.Episode {
		le.state = State{}
	}
	le.state.Command = cmd
	if alive && cmd.Episode == old.Episode && cmd.Level == old.Level && cmd.Limits == old.Limits {
		return
	}
	le.meters = [3]meter{}
	if cmd.Level == Slow || cmd.Level == Cap {
		lim := cmd.Limits
		for i, limit := range [3]int64{lim.Requests, lim.Tokens, int64(lim.USD)} {
			le.meters[i] = newMeter(limit, lim.Per, cmd.Level, now)
		}
	}
}

func (le *lease) alive(now time.Time) bool {
	return le.state.Sequence > 0 && le.state.Level != Release && now.Before(le.state.Expires)
}

func (le *lease) snapshot(now time.Time) State {
	s := le.state
	s.InForce = le.alive(now) && !s.DryRun
	return s
}

func (l *Limiter) find(tenant string) *lease {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.leases[tenant]
}

// State is what the limiter holds for the tenant; Sequence 0 if there never was a command.
func (l *Limiter) State(tenant string) State {
	le := l.find(tenant)
	if le == nil {
		return State{Command: Command{Tenant: tenant}}
	}
	le.mu.Lock()
	defer le.mu.Unlock()
	return le.snapshot(l.opts.Now())
}

// States lists every tenant that has or had a command, in no order.
func (l *Limiter) States() []State {
	l.mu.RLock()
	defer l.mu.RUnlock()
	now := l.opts.Now()
	out := make([]State, 0, len(l.leases))
	for _, le := range l.leases {
		le.mu.Lock()
		out = append(out, le.snapshot(now))
		le.mu.Unlock()
	}
	return out
}

// Decision answers one request.
type Decision struct {
	Refused    bool
	RetryAfter time.Duration // with Refused: when it is worth trying again, at most until the command expires
	Limit      string        // with Refused: what ran out: requests, tokens, usd or block
	State      State         // the command that decided
}

// Allow decides one request of the tenant and counts it. A tenant without a command costs one map look-up.
func (l *Limiter) Allow(tenant string) Decision {
	le := l.find(tenant)
	if le == nil {
		return Decision{}
	}
	now := l.opts.Now()
	le.mu.Lock()
	defer le.mu.Unlock()
	if !le.alive(now) {
		return Decision{}
	}
	le.state.Seen++
	limit, wait := le.verdict(now)
	switch {
	case limit == "":
		le.meters[meterRequests].take(1)
		return Decision{State: le.snapshot(now)}
	case le.state.DryRun:
		le.state.Would++
		return Decision{State: le.snapshot(now)}
	}
	le.state.Refused++
	return Decision{Refused: true, Limit: limit, RetryAfter: min(wait, le.state.Expires.Sub(now)), State: le.snapshot(now)}
}

// verdict names the limit that stands in the way longest, or "".
func (le *lease) verdict(now time.Time) (limit string, wait time.Duration) {
	if le.state.Level == Block {
		return "block", le.state.Expires.Sub(now)
	}
	for i, name := range [3]string{"requests", "tokens", "usd"} {
		le.meters[i].refill(now)
		if w := le.meters[i].wait(now); w > wait {
			limit, wait = name, w
		}
	}
	return limit, wait
}

// Charge books what an admitted call used. Call it when the model has answered, also after errors that are billed.
func (l *Limiter) Charge(tenant string, tokens int64, usd ledger.Money) {
	le := l.find(tenant)
	if le == nil || tokens < 0 || usd < 0 {
		return
	}
	now := l.opts.Now()
	le.mu.Lock()
	defer le.mu.Unlock()
	if !le.alive(now) {
		return
	}
	le.state.Tokens = saturatingAdd(le.state.Tokens, tokens)
	le.state.USD = ledger.Money(saturatingAdd(int64(le.state.USD), int64(usd)))
	for i, n := range [3]int64{0, tokens, int64(usd)} {
		le.meters[i].refill(now)
		le.meters[i].take(n)
	}
}
