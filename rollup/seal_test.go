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
	v, err := r.Verify(t.Context(), monthOf(day))
	require.NoError(t, err)
	d := v.Days[day.Day()-1]
	for _, u := range append(d.Unlike, v.Unlike...) {
		unlike = append(unlike, strings.TrimSpace(u.Tenant+" "+u.What))
	}
	return d.State, unlike
}

func TestASealedDayIsProvedFromItsEvidence(t *testing.T) {
	conn := database(t)
	at := january.Add(9*24*time.Hour + 5*time.Hour)
	r := sealer(t, conn, at)
	back := r.earlier(10 * 24 * time.Hour)
	first := someCalls(t, conn, at, 3).Add(someCalls(t, conn, at.Add(2*time.Hour), 2))
	other := randomCallsOf(t, conn, "globex", at.Add(time.Hour), 2)
	runAll(t, r)
	state, unlike := verified(t, r, at)
	require.Equal(t, []any{DayEqual, []string(nil)}, []any{state, unlike}, "with its calls")
	back()
	sealNow(t, r)
	seals, err := r.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
	require.NoError(t, err)
	require.Len(t, seals, 1)
	require.Len(t, seals[0].Tenants, 2)
	require.Equal(t, first.String(), seals[0].Tenants["acme"].Cost.String())
	require.Equal(t, first.Add(other).String(), seals[0].Whole.LedgerCost.String())
	require.EqualValues(t, 7, seals[0].Whole.Calls)
	sealNow(t, r)
	require.EqualValues(t, 1, count(t, conn, "SELECT toUInt64(max(n)) FROM day_seals WHERE day = toDate('2026-01-10')"), "it is sealed once")

	// A late call while its rows are there is an adjustment, and the day is sealed again.
	late := someCalls(t, conn, at.Add(time.Minute), 1)
	adjustAll(t, r)
	state, _ = verified(t, r, at)
	require.Equal(t, DayLater, state)
	sealNow(t, r)
	seals, err = r.Seals(t.Context(), Day.start(at), Day.start(at).Add(24*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, seals[0].N)
	require.True(t, seals[0].proved())
	require.Equal(t, late.String(), seals[0].Whole.Adjusted.String())
	require.Equal(t, first.Add(other).String(), seals[0].Whole.Cost.String(), "its totals are never rewritten")

	// Then its calls expire. What is kept can still be proved, and what comes now is held.
	require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE call_reports"))
	r.now = func() time.Time { return Day.start(at).Add(60 * 24 * time.Hour) }
	state, unlike = verified(t, r, at)
	require.Equal(t, []any{DayEqual, []string(nil)}, []any{state, unlike})
	period, err := r.Period(t.Context(), january)
	require.NoError(t, err)
	require.EqualValues(t, 2, period.Sealed, "the day before it has no calls")
	require.Equal(t, "open", period.State)

	for what, change := range map[string][2]string{
		"acme the day's totals":      {"cost_day", "UPDATE cost = cost + toDecimal128('0.000000000001', 12) WHERE tenant = 'acme'"},
		"globex the day's totals":    {"cost_day", "DELETE WHERE tenant = 'globex'"},
		"globex the rows of the day": {"cost_day", "UPDATE fresh_input = fresh_input + 1 WHERE tenant = 'globex'"},
		"acme the rows of the hours": {"cost_hour", "UPDATE model = 'cheap' WHERE tenant = 'acme'"},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("CREATE TABLE kept_%s AS %s", change[0], change[0])))
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO kept_%s SELECT * FROM %s", change[0], change[0])))
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("ALTER TABLE %s %s SETTINGS mutations_sync = 1", change[0], change[1])))
			state, unlike := verified(t, r, at)
			require.Equal(t, DayDiffers, state)
			require.Contains(t, unlike[0], what)
			tenant, _, _ := strings.Cut(what, " ")
			for _, u := range unlike {
				require.Contains(t, u, tenant, "nobody else is named")
			}
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("TRUNCATE TABLE %s", change[0]))) // a restored backup
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%s", change[0], change[0])))
			require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("DROP TABLE kept_%s", change[0])))
			state, _ = verified(t, r, at)
			require.Equal(t, DayEqual, state)
		})
	}
	t.Run("an adjustment", func(t *testing.T) {
		require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE adjustments UPDATE cost = cost * 2 WHERE 1 SETTINGS mutations_sync = 1"))
		state, unlike := verified(t, r, at)
		require.Equal(t, DayDiffers, state)
		require.Equal(t, []string{"acme what was booked for the day"}, unlike)
	})
	t.Run("a seal", func(t *testing.T) {
		require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE day_seals DELETE WHERE tenant = 'globex' SETTINGS mutations_sync = 1"))
		_, unlike := verified(t, r, at)
		require.Contains(t, unlike, "the seal of the day and those of its tenants")
	})
	state, _ = verified(t, r, at.AddDate(0, 0, 5))
	require.Equal(t, DayUnknown, state, "rollup didn't run then")
}

func randomCallsOf(t *testing.T, conn driver.Conn, tenant string, at time.Time, n byte) (sum ledger.Sum) {
	t.Helper()
	var calls []ledger.Call
	for i := range n {
		c := ledger.Call{Tenant: tenant, Model: "m", Start: at.UnixNano(), Received: at.UnixNano(), TraceID: [16]byte{9, i}, SpanID: [8]byte{tenant[0], i}}
		c.SetMinute()
		c.Cost[0] = 123_456_789
		sum = sum.AddMoney(c.TotalCost())
		calls = append(calls, c)
	}
	store(t.Context(), t, conn, calls, make([]uint64, n))
	return sum
}

// TestSealingFindsWhatNobodyMarked: a call that was stored by an ingest that died before its mark.
func TestSealingFindsWhatNobodyMarked(t *testing.T) {
	conn := database(t)
	at := january.Add(9*24*time.Hour + 5*time.Hour)
	r := sealer(t, conn, at)
	back := r.earlier(10 * 24 * time.Hour)
	first := someCalls(t, conn, at, 3)
	runAll(t, r)
	lost := someCalls(t, conn, at.Add(time.Minute), 2)
	require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE dirty_windows DELETE WHERE done = 0 SETTINGS mutations_sync = 1"))
	back()
	sealNow(t, r)
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
func TestAWorkerThatSleepsWhileItsDayIsSealed(t *testing.T) {
	for level, steps := range sleepingSteps {
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
func TestSealingStops(t *testing.T) {
	for i, step := range []string{afterFreeze, afterMarked, afterSeal} {
		for n, second := range []bool{false, true} {
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
