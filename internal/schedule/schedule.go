// Package schedule runs jobs by the clock, also when the clock is set: a step back must not stop them until the time before it has
// come again (as github.com/robfig/cron does, whose expressions these are: it compares times of the wall), a step forward must not
// make them catch up. It imports nothing of ours.
package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
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
	AtStart bool // doesn't wait for its first time
	Do      func()
}

// Runner runs jobs.
type Runner struct {
	Log *slog.Logger

	jobs []Job
	mu   sync.Mutex
	next map[string]time.Time
}

// New takes the jobs; Run runs them. A panic of a job is logged and ends that run only.
func New(log *slog.Logger, jobs ...Job) *Runner {
	return &Runner{Log: log, jobs: jobs, next: map[string]time.Time{}}
}

// Next is when a job runs next; zero before Run.
func (r *Runner) Next(name string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next[name]
}

// Run runs the jobs until ctx ends and the runs at hand have.
func (r *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, job := range r.jobs {
		all.Go(func() { r.keep(ctx, job) })
	}
	all.Wait()
}

// keep looks at one job's time, again and again.
func (r *Runner) keep(ctx context.Context, job Job) {
	p := newPlan(job.When, time.Now(), job.AtStart)
	for ctx.Err() == nil {
		due, wait := p.look(time.Now())
		r.mu.Lock()
		r.next[job.Name] = p.next
		r.mu.Unlock()
		if due {
			r.once(job)
			p.skip(time.Now())
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (r *Runner) once(job Job) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("a job panicked and will be tried again", "job", job.Name, "error", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	job.Do()
}

// plan is one job's place in time, by the wall.
type plan struct {
	when       When
	next, seen time.Time
}

// longestWait is how long a step of the clock may stay unseen.
const longestWait = time.Minute

func newPlan(when When, now time.Time, atStart bool) *plan {
	now = now.UTC() // without the monotonic reading, which knows of no steps
	p := &plan{when: when, seen: now, next: now}
	if !atStart {
		p.next = when.Next(now)
	}
	return p
}

// look says whether the job is due, or how long to wait before the next look. After a step back the next time is counted anew; what
// was missed, by a long run or a step forward, is one run.
func (p *plan) look(now time.Time) (due bool, wait time.Duration) {
	now = now.UTC()
	if now.Before(p.seen) {
		p.next = p.when.Next(now)
	}
	p.seen = now
	if due = !now.Before(p.next) && !p.next.IsZero(); due {
		p.next = p.after(now)
	}
	wait = longestWait
	if !p.next.IsZero() { // zero: the expression never comes
		wait = min(wait, p.next.Sub(now))
	}
	return due, wait
}

// skip leaves out what came due by now.
func (p *plan) skip(now time.Time) {
	if now = now.UTC(); !p.next.IsZero() && !now.Before(p.next) {
		p.next = p.after(now)
	}
}

// after is the first time after now in the row that p.next belongs to, so that "@every 5s" keeps its five seconds however long a run
// or a timer took.
func (p *plan) after(now time.Time) time.Time {
	next := p.when.Next(p.next)
	if now.Sub(next) > time.Hour { // a step, not a delay
		return p.when.Next(now)
	}
	for !next.IsZero() && !next.After(now) {
		next = p.when.Next(next)
	}
	return next
}
