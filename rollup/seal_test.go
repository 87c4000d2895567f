package rollup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// sealer is a rollup for which the day of at is just sealed and its calls are there for 23 hours more.
func sealer(t *testing.T, conn driver.Conn, at time.Time) *Rollup {
	t.Helper()
	r := newRollup(t, conn, func(c *Config) { c.SealedAfter = 40 * 24 * time.Hour })
	r.now = func() time.Time { return Day.start(at).Add(41*24*time.Hour + 10*time.Minute) }
	return r
}

// earlier lets a rollup work as long before that as d.
func (r *Rollup) earlier(d time.Duration) func() {
	now := r.now
	r.now = func() time.Time { return now().Add(-d) }
	return func() { r.now = now }
}

func sealNow(t *testing.T, r *Rollup) {
	t.Helper()
	_, err := r.RunJob(t.Context(), jobSeal)
	require.NoError(t, err)
}

// verified is the month's day in words: its state, and what differs.
func verified(t *testing.T, r *Rollup, day time.Time) (state string, unlike []string) {
	t.Helper()
	v, err := r.Verify(t.Context(), monthOf(day), nil)
	require.NoError(t, err)
	d := v.Days[day.Day()-1]
	for _, u := range append(d.Unlike, v.Unlike...) {
		unlike = append(unlike, strings.TrimSpace(u.Tenant+" "+u.What))
	}
	return d.State, unlike
}

// TestSealingFindsWhatNobodyMarked: calls that were stored by an ingest that died before its marks, in an hour that has totals and in one that
// has none.
func TestSealingFindsWhatNobodyMarked(t *testing.T) {
	conn := database(t)
	at := january.Add(9*24*time.Hour + 5*time.Hour)
	r := sealer(t, conn, at)
	back := r.earlier(10 * 24 * time.Hour)
	first := someCalls(t, conn, at, 3)
	runAll(t, r)
	lost := someCalls(t, conn, at.Add(time.Minute), 2).Add(someCalls(t, conn, at.Add(3*time.Hour), 1))
	require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE dirty_windows DELETE WHERE done = 0 SETTINGS mutations_sync = 1"))
	back()
	sealNow(t, r)
	require.EqualValues(t, 2, count(t, conn, "SELECT uniqExact(window) FROM adjust_marks FINAL WHERE done = 0"), "the other hours have nothing to adjust")
	adjustAll(t, r)
	sealNow(t, r)
	seals, err := r.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, seals[0].N)
	require.True(t, seals[0].proved())
	require.Equal(t, []string{first.String(), lost.String()}, []string{seals[0].Whole.Cost.String(), seals[0].Whole.Adjusted.String()})
	spend, adjusted := booked(t, conn, january)
	require.Equal(t, []string{first.String(), lost.String()}, []string{spend, adjusted})
	state, _ := verified(t, r, at)
	require.Equal(t, DayEqual, state)
}

// TestRowsThatAreMissingAreNeverBooked: a part was dropped before its time. What comes late then says nothing of what is gone.
func TestRowsThatAreMissingAreNeverBooked(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint("closed ", closed), func(t *testing.T) {
			conn := database(t)
			at := january.Add(9*24*time.Hour + 5*time.Hour)
			r := sealer(t, conn, at)
			back := r.earlier(10 * 24 * time.Hour)
			first := someCalls(t, conn, at, 5)
			runAll(t, r)
			if closed {
				closeMonth(t, r, january)
			}
			require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE call_reports DROP PARTITION tuple('2026-01-10')"))
			someCalls(t, conn, at.Add(time.Minute), 2)
			if closed {
				adjustAll(t, r)
				spend, adjusted := booked(t, conn, january.AddDate(0, 1, 0))
				require.Equal(t, []string{ledger.Sum{}.String(), ledger.Sum{}.String()}, []string{spend, adjusted})
			}
			back()
			adjustAll(t, r)
			sealNow(t, r)
			for _, month := range []time.Time{january, january.AddDate(0, 1, 0)} {
				_, adjusted := booked(t, conn, month)
				require.Equal(t, ledger.Sum{}.String(), adjusted)
			}
			spend, _ := booked(t, conn, january)
			require.Equal(t, first.String(), spend)
			require.EqualValues(t, 1, count(t, conn, "SELECT uniqExact(window) FROM adjust_marks FINAL WHERE done = 0"), "what came late is kept for when the rows are back")
			state, _ := verified(t, r, at)
			require.Equal(t, DayPending, state)
		})
	}
}

// TestAWorkerThatSleepsWhileItsDayIsSealed wakes up after that, whatever step it was at, with a call that came meanwhile.
func TestAWorkerThatSleepsWhileItsDayIsSealed(t *testing.T) { sleepsWhileSealed(t, sleepingSteps) }

