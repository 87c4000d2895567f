package rollup

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

// stuck settles nothing until it is let go.
type stuck struct {
	PassThrough
	at, letGo chan struct{}
}

func (s stuck) Settle(ctx context.Context, _ time.Time) error {
	close(s.at)
	select {
	case <-s.letGo:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestAHangingJobIsSeen by the metric and, through the database, by whoever asks for the status.
func TestAHangingJobIsSeen(t *testing.T) {
	conn := database(t)
	begin := time.Now().UTC().Truncate(time.Millisecond)
	var passed atomic.Int64
	registry := prometheus.NewRegistry()
	s := stuck{at: make(chan struct{}), letGo: make(chan struct{})}
	r, err := New(DefaultConfig(), Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: registry, Settler: s,
		Now: func() time.Time { return begin.Add(time.Duration(passed.Load())) }})
	require.NoError(t, err)
	someCalls(t, conn, Minute.start(begin), 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.job(t.Context(), nil, jobMinute)
	}()
	<-s.at
	passed.Store(int64(11 * time.Minute))
	require.NoError(t, r.publish(t.Context()))
	minute := func() JobStatus {
		jobs, err := newRollup(t, conn).Status(t.Context())
		require.NoError(t, err)
		for _, j := range jobs {
			if j.Job == jobMinute {
				return j
			}
		}
		require.Fail(t, "the job isn't listed", "%v", jobs)
		return JobStatus{}
	}
	j := minute()
	require.NotNil(t, j.RunningSince)
	require.WithinDuration(t, begin, *j.RunningSince, time.Second)
	seconds := func(n string) {
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`# HELP tollkeeper_rollup_running_seconds For how long a job has been at its present run; 0 when it isn't running.
# TYPE tollkeeper_rollup_running_seconds gauge
tollkeeper_rollup_running_seconds{job="minute"} `+n+"\n"), "tollkeeper_rollup_running_seconds"))
	}
	seconds("660")

	close(s.letGo)
	<-done
	require.NoError(t, r.publish(t.Context()))
	j = minute()
	require.Nil(t, j.RunningSince)
	require.Equal(t, 11*time.Minute, j.Duration)
	seconds("0")
}

// broken panics when it is asked to look again.
type broken struct{ PassThrough }

func (broken) LookAgain(context.Context, time.Time, time.Time) error { panic("a bug") }

// TestAJobThatPanicsHasFailed, and isn't taken for one that hangs.
func TestAJobThatPanicsHasFailed(t *testing.T) {
	conn := database(t)
	registry := prometheus.NewRegistry()
	now := time.Now()
	r, err := New(DefaultConfig(), Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: registry, Settler: broken{},
		Now: func() time.Time { return now }})
	require.NoError(t, err)
	require.NotPanics(t, func() { r.job(t.Context(), nil, jobAgents) })
	require.NoError(t, r.publish(t.Context()))
	jobs, err := newRollup(t, conn).Status(t.Context())
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	require.Nil(t, jobs[0].RunningSince)
	require.Equal(t, uint64(1), jobs[0].Failing)
	require.Contains(t, jobs[0].Error, "panic: a bug")
	require.InDelta(t, 1, testutil.ToFloat64(r.metrics.failures.WithLabelValues(jobAgents)), 0)

	// It has never succeeded, and the metric that the alert looks at says for how long it has failed.
	failing := func(seconds string) {
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`# HELP tollkeeper_rollup_failing_seconds For how long every run of a job has failed, since the first of these ended; 0 when its last run succeeded.
# TYPE tollkeeper_rollup_failing_seconds gauge
tollkeeper_rollup_failing_seconds{job="agents"} `+seconds+"\n"), "tollkeeper_rollup_failing_seconds"))
	}
	failing("0")
	now = now.Add(10 * time.Minute)
	r.job(t.Context(), nil, jobAgents)
	now = now.Add(10 * time.Minute)
	failing("1200")
	r.settler = PassThrough{}
	r.job(t.Context(), nil, jobAgents)
	failing("0")
}

// TestTheBacklogIsThatOfEachJob: late minutes are the late job's, hours that wait for adjustments that of adjustments; the metrics and the
// status say when each has run.
func TestTheBacklogIsThatOfEachJob(t *testing.T) {
	conn := database(t)
	now := time.Date(2026, 3, 20, 12, 30, 10, 0, time.UTC)
	r, err := New(DefaultConfig(), Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return now }})
	require.NoError(t, err)
	someCalls(t, conn, Minute.start(now), 1)
	for _, ago := range []time.Duration{time.Hour, 26 * time.Hour, 50 * time.Hour} {
		someCalls(t, conn, Minute.start(now.Add(-ago)), 1)
	}
	require.NoError(t, conn.Exec(t.Context(), schema.SQL("books/mark"), named("window", Hour.start(now.Add(-80*time.Hour)))))
	require.NoError(t, conn.Exec(t.Context(), schema.SQL("books/mark"), named("window", Hour.start(now.Add(-90*time.Hour)))))
	r.job(t.Context(), nil, jobWatch)
	r.job(t.Context(), nil, jobWatch) // says of itself that it ran
	jobs, err := newRollup(t, conn).Status(t.Context())
	require.NoError(t, err)
	backlog := map[string]uint64{}
	for _, j := range jobs {
		backlog[j.Job] = j.Backlog
		if j.Job == jobWatch {
			require.NotNil(t, j.LastRun)
		}
	}
	require.Equal(t, uint64(1), backlog[jobMinute], "the open one")
	require.Equal(t, uint64(3), backlog[jobLate])
	require.Equal(t, uint64(2), backlog[jobAdjust])
	require.InDelta(t, float64(now.Unix()), testutil.ToFloat64(r.metrics.lastRun.WithLabelValues(jobWatch)), 0)
	require.InDelta(t, 3, testutil.ToFloat64(r.metrics.jobBacklog.WithLabelValues(jobLate)), 0)
}
