package schedule

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func when(t require.TestingT, spec string) When {
	w, err := Parse(spec)
	require.NoError(t, err)
	return w
}

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// run looks at the plan as a process would, for so long of a true time, with the wall off by a step, and returns when it was due, in
// true time from the start.
func (p *plan) run(from, length, step time.Duration) (due []time.Duration) {
	for at := from; at < from+length; {
		is, wait := p.look(noon.Add(at + step))
		if is {
			due = append(due, at)
			continue // the run itself takes no time
		}
		at += wait
	}
	return due
}

func seconds(n ...int) (out []time.Duration) {
	for _, s := range n {
		out = append(out, time.Duration(s)*time.Second)
	}
	return out
}

func TestEveryFewSeconds(t *testing.T) {
	p := newPlan(when(t, "@every 5s"), noon, true)
	require.Equal(t, seconds(0, 5, 10), p.run(0, 12*time.Second, 0))
	require.Equal(t, seconds(20), p.run(15*time.Second, 6*time.Second, -time.Hour)[:1], "an hour back: five seconds later, not an hour")
	require.Equal(t, seconds(30, 35, 40), p.run(30*time.Second, 12*time.Second, 24*time.Hour), "a day forward: one run for all that was missed")
}

func TestWhatComesDueDuringARunIsLeftOut(t *testing.T) {
	p := newPlan(when(t, "@every 5s"), noon, true)
	due, _ := p.look(noon)
	require.True(t, due)
	p.skip(noon.Add(6200 * time.Millisecond)) // so long was the run
	require.Equal(t, seconds(10, 15), p.run(6200*time.Millisecond, 10*time.Second, 0))
}

func TestEveryNight(t *testing.T) {
	p := newPlan(when(t, "17 3 * * *"), noon, false)
	const night = 15*time.Hour + 17*time.Minute
	require.Equal(t, []time.Duration{night}, p.run(0, 24*time.Hour, 0))
	require.Empty(t, p.run(24*time.Hour, time.Hour, 0))
	require.Equal(t, []time.Duration{25 * time.Hour}, p.run(25*time.Hour, time.Hour, 24*time.Hour), "a day forward, over the night: at once")
	require.Equal(t, []time.Duration{24*time.Hour + night}, p.run(26*time.Hour, 24*time.Hour, 0), "and a day back: the next night")
}

func TestAnExpressionThatNeverComes(t *testing.T) {
	p := newPlan(when(t, "0 0 31 2 *"), noon, false)
	due, wait := p.look(noon)
	require.False(t, due)
	require.Equal(t, longestWait, wait)
}

// However the clock is set and however long runs take, a job of every five seconds is never due later than that after a look, and
// never twice at one time.
func TestNoStepStopsAJob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPlan(when(t, "@every 5s"), noon, false)
		wall := noon
		for range rapid.IntRange(1, 50).Draw(t, "looks") {
			wall = wall.Add(time.Duration(rapid.Int64Range(int64(-48*time.Hour), int64(48*time.Hour)).Draw(t, "step")))
			_, wait := p.look(wall)
			require.LessOrEqual(t, wait, 5*time.Second)
			require.Positive(t, wait)
			due, _ := p.look(wall)
			require.False(t, due)
			due, _ = p.look(wall.Add(wait))
			require.True(t, due)
			wall = wall.Add(wait)
		}
	})
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
	require.EqualValues(t, 2, runs.Load())
	require.Equal(t, 17, r.Next("waits").Minute())
	require.Contains(t, log.String(), "no luck")
}
