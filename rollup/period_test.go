package rollup

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var (
	january = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	spring  = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
)

// booked is what is booked in a month: its own days, and adjustments.
func booked(t *testing.T, conn driver.Conn, month time.Time) (spend, adjusted string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT part, toString(sum(cost)) FROM booked_spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) GROUP BY part`,
		named("from", month), named("to", month.AddDate(0, 1, 0)))
	require.NoError(t, err)
	defer rows.Close()
	got := map[string]string{"spend": ledger.Sum{}.String(), "adjustment": ledger.Sum{}.String()}
	for rows.Next() {
		var part, sum string
		require.NoError(t, rows.Scan(&part, &sum))
		got[part] = parse(t, sum).String()
	}
	require.NoError(t, rows.Err())
	return got["spend"], got["adjustment"]
}

func adjustAll(t *testing.T, r *Rollup) {
	t.Helper()
	conn := r.conn
	for range 3 { // an open hour's adjustment asks for its minutes, they for theirs
		_, err := r.RunJob(t.Context(), jobAdjust)
		require.NoError(t, err)
		runAll(t, r)
		if pendingMarks(t, conn) == 0 && count(t, conn, "SELECT count() FROM adjust_marks FINAL WHERE done = 0") == 0 {
			return
		}
	}
}

// closeMonth closes it without recomputing its 744 hours; the first closing of the tests has shown that.
func closeMonth(t *testing.T, r *Rollup, month time.Time) Period {
	t.Helper()
	p, err := r.Close(t.Context(), Closing{Month: month, Author: "ada", Reason: "month end", Force: true})
	require.NoError(t, err)
	return p
}

func TestALateCallOfAClosedMonthIsBookedInTheOpenOne(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	r.now = func() time.Time { return spring }
	at := january.Add(100 * time.Hour)
	zero := ledger.Sum{}.String()
	first := someCalls(t, conn, at, 3)
	_, err := r.Close(t.Context(), Closing{Month: january, Author: "ada", Reason: "x"})
	require.ErrorIs(t, err, ErrNotClosable)
	require.ErrorContains(t, err, "1 windows")
	runAll(t, r)
	p, err := r.Close(t.Context(), Closing{Month: january, Author: "ada", Reason: "month end", Grace: 24 * time.Hour})
	require.NoError(t, err)
	require.Equal(t, "closed", p.State)
	require.Equal(t, first.String(), parse(t, p.Cost).String())
	require.EqualValues(t, 3, p.Calls)
	require.Contains(t, p.Evidence, `"pending_windows":0`)
	_, err = r.Close(t.Context(), Closing{Month: january})
	require.ErrorContains(t, err, "closed since")

	late := someCalls(t, conn, at.Add(time.Minute), 2)
	for range 2 { // done again, nothing changes
		adjustAll(t, r)
		spend, adjusted := booked(t, conn, january)
		require.Equal(t, []string{first.String(), zero}, []string{spend, adjusted})
		spend, adjusted = booked(t, conn, january.AddDate(0, 1, 0))
		require.Equal(t, []string{zero, late.String()}, []string{spend, adjusted})
		mark(t.Context(), t, conn, Minute, at)
	}
	require.EqualValues(t, count(t, conn, "SELECT count() FROM adjustments_now"), count(t, conn, "SELECT countIf(kind = 'late_call' AND original = toDate('2026-01-05') AND booked = toDate('2026-02-01')) FROM adjustments_now"))

	adjustAll(t, r)
	closeMonth(t, r, january.AddDate(0, 1, 0))
	later := someCalls(t, conn, at.Add(2*time.Minute), 2)
	adjustAll(t, r)
	_, adjusted := booked(t, conn, january.AddDate(0, 1, 0))
	require.Equal(t, late.String(), adjusted, "February is closed with what was booked in it")
	_, adjusted = booked(t, conn, january.AddDate(0, 2, 0))
	require.Equal(t, later.String(), adjusted)

	_, err = r.Reopen(t.Context(), january, "ben", "the supplier's correction")
	require.NoError(t, err)
	adjustAll(t, r)
	spend, adjusted := booked(t, conn, january)
	require.Equal(t, first.Add(late).Add(later).String(), spend, "its own totals hold all calls")
	require.Equal(t, late.Neg().String(), adjusted, "what February was closed with is taken back")
	_, adjusted = booked(t, conn, january.AddDate(0, 2, 0))
	require.Equal(t, zero, adjusted)
	closeMonth(t, r, january)
	adjustAll(t, r)
	spend, adjusted = booked(t, conn, january)
	require.Equal(t, []string{first.Add(late).Add(later).String(), late.Neg().String()}, []string{spend, adjusted})
}

// TestClosingGoesThroughTheDaysWithCallsOnly: a day without any costs no statement of its own, and each other one is told.
func TestClosingGoesThroughTheDaysWithCallsOnly(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	r.now = func() time.Time { return spring }
	first := someCalls(t, conn, january.Add(100*time.Hour), 3)
	second := someCalls(t, conn, january.AddDate(0, 1, -1), 2)
	runAll(t, r)
	var told []string
	progress := func(p Progress) {
		told = append(told, fmt.Sprintf("%s %s %d/%d", p.Doing, p.Day.Format(time.DateOnly), p.Done, p.Days))
	}
	p, err := r.Close(t.Context(), Closing{Month: january, Author: "ada", Reason: "month end", Progress: progress})
	require.NoError(t, err)
	require.Equal(t, first.Add(second).String(), parse(t, p.Cost).String())
	require.Equal(t, []string{
		"compare with its calls 2026-01-05 0/2", "compare with its calls 2026-01-31 1/2", "freeze 2026-01-05 0/2", "freeze 2026-01-31 1/2",
	}, told)
	require.EqualValues(t, 31, count(t, conn, "SELECT uniqExact(window) FROM window_revisions WHERE level = 'day' AND committed = 1 AND n >= 281474976710656"), "all days are frozen")
	told = nil
	p, err = r.Close(t.Context(), Closing{Month: january.AddDate(0, 1, 0), Author: "ada", Reason: "month end", Progress: progress})
	require.NoError(t, err)
	require.Contains(t, p.Evidence, `"sums_checked":56`)
	require.Empty(t, told)
}

// TestAClosedMonthWhateverStops stops a worker after every step of adjusting, and starts a second one there.
func TestAClosedMonthWhateverStops(t *testing.T) {
	conn := database(t)
	r, other := newRollup(t, conn), newRollup(t, conn)
	r.now = func() time.Time { return spring }
	other.now = r.now
	at := january.Add(5 * time.Hour)
	first := someCalls(t, conn, at, 2)
	runAll(t, r)
	closeMonth(t, r, january)
	for i, step := range []string{afterSettle, afterMarked, afterDropped, afterMarks, afterSeen, afterLook, afterClaim, afterWrite, afterCommit, afterParent, afterRemove} {
		for n, second := range []bool{false, true} {
			someCalls(t, conn, at.Add(time.Duration(1+2*i+n)*time.Minute), 1)
			stopped := false
			r.interrupt = func(_ window, s string) error {
				if s != step || stopped {
					return nil
				}
				stopped = true
				if second { // another one does it all while this one sleeps
					someCalls(t, conn, at.Add(time.Duration(30+i)*time.Minute), 1)
					_, err := other.RunJob(t.Context(), jobAdjust)
					return err
				}
				return errStopped
			}
			_, err := r.RunJob(t.Context(), jobAdjust)
			if second {
				require.NoError(t, err, step)
			} else {
				require.ErrorIs(t, err, errStopped, step)
			}
			require.True(t, stopped)
			r.interrupt = nil
			_, err = r.RunJob(t.Context(), jobAdjust)
			require.NoError(t, err)
		}
	}
	spend, _ := booked(t, conn, january)
	require.Equal(t, first.String(), spend)
	want := spentNow(t, conn, january).Sub(first)
	require.Equal(t, 1, want.Sign())
	_, adjusted := booked(t, conn, january.AddDate(0, 1, 0))
	require.Equal(t, want.String(), adjusted)
}

func spentNow(t *testing.T, conn driver.Conn, month time.Time) ledger.Sum {
	t.Helper()
	var s string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT toString(sum(cost)) FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})",
		named("from", month), named("to", month.AddDate(0, 1, 0))).Scan(&s))
	return parse(t, s)
}

// TestAWorkerThatSleepsWhileItsMonthIsClosed wakes up after the closing, whatever step it was at.
func TestAWorkerThatSleepsWhileItsMonthIsClosed(t *testing.T) { sleepsWhileClosed(t, sleepingSteps) }

// sleepingSteps are where a worker sleeps: the steps that decide; testall has all.
var sleepingSteps = map[Level][]string{Minute: {afterSeen}, Hour: {afterCommit}}

func sleepsWhileClosed(t *testing.T, sleeping map[Level][]string) {
	for level, steps := range sleeping {
		for _, step := range steps {
			t.Run(fmt.Sprint(level, " after ", step), func(t *testing.T) {
				conn := database(t)
				r, closer := newRollup(t, conn), newRollup(t, conn)
				r.now = func() time.Time { return spring }
				closer.now = r.now
				at := january.Add(5 * time.Hour)
				someCalls(t, conn, at, 2)
				runAll(t, r)
				someCalls(t, conn, at.Add(time.Minute), 2)
				if level == Hour {
					_, err := r.RunOnce(t.Context(), Minute)
					require.NoError(t, err)
				}
				var cost string
				r.interrupt = func(w window, s string) error {
					if s != step || cost != "" {
						return nil
					}
					p, err := closer.Close(t.Context(), Closing{Month: january, Author: "ada", Reason: "now", Force: true})
					cost = parse(t, p.Cost).String()
					return err
				}
				_, err := r.RunOnce(t.Context(), level)
				require.NoError(t, err)
				require.NotEmpty(t, cost)
				r.interrupt = nil
				runAll(t, r)
				adjustAll(t, r)
				spend, _ := booked(t, conn, january)
				require.Equal(t, cost, spend, "what was closed stays")
				_, adjusted := booked(t, conn, january.AddDate(0, 1, 0))
				require.Equal(t, spentNow(t, conn, january).Sub(parse(t, cost)).String(), adjusted, "and nothing is lost")
				require.Zero(t, pendingMarks(t, conn))
			})
		}
	}
}
