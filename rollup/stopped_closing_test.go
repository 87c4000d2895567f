package rollup

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

// TestALateCallWhileItsBookingMonthIsClosed is the model's shortest way to lose a late call: the closing copies an hour's adjustments
// before a worker that claimed below it commits.
func TestALateCallWhileItsBookingMonthIsClosed(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	r.now = func() time.Time { return spring }
	at := january.Add(5 * time.Hour)
	someCalls(t, conn, at, 2)
	runAll(t, r)
	closeMonth(t, r, january)
	late := someCalls(t, conn, at.Add(time.Minute), 2)

	february, closer := january.AddDate(0, 1, 0), named("worker", rand.Uint64())
	done := 0
	r.interrupt = func(w window, step string) error {
		if w.level != adjustLevel {
			return nil
		}
		var err error
		switch done++; step {
		case afterSeen:
			err = r.put(t.Context(), february, "closed", "ada", "month end", "0", 0, "")
		case afterWrite:
			require.NoError(t, conn.Exec(t.Context(), schema.SQL("books/freeze_adjust_claim"), closer, named("month", february.Format(time.DateOnly))))
			err = conn.Exec(t.Context(), schema.SQL("books/freeze_adjust"), closer)
		case afterRemove:
			err = conn.Exec(t.Context(), schema.SQL("books/freeze_adjust_commit"), closer)
		default:
			done--
		}
		return err
	}
	_, err := r.RunJob(t.Context(), jobAdjust)
	require.NoError(t, err)
	require.Equal(t, 3, done)
	r.interrupt = nil
	closeMonth(t, r, february)
	adjustAll(t, r)
	_, inFebruary := booked(t, conn, february)
	_, inMarch := booked(t, conn, february.AddDate(0, 1, 0))
	require.Equal(t, late.String(), parse(t, inFebruary).Add(parse(t, inMarch)).String())
}

// TestAStoppedClosingIsFinishedBeforeAnythingElse: hours wait for its freeze, and a reopening is refused, for they would wait for ever.
func TestAStoppedClosingIsFinishedBeforeAnythingElse(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	r.now = func() time.Time { return spring }
	at := january.Add(5 * time.Hour)
	someCalls(t, conn, at, 2)
	runAll(t, r)
	closeMonth(t, r, january)
	late := someCalls(t, conn, at.Add(time.Minute), 2)
	adjustAll(t, r)

	february := january.AddDate(0, 1, 0)
	require.NoError(t, r.put(t.Context(), february, "closed", "ada", "month end", "0", 0, ""))
	require.NoError(t, conn.Exec(t.Context(), schema.SQL("books/freeze_adjust_claim"), named("worker", rand.Uint64()), named("month", february.Format(time.DateOnly))))
	later := someCalls(t, conn, at.Add(2*time.Minute), 2)
	adjustAll(t, r)
	const waiting = "SELECT count() FROM adjust_marks FINAL WHERE done = 0"
	require.NotZero(t, count(t, conn, waiting), "the hour waits")
	_, err := r.Reopen(t.Context(), february, "ben", "x")
	require.ErrorContains(t, err, "period close 2026-02")

	_, err = r.Close(t.Context(), Closing{Month: february, Author: "ada", Reason: "month end", Grace: 24 * time.Hour})
	require.NoError(t, err, "although marks are pending")
	adjustAll(t, r)
	require.Zero(t, count(t, conn, waiting))
	_, adjusted := booked(t, conn, february)
	require.Equal(t, late.String(), adjusted)
	_, adjusted = booked(t, conn, february.AddDate(0, 1, 0))
	require.Equal(t, later.String(), adjusted)
}
