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
