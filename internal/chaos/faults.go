package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// round is one round under way in a world.
type round struct {
	world  *world
	seed   uint64
	events []event
	done   [8]atomic.Bool // which events came to happen; traps may see no statement
}

// What this machine can't do, as events that are left out.
func skips(w *world, e event) string {
	switch {
	case e.Kind == eventFull && !w.disks[e.Target].small:
		return "no right to mount a small file system"
	case e.Kind == eventSyscall && !canTrace():
		return "no strace"
	}
	return ""
}

// run lets every event happen at its time and returns when the last is over.
func (r *round) run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(r.events))
	began := time.Now()
	for i, e := range r.events {
		wg.Go(func() {
			if !sleep(ctx, time.Until(began.Add(e.At))) || skips(r.world, e) != "" {
				return
			}
			happened, err := r.world.happen(ctx, e, began.Add(loadFor))
			r.done[i].Store(happened)
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", e, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// happen does an event and returns when it is over, whether it came to it.
func (w *world) happen(ctx context.Context, e event, end time.Time) (bool, error) {
	switch e.Kind {
	case eventKill:
		return w.processes[e.Target].kill(e.For), nil
	case eventClock:
		w.processes[e.Target].setClock(e.Offset)
		return w.processes[e.Target].kill(0), nil
	case eventPause:
		if !w.processes[e.Target].signal(syscall.SIGSTOP) {
			return false, nil
		}
		sleep(ctx, e.For)
		return w.processes[e.Target].signal(syscall.SIGCONT), nil
	case eventCut:
		if err := w.links[e.Target].cut(e.How); err != nil {
			return false, err
		}
		sleep(ctx, e.For)
		return true, w.links[e.Target].mend(ctx)
	case eventFull:
		if err := w.disks[e.Target].fill(); err != nil {
			return false, err
		}
		sleep(ctx, e.For)
		return true, w.disks[e.Target].drain()
	case eventStatement:
		return w.killAtStatement(ctx, e, end), nil
	case eventSyscall:
		pid, err := w.processes[procEngine].child()
		if err != nil {
			return false, nil
		}
		limited, cancel := context.WithDeadline(ctx, end)
		defer cancel()
		return killAtSyscall(limited, pid, e.How, e.N)
	}
	return false, fmt.Errorf("unknown event %q", e.Kind)
}

func (w *world) killAtStatement(ctx context.Context, e event, end time.Time) bool {
	hit := make(chan struct{})
	remove := w.witnesses[e.Target].set(&trap{text: e.How, when: e.When, n: e.N, do: func() {
		if e.When == inside {
			time.Sleep(e.For / 50) // 0 to 20 ms into it
		}
		w.processes[e.Victim].kill(e.For)
		close(hit)
	}})
	defer remove()
	select {
	case <-hit:
		return true
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
	}
	return false
}
