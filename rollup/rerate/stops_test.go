package rerate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// steps are all steps of a run with three hours, in order.
func steps(t *testing.T) (out []string) {
	w := newWorld(t)
	w.fill()
	r := w.rerate(cut)
	r.interrupt = func(step string, hour time.Time) error {
		out = append(out, fmt.Sprint(step, " ", hour.Format("02T15")))
		return nil
	}
	_, err := r.Start(t.Context(), request())
	require.NoError(t, err)
	return out
}

// TestAStopAnywhere stops a run after a step, lets the rollup work, and resumes it. Prices go down and up in turn. After every step:
// TestAStopAfterEveryStep, of testall.
func TestAStopAnywhere(t *testing.T) { stopAnywhere(t, 4) }

func stopAnywhere(t *testing.T, nth int) {
	every := steps(t)
	w := newWorld(t)
	w.fill()
	w.rollUp()
	from, to := old, cut
	for i, step := range every {
		if i%nth != 1%nth {
			continue
		}
		r, n := w.rerate(to), 0
		r.interrupt = func(string, time.Time) error {
			if n++; n == i+1 {
				return errStopped
			}
			return nil
		}
		_, err := r.Start(t.Context(), request())
		require.ErrorIs(t, err, errStopped, step)
		w.rollUp()
		if finished := i >= len(every)-2; !finished {
			_, err = w.rerate(to).Start(t.Context(), request())
			require.ErrorIs(t, err, ErrUnfinished, "another run isn't started meanwhile")
			_, err = w.rerate(from).Resume(t.Context())
			require.ErrorIs(t, err, ErrBook, step)
			_, err = w.rerate(to).Resume(t.Context())
			require.NoError(t, err, step)
		}
		_, err = w.rerate(to).Resume(t.Context())
		require.ErrorIs(t, err, ErrNothing)
		w.settled(from.total(w.calls, all), to.total(w.calls, all), len(w.calls))
		from, to = to, from
	}
}

// TestTwoProcessesAtOneRun wakes a second one up between two steps of the first; any two: TestTwoProcessesAtEveryStep.
func TestTwoProcessesAtOneRun(t *testing.T) { twoProcesses(t, 4) }

func twoProcesses(t *testing.T, nth int) {
	every := steps(t)
	w := newWorld(t)
	w.fill()
	w.rollUp()
	from, to := old, cut
	for i, step := range every {
		if i%nth != 1%nth {
			continue
		}
		r, n := w.rerate(to), 0
		r.interrupt = func(string, time.Time) error {
			if n++; n == i+1 {
				if _, err := w.rerate(to).Resume(context.Background()); !errors.Is(err, ErrNothing) {
					require.NoError(t, err, step)
				}
				w.rollUp()
			}
			return nil
		}
		_, err := r.Start(t.Context(), request())
		require.NoError(t, err, step)
		w.settled(from.total(w.calls, all), to.total(w.calls, all), len(w.calls))
		from, to = to, from
	}
}

// TestCallsArriveMeanwhile: copies that Kafka delivers again, fuller copies and new calls come between any two steps. Every call
// is there once, totals are the calls' sum, and a second run finds what came behind the first one's back.
func TestCallsArriveMeanwhile(t *testing.T) { callsArrive(t, 0, 2) }

func callsArrive(t *testing.T, first, end uint64) {
	for seed := first; seed < end; seed++ {
		w := newWorld(t)
		w.rng = rand.New(rand.NewPCG(seed, 9))
		w.fill()
		empty := w.call(january.Add(time.Minute), "acme", "big", old) // a report that a fuller copy replaces
		fuller := empty
		empty.Usage, empty.Unpriced, empty.Cost = ledger.Usage{}, ledger.UnpricedUsage, [ledger.NumCostParts]ledger.Money{}
		w.store(empty)
		w.calls = append(w.calls, fuller)
		w.rollUp()
		r := w.rerate(cut)
		told := false
		r.interrupt = func(string, time.Time) error {
			switch n := w.rng.IntN(6); {
			case n < 2:
				w.store(w.calls[w.rng.IntN(20)])
			case n == 2 && !told:
				told = true
				w.store(fuller)
			case n == 3:
				c := w.call(january.Add(time.Duration(w.rng.IntN(120))*time.Minute), "acme", "big", old)
				w.calls = append(w.calls, c)
				w.store(c)
			case n == 4:
				w.rollUp()
			}
			return nil
		}
		_, err := r.Start(t.Context(), request())
		require.NoError(t, err)
		if !told {
			w.store(fuller)
		}
		w.rollUp()
		require.Equal(t, w.sum("SELECT toString(sum(cost)) FROM calls"+span), w.sum("SELECT toString(sum(cost)) FROM spend"+span))
		require.Equal(t, fmt.Sprint(len(w.calls)), w.one("SELECT toString(count()) FROM calls"+span))
		r.interrupt = nil
		_, err = r.Start(t.Context(), request())
		require.NoError(t, err)
		w.rollUp()
		require.Equal(t, cut.total(w.calls, all).String(), w.sum("SELECT toString(sum(cost)) FROM spend"+span))
		require.Equal(t, fmt.Sprint(len(w.calls)), w.one("SELECT toString(count()) FROM calls"+span))
	}
}
