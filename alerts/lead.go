package alerts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// lead decides which of several alerts processes on one database acts: of those that live the one that has claimed first. The others stand
// by. A process claims, renews its claim, and acts once the claim is older than any other one may take to be seen and nobody's is older still; it stops
// acting before the others take it for dead (docs/adr/0051-one-alerts-process-leads.md).
type lead struct {
	claims claims
	log    *slog.Logger
	now    func() time.Time // monotonic
	pace   leadPace

	holder uuid.UUID // of the claim
	held   bool      // the claim was made

	mu        sync.Mutex
	confirmed time.Time // when the newest renewal began after which it was first; zero: never
	first     string    // where the process runs that was first instead
	lost      bool      // another one has led, or may have, since this one did
	err       error     // why nobody could say
	renewed   chan struct{}
}

// leadPace are the times that processes agree on.
type leadPace struct {
	renew  time.Duration // between two renewals
	within time.Duration // what a claim takes to be seen by all, at most
	wait   time.Duration // a claim's age before it counts: more than within
	acting time.Duration // how long a renewal lets its process act: more than renew and within
	silent time.Duration // without a renewal for so long a claim has lapsed: more than acting and within
}

// renewable is how old the last renewal may be when a claim is renewed. The renewal must be seen before others take the claim for lapsed.
func (p leadPace) renewable() time.Duration { return p.silent - p.within }

var pace = leadPace{renew: 5 * time.Second, within: 3 * time.Second, wait: 4 * time.Second, acting: 10 * time.Second, silent: 15 * time.Second}

// claims are the claims to lead that processes on one database have made.
type claims interface {
	// claim makes a claim, and ends those that were renewed later than that from now: when that time comes again they would live again.
	claim(ctx context.Context, holder uuid.UUID, future time.Duration) error
	// renew renews a claim whose last renewal isn't older than that.
	renew(ctx context.Context, holder uuid.UUID, renewable time.Duration) error
	// leave ends a claim.
	leave(ctx context.Context, holder uuid.UUID) error
	// all are the claims of the last day, those that lapsed too.
	all(ctx context.Context) ([]claim, error)
}

// claim is one process's, by the database's clock.
type claim struct {
	holder    uuid.UUID
	host      string
	age, seen time.Duration // since it was made, and since it was renewed
	gone      bool          // its process has stopped
}

// lives is false also of a claim that was renewed in the future: the database's clock was set back since, and nobody knows when.
func (c *claim) lives(p leadPace) bool { return !c.gone && c.seen <= p.silent && c.seen >= -p.within }

// before is the order in which claims were made.
func (c *claim) before(o *claim) bool {
	return c.age > o.age || c.age == o.age && bytes.Compare(c.holder[:], o.holder[:]) < 0
}

func newLead(from claims, log *slog.Logger) *lead {
	return &lead{claims: from, log: log, now: time.Now, pace: pace, renewed: make(chan struct{}, 1)}
}

// run renews the claim until ctx ends. Then it ends it, so that another process needn't wait.
func (l *lead) run(ctx context.Context) {
	ticker := time.NewTicker(l.pace.renew)
	defer ticker.Stop()
	for {
		l.renew(ctx)
		select {
		case l.renewed <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			l.leave(context.WithoutCancel(ctx))
			return
		case <-ticker.C:
		}
	}
}

func (l *lead) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.pace.within)
	defer cancel()
	if err := l.claims.leave(ctx, l.holder); err != nil {
		l.log.Warn("the lead can't be given up; a process that stands by takes it after a while", "after", l.pace.silent, "error", err)
	}
}

// renew claims, and looks who is first.
func (l *lead) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.pace.within)
	defer cancel()
	began := l.now()
	all, err := l.ask(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err = err; err != nil {
		return
	}
	l.first = ""
	own, first := l.find(all)
	switch {
	case own == nil || own.seen > l.now().Sub(began): // it lapsed, and wasn't renewed now
		l.lost = l.lost || !l.confirmed.IsZero() && l.othersSince(all)
		l.held = false
	case first != own:
		l.first = first.host
		l.lost = l.lost || !l.confirmed.IsZero()
	case own.age >= l.pace.wait:
		l.confirmed = began
	}
}

func (l *lead) ask(ctx context.Context) ([]claim, error) {
	if !l.held {
		l.holder = uuid.New() // also where an answer was lost: one holder claims once
		if err := l.claims.claim(ctx, l.holder, l.pace.within); err != nil {
			return nil, err
		}
		l.held = true
	} else if err := l.claims.renew(ctx, l.holder, l.pace.renewable()); err != nil {
		return nil, err
	}
	return l.claims.all(ctx)
}

// find is this process's claim, nil if it lapsed, and the first of those that live.
func (l *lead) find(all []claim) (own, first *claim) {
	for i := range all {
		c := &all[i]
		if !c.lives(l.pace) {
			continue
		}
		if c.holder == l.holder {
			own = c
		}
		if first == nil || c.before(first) {
			first = c
		}
	}
	return own, first
}

// othersSince reports whether another process may have led since this one's claim was renewed the last time.
func (l *lead) othersSince(all []claim) bool {
	own := slices.IndexFunc(all, func(c claim) bool { return c.holder == l.holder })
	if own < 0 {
		return true // forgotten after a day
	}
	return slices.ContainsFunc(all, func(c claim) bool { return c.holder != l.holder && c.seen < all[own].seen })
}

// errNotLeading says that this process may not act now.
var errNotLeading = errors.New("this process doesn't lead")

// leads is until when this process may act, or an error.
func (l *lead) leads() (until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	until = l.confirmed.Add(l.pace.acting)
	switch {
	case l.lost && l.first != "":
		return until, fmt.Errorf("%w any more: %s does", errNotLeading, l.first)
	case l.lost:
		return until, fmt.Errorf("%w any more: its claim lapsed, and another process has led since", errNotLeading)
	case l.first != "":
		return until, fmt.Errorf("%w: %s does", errNotLeading, l.first)
	case !l.confirmed.IsZero() && l.now().Before(until):
		return until, nil
	case l.err != nil:
		return until, fmt.Errorf("%w, as far as the database tells: %w", errNotLeading, l.err)
	}
	return until, fmt.Errorf("%w yet", errNotLeading)
}

// told is where the process runs that is first instead, empty if there is none, and why nobody could say.
func (l *lead) told() (first string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.err
}

// isLost reports that another process leads, or has led, since this one did: what this one knows of its episodes is out of date.
func (l *lead) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}
