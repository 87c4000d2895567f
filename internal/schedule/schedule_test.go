package schedule

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func when(t require.TestingT, spec string) When {
	w, err := Parse(spec)
	require.NoError(t, err)
	return w
}

// later is a schedule whose next time is so long after any time.
type later struct{ by atomic.Int64 }

func (l *later) Next(t time.Time) time.Time { return t.Add(time.Duration(l.by.Load())) }

// stepping runs jobs while the wall is off by a step that the test sets.
type stepping struct {
	*Runner
	mu  sync.Mutex
	off time.Duration
}

func (s *stepping) step(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off += by
}

func newStepping(t *testing.T, jobs ...Job) *stepping {
	s := &stepping{Runner: New(slog.New(slog.DiscardHandler), jobs...)}
	began := time.Now()
	s.read = func() reading {
		s.mu.Lock()
		defer s.mu.Unlock()
		counted := time.Since(began)
		return reading{began.UTC().Round(0).Add(counted + s.off), counted}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

const patience = time.Minute

func await(t *testing.T, ran <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-ran:
	case <-time.After(patience):
		require.Fail(t, why)
	}
}

// After a step back a job's next time, which was counted from the time before, may be hours away: it is counted anew.
func TestAStepBackStopsNoJob(t *testing.T) {
	l := &later{}
	l.by.Store(int64(time.Hour))
	ran := make(chan struct{}, 100)
	s := newStepping(t, Job{Name: "often", When: l, Do: func() { ran <- struct{}{} }})
	require.Eventually(t, func() bool { return time.Until(s.Next("often")) > 50*time.Minute }, patience, time.Millisecond)
	l.by.Store(int64(50 * time.Millisecond))
	require.Empty(t, ran)
	s.step(-time.Hour)
	await(t, ran, "it waits for the time before the step")
	await(t, ran, "and runs on")
}

// What a step forward makes due runs once, at once, and nothing else does.
func TestAStepForwardRunsWhatIsDue(t *testing.T) {
	daily, weekly := &later{}, &later{}
	daily.by.Store(int64(24 * time.Hour))
	weekly.by.Store(int64(7 * 24 * time.Hour))
	ran := make(chan struct{}, 100)
	s := newStepping(t, Job{Name: "daily", When: daily, Do: func() { ran <- struct{}{} }}, Job{Name: "weekly", When: weekly, Do: func() { t.Error("not its time") }})
	require.Eventually(t, func() bool { return !s.Next("weekly").IsZero() }, patience, time.Millisecond)
	s.step(48 * time.Hour)
	await(t, ran, "it waits a day by the timer of before")
	s.step(-time.Hour)
	require.Eventually(t, func() bool { return time.Until(s.Next("daily")) > 23*time.Hour }, patience, time.Millisecond)
	require.Empty(t, ran)
}

// A clock that runs a little fast or slow, or is adjusted by less than a second, is no step.
func TestAnAdjustedClockIsNoStep(t *testing.T) {
	at := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	first := reading{at, time.Second}
	require.Zero(t, reading{at.Add(5 * time.Second), 6 * time.Second}.since(first))
	require.Less(t, reading{at.Add(5*time.Second + 300*time.Millisecond), 6 * time.Second}.since(first), leastStep)
	require.Equal(t, -time.Hour, reading{at.Add(5*time.Second - time.Hour), 6 * time.Second}.since(first))
	require.Equal(t, 24*time.Hour, reading{at.Add(24*time.Hour + 5*time.Second), 6 * time.Second}.since(first))
}

func TestRunnerRunsRecoversAndStops(t *testing.T) {
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	var runs atomic.Int64
	r := New(slog.New(slog.NewTextHandler(&log, nil)),
		Job{Name: "panics", When: when(t, "@every 1s"), AtStart: true, Do: func() {
			if runs.Add(1) == 2 {
				cancel()
			}
			panic("no luck")
		}},
		Job{Name: "waits", When: when(t, "17 3 * * *"), Do: func() { t.Error("not its time") }})
	require.True(t, r.Next("waits").IsZero())
	r.Run(ctx)
	require.GreaterOrEqual(t, runs.Load(), int64(2))
	require.Equal(t, 17, r.Next("waits").Minute())
	require.Contains(t, log.String(), "no luck")
	require.Contains(t, log.String(), "job=panics")
}

// A run that takes longer than its schedule's interval isn't joined by another one.
func TestOneRunAtATime(t *testing.T) {
	l := &later{}
	l.by.Store(int64(10 * time.Millisecond))
	ctx, cancel := context.WithCancel(t.Context())
	var now, runs atomic.Int64
	r := New(slog.New(slog.DiscardHandler), Job{Name: "slow", When: l, AtStart: true, Do: func() {
		if now.Add(1) > 1 {
			t.Error("two runs at once")
		}
		<-time.After(100 * time.Millisecond) // many times of its schedule
		now.Add(-1)
		if runs.Add(1) == 3 {
			cancel()
		}
	}})
	r.Run(ctx)
}
