// Package schedule runs jobs by github.com/robfig/cron, in UTC, and sees when the clock is set. That compares times of the wall only: after a
// step back nothing would run until the time before it has come again, after a step forward what is due would wait for a timer that was
// set before. It imports nothing of ours.
package schedule

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

var parser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// When says when a job runs next after a time.
type When = cron.Schedule

// Parse reads "@every 5s", "@hourly" or a cron expression, with or without seconds, in UTC.
func Parse(spec string) (When, error) { return parser.Parse(spec) }

// Job is run by its schedule, one run at a time: what comes due while it runs is left out.
type Job struct {
	Name    string
	When    When
	AtStart bool // once when the runner starts, too
	Do      func()
}

// Runner runs jobs.
type Runner struct {
	log     *slog.Logger
	cron    *cron.Cron
	entries map[string]cron.EntryID
	atStart []cron.EntryID
	beside  sync.WaitGroup // runs that cron didn't begin
	read    func() reading
}

// New takes the jobs; Run runs them. A panic of a job is logged and ends that run only.
func New(log *slog.Logger, jobs ...Job) *Runner {
	began := time.Now()
	r := &Runner{log: log, cron: cron.New(cron.WithLocation(time.UTC)), entries: map[string]cron.EntryID{},
		read: func() reading { return reading{time.Now().UTC(), time.Since(began)} }}
	for _, job := range jobs {
		// Skip outside Recover: a panic must not leave a job marked as running.
		chain := cron.NewChain(cron.SkipIfStillRunning(cron.DiscardLogger), cron.Recover(panics{log.With("job", job.Name)}))
		id := r.cron.Schedule(job.When, chain.Then(cron.FuncJob(job.Do)))
		r.entries[job.Name] = id
		if job.AtStart {
			r.atStart = append(r.atStart, id)
		}
	}
	return r
}

// panics logs what Recover says.
type panics struct{ log *slog.Logger }

func (panics) Info(string, ...any) {}

func (p panics) Error(err error, _ string, details ...any) {
	p.log.Error("a job panicked and will be tried again", append([]any{"error", err}, details...)...)
}

// Next is when a job runs next; zero before Run.
func (r *Runner) Next(name string) time.Time { return r.cron.Entry(r.entries[name]).Next }

// Run runs the jobs until ctx ends and the runs at hand have.
func (r *Runner) Run(ctx context.Context) {
	for _, id := range r.atStart {
		r.once(r.cron.Entry(id))
	}
	r.cron.Start()
	r.watch(ctx, lookEvery)
	<-r.cron.Stop().Done()
	r.beside.Wait()
}

func (r *Runner) once(e cron.Entry) { r.beside.Go(e.WrappedJob.Run) }

const (
	lookEvery = time.Second // how long a step of the clock may stay unseen
	leastStep = time.Second // clocks that are adjusted in less need nobody
)

// reading is a look at both clocks: the wall, which may be set, and the one that only counts.
type reading struct {
	wall    time.Time
	counted time.Duration
}

// since is by how much the wall was set since an earlier reading.
func (now reading) since(last reading) time.Duration {
	return now.wall.Sub(last.wall) - (now.counted - last.counted)
}

// watch looks for steps of the clock until ctx ends.
func (r *Runner) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for last := r.read(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := r.read()
		if step := now.since(last); step.Abs() >= leastStep {
			r.log.Warn("the clock was set: what is due runs now, other jobs' times are counted anew", "by", step.Round(time.Millisecond))
			r.stepped(now.wall)
		}
		last = now
	}
}

// stepped runs once what the new time makes due, and has cron count every next time from it.
func (r *Runner) stepped(now time.Time) {
	for _, e := range r.cron.Entries() {
		if !e.Next.IsZero() && !e.Next.After(now) {
			r.once(e)
		}
	}
	r.cron.Stop()
	r.cron.Start()
}
