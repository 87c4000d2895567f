package rollup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The jobs, by their keys in the configuration.
const (
	jobMinute    = "minute"
	jobHour      = "hour"
	jobDay       = "day"
	jobHourBy    = "hour_by"
	jobDayBy     = "day_by"
	jobLate      = "late"
	jobSummarize = "summarize"
	jobAdjust    = "adjust"
	jobSeal      = "seal"
	jobAgents    = "agents"
	jobWatch     = "watch"
	jobSweep     = "sweep"
	jobPrune     = "prune"
	jobCheck     = "check"
)

// work is what a job does. It ends early, without failure, when stop is closed.
type work func(ctx context.Context, stop <-chan struct{}) (Stats, error)

func (r *Rollup) work(name string) work {
	plain := func(f func(context.Context) error) work {
		return func(ctx context.Context, _ <-chan struct{}) (Stats, error) { return Stats{}, f(ctx) }
	}
	level := func(l Level, in func() bounds) work {
		return func(ctx context.Context, stop <-chan struct{}) (Stats, error) { return r.pass(ctx, stop, l, in()) }
	}
	switch name {
	case jobMinute:
		return level(Minute, r.open)
	case jobLate:
		return level(Minute, r.late)
	case jobHour:
		return level(Hour, r.all)
	case jobDay:
		return level(Day, r.all)
	case jobHourBy:
		return r.paced(jobHourBy, level(HourBy, r.all))
	case jobDayBy:
		return level(DayBy, r.all)
	case jobSummarize:
		return r.summarize
	case jobAdjust:
		return r.adjust
	case jobSeal:
		return r.seal
	case jobAgents:
		return plain(r.agents)
	case jobWatch:
		return plain(r.watch)
	case jobSweep:
		return plain(r.sweep)
	case jobPrune:
		return plain(r.prune)
	case jobCheck:
		return plain(r.nightly)
	}
	return nil
}

// jobsAtStart don't wait for their first tick.
var jobsAtStart = map[string]bool{
	jobMinute: true, jobHour: true, jobDay: true, jobHourBy: true, jobDayBy: true, jobLate: true, jobSummarize: true, jobAdjust: true, jobSeal: true, jobWatch: true,
}

// restShare bounds the time that spend by dimension of the open hour takes: after a run of d it rests for 50 × d. With few
// calls it is as fresh as its schedule; with many it takes 2 % of the time.
const restShare = 50

// paced skips runs until the last one that did something has paid off.
func (r *Rollup) paced(job string, do work) work {
	return func(ctx context.Context, stop <-chan struct{}) (Stats, error) {
		r.mu.Lock()
		resting := r.now().Before(r.state(job).restUntil)
		r.mu.Unlock()
		if resting {
			return Stats{}, nil
		}
		begin := r.now()
		stats, err := do(ctx, stop)
		r.mu.Lock()
		r.state(job).restUntil = r.now().Add(time.Duration(r.share) * r.now().Sub(begin))
		r.mu.Unlock()
		return stats, err
	}
}

// Jobs are the names that RunJob takes.
func (r *Rollup) Jobs() []string {
	var out []string
	for _, s := range r.cfg.schedules() {
		out = append(out, s.key)
	}
	return out
}

// RunJob does one job now, whatever its schedule and pace say.
func (r *Rollup) RunJob(ctx context.Context, name string) (Stats, error) {
	r.mu.Lock()
	r.state(name).restUntil = time.Time{}
	r.mu.Unlock()
	do := r.work(name)
	if do == nil {
		return Stats{}, fmt.Errorf("job %q: use %s", name, strings.Join(r.Jobs(), ", "))
	}
	stats, err := do(ctx, nil)
	return stats, errors.Join(err, r.PublishTouched(ctx))
}

// job runs one job under its time limit, measures it and keeps its state.
func (r *Rollup) job(ctx context.Context, stop <-chan struct{}, name string) {
	start := r.now()
	r.began(name, start)
	limited, cancel := context.WithTimeoutCause(ctx, r.cfg.JobTimeout, errJobTimeout)
	stats, err := r.workSafely(limited, stop, name)
	if err != nil && errors.Is(context.Cause(limited), errJobTimeout) {
		err = fmt.Errorf("stopped after rollup.job_timeout (%s): %w", r.cfg.JobTimeout, err)
	}
	cancel()
	took := r.now().Sub(start)
	r.metrics.duration.WithLabelValues(name).Observe(took.Seconds())
	r.metrics.lastRun.WithLabelValues(name).Set(float64(r.now().Unix()))
	if err == nil {
		r.metrics.lastSuccess.WithLabelValues(name).SetToCurrentTime()
	} else {
		r.metrics.failures.WithLabelValues(name).Inc()
	}
	if stats.Windows > 0 {
		r.log.Debug("rolled up", "job", name, "windows", stats.Windows, "marks", stats.Marks, "took", took)
	}
	r.note(name, took, err)
}

// workSafely makes a panic a failure, so that the job isn't taken for one that hangs. (The schedule, around this, would only log it.)
func (r *Rollup) workSafely(ctx context.Context, stop <-chan struct{}, name string) (stats Stats, err error) {
	err = safely(func() (err error) {
		stats, err = r.work(name)(ctx, stop)
		return errors.Join(err, r.PublishTouched(ctx))
	})
	return stats, err
}

var errJobTimeout = errors.New("the job's time limit")
