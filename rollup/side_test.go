package rollup

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWindowsSideBySide share statements and nothing else: of three minutes one stops after its totals are written, one is frozen by
// somebody else after it was committed, and the third is done.
func TestWindowsSideBySide(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	r.side = 3
	at := time.Date(2026, 3, 1, 10, 57, 0, 0, time.UTC)
	done, stopped, frozen := at, at.Add(time.Minute), at.Add(2*time.Minute)
	sums := map[time.Time]string{}
	for _, m := range []time.Time{done, stopped, frozen} {
		sums[m] = someCalls(t, conn, m, 3).String()
	}
	r.interrupt = func(w window, step string) error {
		switch {
		case w.start.Equal(stopped) && step == afterWrite:
			return errStopped
		case w.start.Equal(frozen) && step == afterCommit:
			return conn.Exec(t.Context(), "INSERT INTO window_revisions (level, window, n, worker, committed, rows) VALUES ('minute', {window:DateTime('UTC')}, {n:UInt64}, 1, 0, 0)",
				named("window", frozen), named("n", uint64(firstFrozen)))
		}
		return nil
	}
	stats, err := r.RunOnce(t.Context(), Minute)
	require.ErrorIs(t, err, errStopped)
	require.Equal(t, Stats{Windows: 2, Marks: 2}, stats)
	left := func(level Level, m time.Time) uint64 {
		return count(t, conn, "SELECT count() FROM dirty_windows FINAL WHERE done = 0 AND level = {level:String} AND window = {window:DateTime('UTC')}",
			named("level", string(level)), named("window", m))
	}
	read := func(m time.Time) string { return spent(t, conn, "spend_minute", m, m.Add(time.Minute)) }
	require.Equal(t, []uint64{0, 1, 1}, []uint64{left(Minute, done), left(Minute, stopped), left(Minute, frozen)}, "marks")
	require.EqualValues(t, 1, left(Hour, Hour.start(at)), "an hour of two minutes is marked once")
	require.Equal(t, []string{sums[done], "0.000000000000", sums[frozen]}, []string{read(done), read(stopped), read(frozen)}, "what readers take")
	rows := count(t, conn, "SELECT count() FROM cost_minute WHERE window = {window:DateTime('UTC')}", named("window", done))
	require.NotZero(t, rows)
	require.Equal(t, rows, count(t, conn, "SELECT max(rows) FROM window_revisions WHERE committed = 1 AND window = {window:DateTime('UTC')}", named("window", done)),
		"a commit says how many rows there are")

	r.interrupt = nil
	stats, err = r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, Stats{Windows: 2, Marks: 2}, stats)
	for m, sum := range sums {
		require.Equal(t, sum, read(m))
		require.Zero(t, left(Minute, m))
	}
}

// TestWhatFailsForAllIsSaidOnce: a statement that windows share fails for each of them.
func TestWhatFailsForAllIsSaidOnce(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range 3 {
		mark(t.Context(), t, conn, Minute, at.Add(time.Duration(i)*time.Minute))
	}
	require.NoError(t, conn.Exec(t.Context(), "RENAME TABLE window_revisions TO gone"))
	stats, err := r.RunOnce(t.Context(), Minute)
	require.ErrorContains(t, err, "roll up 3 windows of level minute, from 2026-03-01T10:02:00Z back: highest claim: ")
	require.NotContains(t, err.Error(), "\n")
	require.Zero(t, stats.Windows)
	require.NoError(t, conn.Exec(t.Context(), "RENAME TABLE gone TO window_revisions"))
	stats, err = r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, 3, stats.Windows)
}

// TestAMinuteIsClaimedWhileItIsSettled: neither waits for the other, and its totals for both.
func TestAMinuteIsClaimedWhileItIsSettled(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	someCalls(t, conn, at, 3)
	w := &watched{Conn: conn, count: map[string]int{}}
	claimed, settled := make(chan struct{}), false
	var once sync.Once
	w.after = func(table string) error {
		switch table {
		case "window_revisions":
			once.Do(func() { close(claimed) })
		case "cost_minute":
			require.True(t, settled)
		}
		return nil
	}
	r.conn = w
	r.settler = settlerFunc(func(time.Time) error {
		select {
		case <-claimed:
		case <-t.Context().Done():
		}
		settled = true
		return nil
	})
	stats, err := r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, 1, stats.Windows)
	require.Equal(t, 1, w.count["cost_minute"])
}
