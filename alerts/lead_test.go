package alerts

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// simulated are the claims of a database whose clients and statements are slow, hang and fail by chance.
type simulated struct {
	mu       sync.Mutex
	chance   *rand.Rand
	rows     map[uuid.UUID]*simulatedClaim
	hesitate time.Duration // the longest pause anywhere
	set      time.Duration // by so much the database's clock was
}

type simulatedClaim struct {
	claimed time.Time
	gone    bool
	seen    []simulatedRenewal
}

// simulatedRenewal is written at a time by the database's clock, and seen by others after.
type simulatedRenewal struct{ at, visible time.Time }

// newest is when the claim was renewed the last time, as far as can be seen now.
func (c *simulatedClaim) newest() (at time.Time) {
	for _, r := range c.seen {
		if !r.visible.After(time.Now()) && r.at.After(at) {
			at = r.at
		}
	}
	return at
}

func (s *simulated) pause(most time.Duration) {
	s.mu.Lock()
	d := time.Duration(s.chance.Int64N(int64(most) + 1))
	s.mu.Unlock()
	time.Sleep(d)
}

// delay is what a client, the network or a virtual machine may take before and after a statement: mostly nothing, sometimes long.
func (s *simulated) delay() {
	s.mu.Lock()
	long := s.chance.IntN(8) == 0
	s.mu.Unlock()
	if long {
		s.pause(s.hesitate)
	} else {
		s.pause(20 * time.Millisecond)
	}
}

// answer is lost where the client didn't wait for it.
func (s *simulated) answer(ctx context.Context) error {
	s.delay()
	return ctx.Err()
}

func (s *simulated) claim(ctx context.Context, holder uuid.UUID, future time.Duration) error {
	return s.write(ctx, func(now time.Time) *simulatedClaim {
		for _, row := range s.rows {
			row.gone = row.gone || row.newest().After(now.Add(future))
		}
		s.rows[holder] = &simulatedClaim{claimed: now}
		return s.rows[holder]
	})
}

func (s *simulated) renew(ctx context.Context, holder uuid.UUID, renewable time.Duration) error {
	return s.write(ctx, func(now time.Time) *simulatedClaim {
		if row := s.rows[holder]; row != nil && now.Sub(row.newest()) < renewable {
			return row
		}
		return nil
	})
}

// write is a statement: it takes the time when it begins, and is seen when it ends.
func (s *simulated) write(ctx context.Context, begin func(time.Time) *simulatedClaim) error {
	s.delay()
	s.mu.Lock()
	now := time.Now().Add(s.set)
	takes := time.Duration(s.chance.Int64N(int64(pace.within)))
	if row := begin(now); row != nil {
		row.seen = append(row.seen, simulatedRenewal{now, time.Now().Add(takes)})
	}
	s.mu.Unlock()
	time.Sleep(takes)
	return s.answer(ctx)
}

func (s *simulated) leave(_ context.Context, holder uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, holder)
	return nil
}

func (s *simulated) all(ctx context.Context) (out []claim, err error) {
	s.delay()
	s.mu.Lock()
	now := time.Now().Add(s.set)
	for holder, row := range s.rows {
		if seen := row.newest(); !seen.IsZero() {
			out = append(out, claim{holder: holder, host: holder.String(), age: now.Sub(row.claimed), seen: now.Sub(seen), gone: row.gone})
		}
	}
	s.mu.Unlock()
	return out, s.answer(ctx)
}

// lives is one process after another that wants to lead: each ends when it has lost the lead, or after some time.
func (s *simulated) lives(ctx context.Context, acting func(*lead)) {
	for ctx.Err() == nil {
		life, end := context.WithCancel(ctx)
		l := newLead(s, slog.New(slog.DiscardHandler))
		acting(l)
		var renewing sync.WaitGroup
		renewing.Go(func() { l.run(life) })
		s.mu.Lock()
		until := time.Now().Add(time.Duration(s.chance.Int64N(int64(4 * time.Minute))))
		s.mu.Unlock()
		for ctx.Err() == nil && !l.isLost() && time.Now().Before(until) {
			time.Sleep(time.Second)
		}
		acting(nil)
		end()
		renewing.Wait()
	}
}

// However slow the database, the network and the processes are: no two processes act at the same time, none goes on after another one has acted,
// and one of them acts again and again.
func TestAtMostOneLeads(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			s := &simulated{chance: rand.New(rand.NewPCG(seed, 1)), rows: map[uuid.UUID]*simulatedClaim{}, hesitate: time.Duration(seed/4) * time.Second}
			ctx, stop := context.WithCancel(t.Context())
			now := make([]*lead, 3)
			var mu sync.Mutex
			var processes sync.WaitGroup
			for i := range now {
				processes.Go(func() {
					s.lives(ctx, func(l *lead) {
						mu.Lock()
						defer mu.Unlock()
						now[i] = l
					})
				})
			}
			led := 0
			acted := map[*lead]bool{} // also by those that have ended
			var last *lead
			for range 20 * 60 * 4 {
				time.Sleep(250 * time.Millisecond)
				leading := 0
				mu.Lock()
				for _, l := range now {
					if l != nil {
						if _, err := l.leads(); err == nil {
							leading++
							require.True(t, l == last || !acted[l], "seed %d: it acts by what it remembers, and another one has acted since", seed)
							acted[l], last = true, l
						}
					}
				}
				mu.Unlock()
				require.LessOrEqual(t, leading, 1, "seed %d", seed)
				led += leading
			}
			stop()
			processes.Wait()
			require.Greater(t, led, 20*60, "seed %d: of twenty minutes somebody led for less than five", seed)
		})
	}
}

// After the database's clock was set, back or forward, somebody leads again within half a minute, and goes on when the time comes again.
func TestTheDatabasesClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		for seed := range uint64(20) {
			synctest.Test(t, func(t *testing.T) {
				s := &simulated{chance: rand.New(rand.NewPCG(seed, 2)), rows: map[uuid.UUID]*simulatedClaim{}}
				ctx, stop := context.WithCancel(t.Context())
				var mu sync.Mutex
				now := make([]*lead, 2)
				var processes sync.WaitGroup
				for i := range now {
					processes.Go(func() {
						s.lives(ctx, func(l *lead) {
							mu.Lock()
							defer mu.Unlock()
							now[i] = l
						})
					})
				}
				time.Sleep(5 * time.Minute)
				s.mu.Lock()
				s.set = by
				s.mu.Unlock()
				for nobody, seconds := 0, 0; seconds < 90*60; seconds++ {
					time.Sleep(time.Second)
					leading := 0
					mu.Lock()
					for _, l := range now {
						if l != nil {
							if _, err := l.leads(); err == nil {
								leading++
							}
						}
					}
					mu.Unlock()
					if nobody++; leading > 0 {
						nobody = 0
					}
					require.LessOrEqual(t, nobody, 30, "set by %s, seed %d, %d s after", by, seed, seconds)
					require.True(t, leading <= 1 || seconds < 15, "set by %s, seed %d, %d s after", by, seed, seconds)
				}
				stop()
				processes.Wait()
			})
		}
	}
}
