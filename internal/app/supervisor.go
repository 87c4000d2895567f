package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// part is one running component: a role, or a server that the roles need.
type part struct {
	name  string
	run   func(context.Context) error
	ready func(context.Context) error // nil: ready as soon as it runs
	grace time.Duration               // how long it may drain

	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// failure is what ended the part, with the part's name before it, once.
func (p *part) failure() error {
	if strings.HasPrefix(p.err.Error(), p.name+":") {
		return p.err
	}
	return fmt.Errorf("%s: %w", p.name, p.err)
}

// supervisor starts parts in order and stops them in the opposite order, each with its own grace. A part that ends by
// itself, with or without an error, ends the whole.
type supervisor struct {
	log   *slog.Logger
	mu    sync.Mutex
	parts []*part
	ended chan *part
}

func newSupervisor(log *slog.Logger) *supervisor {
	return &supervisor{log: log, ended: make(chan *part, 32)}
}

// start runs the part until it ends or stop cancels it. The context given to run is not a child of the caller's: only
// stop ends a part, so that draining happens in order.
func (s *supervisor) start(p *part) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	s.mu.Lock()
	s.parts = append(s.parts, p)
	s.mu.Unlock()
	go func() {
		defer close(p.done)
		defer cancel()
		p.err = p.run(ctx)
		if ctx.Err() == nil {
			s.ended <- p
		}
	}()
}

// wait returns nil when ctx ends, or an error naming the part that ended first.
func (s *supervisor) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case p := <-s.ended:
		if p.err == nil {
			return fmt.Errorf("%s stopped by itself", p.name)
		}
		return p.failure()
	}
}

// untilReady polls the part's readiness until it is ready, ended, or limit has passed.
func (s *supervisor) untilReady(ctx context.Context, p *part, limit time.Duration) error {
	if p.ready == nil {
		return nil
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			if p.err != nil {
				return p.failure()
			}
			return fmt.Errorf("%s stopped while starting", p.name)
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("%s is not ready after %s: %w", p.name, limit, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends all parts, last started first, and joins their errors.
func (s *supervisor) stop() error {
	s.mu.Lock()
	parts := s.parts
	s.parts = nil
	s.mu.Unlock()
	var problems []error
	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		p.cancel()
		select {
		case <-p.done:
			if p.err != nil && !errors.Is(p.err, context.Canceled) {
				problems = append(problems, p.failure())
			}
		case <-time.After(p.grace):
			problems = append(problems, fmt.Errorf("%s did not stop within %s", p.name, p.grace))
		}
		s.log.Debug("stopped", "part", p.name)
	}
	return errors.Join(problems...)
}
