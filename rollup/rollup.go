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

	"github.com/tollkeeper/tollkeeper/internal/schedule"
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
	idle   map[Level]bool     // the last pass found nothing
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
		now: deps.Now, states: map[string]*jobState{}, held: map[Level]uint64{}, idle: map[Level]bool{}, told: map[time.Time]bool{},
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
	var jobs []schedule.Job
	for _, s := range r.cfg.schedules() {
		when, err := schedule.Parse(s.spec)
		if err != nil {
			return fmt.Errorf("rollup.%s: schedule %q: %w", s.key, s.spec, err)
		}
		jobs = append(jobs, schedule.Job{Name: s.key, When: when, AtStart: jobsAtStart[s.key], Do: func() { r.job(work, ctx.Done(), s.key) }})
	}
	runner := schedule.New(r.log, jobs...)
	r.next = runner.Next
	r.touch(everything) // whatever another process left
	done := make(chan struct{})
	go func() {
		defer close(done)
		runner.Run(ctx)
	}()
	<-ctx.Done()
	select {
	case <-done:
	case <-time.After(r.cfg.StopTimeout):
		r.log.Warn("rollup: stopped in the middle of a window; its marks are kept", "after", r.cfg.StopTimeout)
		cancel()
		<-done
	}
	return nil
}