func sleepsWhileSealed(t *testing.T, sleeping map[Level][]string) {
	for level, steps := range sleeping {
		for _, step := range steps {
			t.Run(fmt.Sprint(level, " after ", step), func(t *testing.T) {
				conn := database(t)
				at := january.Add(9*24*time.Hour + 5*time.Hour)
				other, r := sealer(t, conn, at), sealer(t, conn, at)
				back := r.earlier(10 * 24 * time.Hour)
				first := someCalls(t, conn, at, 2)
				runAll(t, r)
				mark(t.Context(), t, conn, level, level.start(at))
				slept := false
				r.interrupt = func(w window, s string) error {
					if s != step || slept {
						return nil
					}
					slept = true
					// Somebody else does what this one is at, and it is old enough to be sealed.
					early := newRollup(t, conn)
					early.now = r.now
					runAll(t, early)
					sealNow(t, other)
					someCalls(t, conn, at.Add(time.Minute), 1)
					adjustAll(t, other)
					back()
					return nil
				}
				_, err := r.RunOnce(t.Context(), level)
				require.NoError(t, err)
				require.True(t, slept)
				r.interrupt = nil
				runAll(t, r)
				adjustAll(t, r)
				sealNow(t, other)
				seals, err := other.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
				require.NoError(t, err)
				require.True(t, seals[0].proved(), "%+v", seals[0].Whole)
				require.Equal(t, first.String(), seals[0].Whole.Cost.String())
				require.EqualValues(t, 1, seals[0].Whole.AdjustedCalls)
				state, unlike := verified(t, other, at)
				require.Equal(t, []any{DayEqual, []string(nil)}, []any{state, unlike})
			})
		}
	}
}

// TestSealingStops after any of its steps, with another one doing it meanwhile or not.
func TestSealingStops(t *testing.T) { sealingStops(t, false) }

func sealingStops(t *testing.T, everyWay bool) {
	for i, step := range []string{afterFreeze, afterMarked, afterSeal} {
		for n, second := range []bool{false, true} {
			if !everyWay && second != (step == afterMarked) {
				continue // each step both ways: TestSealingStopsEveryWay, of testall
			}
			conn := database(t)
			at := january.Add(9*24*time.Hour + time.Duration(5+2*i+n)*time.Hour)
			r, other := sealer(t, conn, at), sealer(t, conn, at)
			back := r.earlier(10 * 24 * time.Hour)
			first := someCalls(t, conn, at, 2)
			runAll(t, r)
			lost := someCalls(t, conn, at.Add(time.Minute), 1)
			require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE dirty_windows DELETE WHERE done = 0 SETTINGS mutations_sync = 1"))
			back()
			stopped := false
			r.interrupt = func(w window, s string) error {
				if stopped || s != step || w.level != sealLevel || !w.start.Equal(Day.start(at)) {
					return nil
				}
				stopped = true
				if second {
					_, err := other.RunJob(t.Context(), jobSeal)
					return err
				}
				return errStopped
			}
			_, err := r.RunJob(t.Context(), jobSeal)
			if second {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errStopped)
			}
			require.True(t, stopped)
			r.interrupt = nil
			for range 2 {
				sealNow(t, r)
				adjustAll(t, r)
			}
			sealNow(t, r)
			seals, err := r.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
			require.NoError(t, err)
			require.True(t, seals[0].proved(), "%s, second %t: %+v", step, second, seals[0].Whole)
			require.Equal(t, []string{first.String(), lost.String()}, []string{seals[0].Whole.Cost.String(), seals[0].Whole.Adjusted.String()})
		}
	}
}

// TestDaysBeforeTheLedgerBegan need no proof: nothing is booked for them, and sealing began after them. A day between sealed ones does,
// and so does one with totals.
func TestDaysBeforeTheLedgerBegan(t *testing.T) {
	conn := database(t)
	at := january.Add(9*24*time.Hour + 5*time.Hour)
	r := sealer(t, conn, at)
	state, _ := verified(t, r, at.AddDate(0, 0, -3))
	require.Equal(t, DayUnknown, state, "no day was ever sealed")
	sealNow(t, r)
	days := func() (states []string) {
		for _, before := range []int{0, 1, 3} {
			state, _ := verified(t, r, at.AddDate(0, 0, -before))
			states = append(states, state)
		}
		return states
	}
	require.Equal(t, []string{DayEqual, DayBefore, DayBefore}, days())
	back := r.earlier(10 * 24 * time.Hour)
	someCalls(t, conn, at.AddDate(0, 0, -3), 2)
	runAll(t, r)
	back()
	require.Equal(t, []string{DayEqual, DayBefore, DayUnknown}, days(), "a day with totals")
	back = r.earlier(5 * 24 * time.Hour)
	sealNow(t, r)
	back()
	require.Equal(t, DayUnknown, days()[1], "a day between sealed ones")
}
