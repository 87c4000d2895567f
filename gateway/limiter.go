package gateway

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Errors of Limiter.Apply.
var (
	ErrExpired = errors.New("command has expired")
	ErrLease   = errors.New("lease is too long")
	ErrFull    = errors.New("too many subjects under command")
)

// LimiterOptions are what a gateway may set. The zero value is usable.
type LimiterOptions struct {
	Now         func() time.Time // clock; time.Now if nil
	MaxLease    time.Duration    // longest lease accepted; one hour if 0, at most the protocol's MaxLease
	MaxSubjects int              // subjects remembered at a time; 100,000 if 0
	OnCommand   func(Ack)        // called after every command that was applied or ignored, outside all locks
	Shared      *Shared          // what all tenants share; nil: nothing
}

// Limiter keeps and enforces the commands of one gateway process. Without a controller every command runs out by
// itself. It is safe for concurrent use and starts no goroutine.
type Limiter struct {
	opts     LimiterOptions
	mu       sync.RWMutex
	accounts map[string]*account // by tenant
	subjects int                 // leases in all accounts
}

// account holds the leases of one tenant: of the whole and of its parts.
type account struct {
	mu     sync.Mutex
	leases map[Subject]*lease
	sets   [16]int // leases by the set of parts that their subject names
}

type lease struct {
	state  State     // InForce is computed when it is read
	until  time.Time // Command.Until
	meters [3]meter
}

const (
	meterRequests = iota
	meterTokens
	meterUSD
)

var meterNames = [3]string{"requests", "tokens", "usd"}

// NewLimiter returns a limiter that refuses nobody.
func NewLimiter(opts LimiterOptions) *Limiter {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.MaxLease == 0 {
		opts.MaxLease = time.Hour
	}
	opts.MaxLease = min(opts.MaxLease, MaxLease)
	if opts.MaxSubjects == 0 {
		opts.MaxSubjects = 100_000
	}
	return &Limiter{opts: opts, accounts: map[string]*account{}}
}

// Apply takes a command if it is newer than what the limiter holds for the subject. ErrExpired, ErrLease and ErrFull
// refuse it; a lower or equal sequence is no error but an Ack that isn't applied.
func (l *Limiter) Apply(cmd Command) (Ack, error) {
	ack, err := l.apply(cmd)
	if err == nil && l.opts.OnCommand != nil {
		l.opts.OnCommand(ack)
	}
	return ack, err
}

func (l *Limiter) apply(cmd Command) (Ack, error) {
	now := l.opts.Now()
	if err := Acceptable(cmd, now, l.opts.MaxLease); err != nil {
		return Ack{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[cmd.Tenant]
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if le := a.leases[cmd.Subject]; le != nil {
			if cmd.Sequence <= le.state.Sequence {
				return Ack{Ignored: "stale sequence", State: le.snapshot(now)}, nil
			}
			le.replace(cmd, now)
			return Ack{Applied: true, State: le.snapshot(now)}, nil
		}
	}
	if l.subjects >= l.opts.MaxSubjects {
		l.forget(now, a)
	}
	if l.subjects >= l.opts.MaxSubjects {
		return Ack{}, fmt.Errorf("%w: %d", ErrFull, l.subjects)
	}
	if a == nil {
		a = &account{leases: map[Subject]*lease{}}
	}
	l.accounts[cmd.Tenant] = a // also if it was forgotten just now
	le := &lease{}
	a.leases[cmd.Subject] = le
	a.sets[cmd.named()]++
	l.subjects++
	le.replace(cmd, now)
	return Ack{Applied: true, State: le.snapshot(now)}, nil
}

// Acceptable refuses commands that no receiver takes: invalid, expired, or with a lease longer than most.
func Acceptable(cmd Command, now time.Time, most time.Duration) error {
	if err := cmd.Validate(); err != nil {
		return err
	}
	if !now.Before(cmd.Expires) {
		return fmt.Errorf("%w: at %s, now is %s", ErrExpired, cmd.Expires.UTC().Format(time.RFC3339Nano), now.UTC().Format(time.RFC3339Nano))
	}
	if cmd.Expires.Sub(cmd.Issued) > most || cmd.Expires.Sub(now) > most+DefaultTolerance {
		return fmt.Errorf("%w: until %s, this gateway takes at most %s", ErrLease, cmd.Expires.UTC().Format(time.RFC3339), most)
	}
	return nil
}

// forget makes room: leases go that can't matter any more. Every older command of theirs was issued before the newest
// and lasts at most MaxLease: all have expired, so forgetting the sequence can't let one of them back in. locked is an
// account whose lock the caller has.
func (l *Limiter) forget(now time.Time, locked *account) {
	for tenant, a := range l.accounts {
		if a != locked {
			a.mu.Lock()
		}
		for s, le := range a.leases {
			if now.Sub(le.state.Issued) > l.opts.MaxLease && !now.Before(le.state.Expires) {
				delete(a.leases, s)
				a.sets[s.named()]--
				l.subjects--
			}
		}
		if len(a.leases) == 0 {
			delete(l.accounts, tenant)
		}
		if a != locked {
			a.mu.Unlock()
		}
	}
}

// replace puts the command in force. A renewal (same episode, level and limits) keeps what was used so far, so that
// renewing doesn't give the subject a fresh allowance.
func (le *lease) replace(cmd Command, now time.Time) {
	old, alive := le.state, now.Before(le.until)
	if cmd.Episode != old.Episode {
		le.state = State{}
	}
	le.state.Command = cmd
	le.until = cmd.Until(now)
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
	return le.state.Sequence > 0 && le.state.Level != Release && now.Before(le.until)
}

func (le *lease) snapshot(now time.Time) State {
	s := le.state
	s.InForce = le.alive(now) && !s.DryRun
	return s
}

func (l *Limiter) find(tenant string) *account {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.accounts[tenant]
}

// State is what the limiter holds for the subject; Sequence 0 if there never was a command.
func (l *Limiter) State(subject Subject) State {
	if a := l.find(subject.Tenant); a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if le := a.leases[subject]; le != nil {
			return le.snapshot(l.opts.Now())
		}
	}
	return State{Command: Command{Subject: subject}}
}

// States lists every subject that has or had a command, in no order.
func (l *Limiter) States() []State {
	l.mu.RLock()
	defer l.mu.RUnlock()
	now := l.opts.Now()
	out := make([]State, 0, l.subjects)
	for _, a := range l.accounts {
		a.mu.Lock()
		for _, le := range a.leases {
			out = append(out, le.snapshot(now))
		}
		a.mu.Unlock()
	}
	return out
}

// each calls f with every lease in force or dry run that covers the caller, the whole tenant's first.
func (a *account) each(caller Subject, now time.Time, f func(*lease)) {
	for set, n := range a.sets {
		if n == 0 || uint8(set)&^caller.named() != 0 {
			continue
		}
		if le := a.leases[caller.only(uint8(set))]; le != nil && le.alive(now) {
			f(le)
		}
	}
}
