package rollup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
)

// Deps are what a Rollup works with.
type Deps struct {
	ClickHouse driver.Conn // from schema.Open; the caller closes it
	Log        *slog.Logger
	Metrics    prometheus.Registerer // may be nil
	Settler    Settler               // nil: PassThrough
	Now        func() time.Time      // nil: time.Now
}

// Rollup runs the jobs.
type Rollup struct {
	cfg     Config
	conn    driver.Conn
	log     *slog.Logger
	metrics *metrics
	settler Settler

	now        func() time.Time
	interrupt  func(window, string) error // tests stop a worker after a step
	claimFirst bool                       // a worker that a test stops claims before it settles
	side       int                        // see sideBySide; 0: as it is

	process string
	share   int                        // see restShare
	next    func(job string) time.Time // set while Run works

	sealedTo atomic.Int64 // Unix seconds: the first day after all that are sealed, as last read

	mu     sync.Mutex
	states map[string]*jobState
	held   map[Level]uint64
	told   map[time.Time]bool // hours whose rows are missing

	unpublished span
}

// New checks the configuration; it doesn't touch the database.
func New(cfg Config, deps Deps) (*Rollup, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rollup: %w", err)
	}
	if deps.ClickHouse == nil || deps.Log == nil {
		return nil, errors.New("rollup: ClickHouse and Log are needed")
	}
	r := &Rollup{
		cfg: cfg, conn: deps.ClickHouse, log: deps.Log, settler: deps.Settler, process: processName(), share: restShare,
		now: deps.Now, states: map[string]*jobState{}, held: map[Level]uint64{}, told: map[time.Time]bool{},
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.settler == nil {
		r.settler = PassThrough{}
	}
	var err error
	if r.metrics, err = newMetrics(deps.Metrics, newRunning(r)); err != nil {
		return nil, err
	}
	return r, nil
}

// RunOnce recomputes every window of the level that has due marks, late ones included. Running it for Minute, Hour
// and Day in this order brings all totals up to the calls stored before; boards read them after PublishTouched.
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
	entries := map[string]cron.EntryID{}
	var atStart []cron.Job
	for _, s := range r.cfg.schedules() {
		job := chain.Then(cron.FuncJob(func() { r.job(work, ctx.Done(), s.key) }))
		id, err := c.AddJob(s.spec, job)
		if err != nil {
			return fmt.Errorf("rollup.%s: schedule %q: %w", s.key, s.spec, err)
		}
		entries[s.key] = id
		if jobsAtStart[s.key] {
			atStart = append(atStart, job)
		}
	}
	r.next = func(job string) time.Time { return c.Entry(entries[job]).Next }
	r.touch(everything) // whatever another process left
	var first sync.WaitGroup
	for _, job := range atStart {
		first.Go(job.Run)
	}
	c.Start()
	<-ctx.Done()
	running := c.Stop()
	done := make(chan struct{})
	go func() {
		first.Wait()
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

// cronLog lets cron speak through slog. What it says at level info (wake, run, skip) is only of use when debugging.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, kv ...any) { l.log.Debug("cron: "+msg, kv...) }
func (l cronLog) Error(err error, msg string, kv ...any) {
	l.log.Error("cron: "+msg, append([]any{"error", err}, kv...)...)
}
