package rollup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
)

// The jobs, by their keys in the configuration.
const (
	jobMinute = "minute"
	jobHour   = "hour"
	jobDay    = "day"
	jobLate   = "late"
	jobWatch  = "watch"
	jobSweep  = "sweep"
	jobPrune  = "prune"
)

// Deps are what a Rollup works with.
type Deps struct {
	ClickHouse driver.Conn // from schema.Open; the caller closes it
	Log        *slog.Logger
	Metrics    prometheus.Registerer // may be nil
	Settler    Settler               // nil: PassThrough
}

// Rollup runs the jobs.
type Rollup struct {
	cfg     Config
	conn    driver.Conn
	log     *slog.Logger
	metrics *metrics
	settler Settler

	now       func() time.Time
	interrupt func(window, string) error // tests stop a worker after a step

	mu     sync.Mutex
	states map[string]*jobState
	held   map[Level]uint64
}

// New checks the configuration; it doesn't touch the database.
func New(cfg Config, deps Deps) (*Rollup, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.ClickHouse == nil || deps.Log == nil {
		return nil, errors.New("rollup: ClickHouse and Log are needed")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	r := &Rollup{
		cfg: cfg, conn: deps.ClickHouse, log: deps.Log, metrics: m, settler: deps.Settler,
		now: time.Now, states: map[string]*jobState{}, held: map[Level]uint64{},
	}
	if r.settler == nil {
		r.settler = PassThrough{}
	}
	return r, nil
}

// RunOnce recomputes every window of the level that has due marks, late ones included. Running it for Minute, Hour
// and Day in this order brings all totals up to the calls stored before.
func (r *Rollup) RunOnce(ctx context.Context, level Level) (Stats, error) {
	return r.pass(ctx, nil, level, r.all())
}

// Run works until ctx ends, then lets the windows at hand finish within StopTimeout. While the server can't be
// reached it says so once a minute and goes on trying.
func (r *Rollup) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	logger := cronLog{r.log}
	// Skip must be outside Recover: the other way round a panic would leave the job marked as running for ever.
	chain := cron.NewChain(cron.SkipIfStillRunning(logger), cron.Recover(logger))
	c := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(logger), cron.WithParser(parser))
	var atStart sync.WaitGroup
	for _, s := range r.cfg.schedules() {
		job := chain.Then(cron.FuncJob(func() { r.job(work, ctx.Done(), s.key) }))
		if _, err := c.AddJob(s.spec, job); err != nil {
			return fmt.Errorf("rollup.%s: schedule %q: %w", s.key, s.spec, err)
		}
		switch s.key {
		case jobSweep, jobPrune:
		default: // don't wait for the first tick
			atStart.Go(job.Run)
		}
	}
	c.Start()
	<-ctx.Done()
	running := c.Stop()
	done := make(chan struct{})
	go func() {
		atStart.Wait()
		<-running.Done()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(r.cfg.StopTimeout):
		r.log.Warn("rollup: stopped in the middle of a window; its marks are kept", "after", r.cfg.StopTimeout)
		cancel()
		<-done
	}
	return nil
}

// job runs one job, measures it and keeps its state.
func (r *Rollup) job(ctx context.Context, stop <-chan struct{}, name string) {
	start := r.now()
	var stats Stats
	var err error
	switch name {
	case jobMinute:
		stats, err = r.pass(ctx, stop, Minute, r.open())
	case jobLate:
		stats, err = r.pass(ctx, stop, Minute, r.late())
	case jobHour:
		stats, err = r.pass(ctx, stop, Hour, r.all())
	case jobDay:
		stats, err = r.pass(ctx, stop, Day, r.all())
	case jobWatch:
		err = r.watch(ctx)
	case jobSweep:
		err = r.sweep(ctx)
	case jobPrune:
		err = r.prune(ctx)
	}
	took := r.now().Sub(start)
	r.metrics.duration.WithLabelValues(name).Observe(took.Seconds())
	if err == nil {
		r.metrics.lastSuccess.WithLabelValues(name).SetToCurrentTime()
	} else {
		r.metrics.failures.WithLabelValues(name).Inc()
	}
	if stats.Windows > 0 {
		r.log.Debug("rolled up", "job", name, "windows", stats.Windows, "marks", stats.Marks, "took", took)
	}
	r.note(name, err)
}

// cronLog lets cron speak through slog. What it says at level info (wake, run, skip) is only of use when debugging.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, kv ...any) { l.log.Debug("cron: "+msg, kv...) }
func (l cronLog) Error(err error, msg string, kv ...any) {
	l.log.Error("cron: "+msg, append([]any{"error", err}, kv...)...)
}
