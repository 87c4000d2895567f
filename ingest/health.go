package ingest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// health is what keeps a stream from working right now, by step.
type health struct {
	mu       sync.Mutex
	problems map[string]error
}

// set records or, with nil, clears a step's problem.
func (h *health) set(step string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.problems, step)
		return
	}
	if h.problems == nil {
		h.problems = map[string]error{}
	}
	h.problems[step] = err
}

func (h *health) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.problems)
}

// err joins the problems, ordered by step.
func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, step := range slices.Sorted(maps.Keys(h.problems)) {
		errs = append(errs, fmt.Errorf("%s: %w", step, h.problems[step]))
	}
	return errors.Join(errs...)
}
