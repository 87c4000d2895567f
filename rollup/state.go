package rollup

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// jobState is how a job's runs have gone.
type jobState struct {
	lastRun     time.Time
	lastSuccess time.Time
	lastLogged  time.Time
	failures    int // in a row
	err         error
}

// complainEvery bounds how often a job that keeps failing is logged.
const complainEvery = time.Minute

// note remembers a run's outcome. A failure is logged at once, then once a minute; the recovery is logged too.
func (r *Rollup) note(job string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.states[job]
	if s == nil {
		s = &jobState{}
		r.states[job] = s
	}
	now := r.now()
	s.lastRun, s.err = now, err
	if err == nil {
		if s.failures > 0 {
			r.log.Info("rollup: job works again", "job", job, "failed", s.failures)
		}
		s.failures, s.lastSuccess = 0, now
		return
	}
	s.failures++
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
	case s == nil:
		return errors.New("rollup has not looked at the open minutes yet")
	case s.err != nil:
		return fmt.Errorf("rollup of open minutes fails since %d runs: %w", s.failures, s.err)
	}
	return nil
}
