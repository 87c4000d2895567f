package rollup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/schema"
)

// jobState is how a job's runs have gone.
type jobState struct {
	runningSince time.Time // zero: not running
	restUntil    time.Time
	lastRun      time.Time
	lastSuccess  time.Time
	lastLogged   time.Time
	failingSince time.Time // the end of the first failure in a row; zero: the last run worked
	took         time.Duration
	runs         int
	failed       int // of all runs
	failures     int // in a row
	backlog      uint64
	err          error
}

// complainEvery bounds how often a job that keeps failing is logged.
const complainEvery = time.Minute

// state is the job's state; the caller holds mu.
func (r *Rollup) state(job string) *jobState {
	s := r.states[job]
	if s == nil {
		s = &jobState{}
		r.states[job] = s
	}
	return s
}

func (r *Rollup) began(job string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state(job).runningSince = at
}

// note remembers a run's outcome. A failure is logged at once, then once a minute; the recovery is logged too.
func (r *Rollup) note(job string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state(job)
	now := r.now()
	s.runningSince, s.lastRun, s.took, s.err = time.Time{}, now, took, err
	s.runs++
	if err == nil {
		if s.failures > 0 {
			r.log.Info("rollup: job works again", "job", job, "failed", s.failures)
		}
		s.failures, s.failingSince, s.lastSuccess = 0, time.Time{}, now
		return
	}
	s.failed++
	s.failures++
	if s.failures == 1 {
		s.failingSince = now
	}
	if s.failures == 1 || now.Sub(s.lastLogged) >= complainEvery {
		s.lastLogged = now
		r.log.Warn("rollup: job failed and will be tried again", "job", job, "failures", s.failures, "error", err)
	}
}

// Ready is nil once the open minutes were looked at without failure, and while that stays so.
func (r *Rollup) Ready(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.states[jobMinute]
	switch {
	case s == nil || s.runs == 0:
		return errors.New("rollup has not looked at the open minutes yet")
	case s.err != nil:
		return fmt.Errorf("rollup of open minutes fails since %d runs: %w", s.failures, s.err)
	}
	return nil
}

// running tells at every scrape for how long each job has been at its present run, so that one that hangs is seen, and for how long it has
// failed, so that one that fails is, whether or not it ever succeeded.
type running struct {
	r                *Rollup
	running, failing *prometheus.Desc
}

func newRunning(r *Rollup) *running {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("tollkeeper_rollup_"+name, help, []string{"job"}, nil)
	}
	return &running{r,
		desc("running_seconds", "For how long a job has been at its present run; 0 when it isn't running."),
		desc("failing_seconds", "For how long every run of a job has failed, since the first of these ended; 0 when its last run succeeded.")}
}

func (c *running) Describe(out chan<- *prometheus.Desc) {
	out <- c.running
	out <- c.failing
}

func (c *running) Collect(out chan<- prometheus.Metric) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	now := c.r.now()
	tell := func(desc *prometheus.Desc, job string, since time.Time) {
		var seconds float64
		if !since.IsZero() {
			seconds = now.Sub(since).Seconds()
		}
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, seconds, job)
	}
	for job, s := range c.r.states {
		tell(c.running, job, s.runningSince)
		tell(c.failing, job, s.failingSince)
	}
}

// JobStatus is a job of one rollup process, as that process last said.
type JobStatus struct {
	Job, Process                                string
	RunningSince, LastRun, LastSuccess, NextRun *time.Time // nil: not running, never, not scheduled
	Duration                                    time.Duration
	Runs, Failures                              uint64
	Failing                                     uint64 // failures in a row
	Backlog                                     uint64 // windows with due marks
	Error                                       string // of the last run
	At                                          time.Time
}

// Status reads how the jobs of all rollup processes go.
func (r *Rollup) Status(ctx context.Context) ([]JobStatus, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/job_states"))
	if err != nil {
		return nil, fmt.Errorf("read the jobs' states: %w", err)
	}
	defer rows.Close()
	var out []JobStatus
	for rows.Next() {
		var s JobStatus
		var ms uint64
		err := rows.Scan(&s.Job, &s.Process, &s.RunningSince, &s.LastRun, &s.LastSuccess, &ms, &s.Runs, &s.Failures,
			&s.Failing, &s.Backlog, &s.Error, &s.NextRun, &s.At)
		if err != nil {
			return nil, fmt.Errorf("read the jobs' states: %w", err)
		}
		s.Duration = time.Duration(ms) * time.Millisecond
		out = append(out, s)
	}
	return out, rows.Err()
}

// publish writes the jobs' states for Status.
func (r *Rollup) publish(ctx context.Context) error {
	batch, err := r.conn.PrepareBatch(ctx, schema.SQL("rollup/publish_jobs"))
	if err != nil {
		return fmt.Errorf("publish the jobs' states: %w", err)
	}
	optional := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	r.mu.Lock()
	for job, s := range r.states {
		text := ""
		if s.err != nil {
			text = s.err.Error()
		}
		var next time.Time
		if r.next != nil {
			next = r.next(job)
		}
		err = batch.Append(job, r.process, optional(s.runningSince), optional(s.lastRun), optional(s.lastSuccess), uint64(s.took.Milliseconds()),
			uint64(s.runs), uint64(s.failed), uint64(s.failures), s.backlog, text, optional(next))
		if err != nil {
			break
		}
	}
	r.mu.Unlock()
	if err == nil {
		err = batch.Send()
	} else {
		_ = batch.Abort()
	}
	if err != nil {
		return fmt.Errorf("publish the jobs' states: %w", err)
	}
	return nil
}

// processName tells this process from another of the same machine or of another one.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
