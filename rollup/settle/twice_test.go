package settle

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
)

// TestASettlerThatStopsBeforeItLooksAgain has written its older decision, and another one was done with all marks that were due: the
// mark that is due later brings the minute back.
func TestASettlerThatStopsBeforeItLooksAgain(t *testing.T) {
	conn := ledgerOf(t)
	framework, client := report(1, 50, 0, 9), report(2, 80, 1, 8, parent(1), response(7), wrapper)
	gateway := report(3, 95, 2, 7, response(7), trace(2))
	sleeper, other := settler(conn), settler(conn)
	arrive(t, conn, framework, client)
	sleeper.interrupt = func(s string) error {
		switch s {
		case afterMark:
			arrive(t, conn, gateway)
			at := time.Unix(client.Minute, 0).UTC()
			var due []string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT groupArray(toString(id)) FROM dirty_windows FINAL WHERE done = 0 AND due <= now64(3) AND window = {at:DateTime('UTC')}", named("at", at)).Scan(&due))
			require.NoError(t, other.Settle(t.Context(), at))
			require.NoError(t, conn.Exec(t.Context(), "INSERT INTO dirty_windows (level, window, id, due, done) SELECT 'minute', {at:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), now64(3), 1", named("at", at), named("ids", due)))
		case afterWrite:
			return errStopped
		}
		return nil
	}
	require.ErrorIs(t, sleeper.Settle(t.Context(), time.Unix(client.Minute, 0).UTC()), errStopped)
	require.Contains(t, marks(t, conn), client.Minute, "due later")
	require.NoError(t, other.Settle(t.Context(), time.Unix(client.Minute, 0).UTC()))
	require.Equal(t, []byte{3}, standing(t, conn))
}

// TestASettlerThatSleepsWhileAnotherDecidesByMore: it has read two reports of a call and sleeps after each step in turn; a third one
// comes, and another settler decides by all, and is done with all marks. Of two decisions under one number chance says which holds,
// so it is tried often; whichever it is, the call stands once when the sleeper is done.
func TestASettlerThatSleepsWhileAnotherDecidesByMore(t *testing.T) {
	conn := ledgerOf(t)
	sleeper, other := settler(conn), settler(conn)
	work := func(s *Settler) {
		for _, m := range marks(t, conn) {
			at := time.Unix(m, 0).UTC()
			taken := idsOf(t, conn, at)
			require.NoError(t, s.Settle(t.Context(), at))
			require.NoError(t, removeMarks(t, conn, at, taken))
		}
	}
	var want []byte
	for n, step := range []string{afterMark, afterRead, afterMark, afterWrite, afterMark, afterMark, afterMark, afterMark} {
		trial := byte(n)
		framework, client, gateway := layers(t, conn, other, trial)
		slept := false
		sleeper.interrupt = func(s string) error {
			if s != step || slept {
				return nil
			}
			slept = true
			arrive(t, conn, gateway)
			for len(marks(t, conn)) > 0 {
				work(other)
			}
			return nil
		}
		require.NoError(t, sleeper.Settle(t.Context(), time.Unix(client.Minute, 0).UTC()))
		require.True(t, slept)
		sleeper.interrupt = nil
		want = append(want, 3*trial+3)
		require.Equal(t, want, standing(t, conn), "trial %d, asleep after %s", n, step)
		clearMarks(t, conn)
		for _, m := range minutesOf([]Report{framework, client, gateway}) {
			require.NoError(t, other.Settle(t.Context(), time.Unix(m, 0).UTC()))
		}
		require.Empty(t, marks(t, conn), "at rest")
	}
}

// layers are three reports of one call. The framework's is there; so is the client's, which gave way to it for want of usage, and of
// which a fuller version has just come: whoever settles now writes down that it stands. The gateway's is still to come.
func layers(t *testing.T, conn driver.Conn, s *Settler, trial byte) (framework, client, gateway Report) {
	t.Helper()
	id := response(uint64(trial) + 1)
	framework, client = report(3*trial+1, 50, 0, 9, trace(trial)), report(3*trial+2, 80, 1, 8, trace(trial), parent(3*trial+1), id, wrapper)
	gateway = report(3*trial+3, 95, 2, 7, id, trace(100+trial))
	early := report(3*trial+2, 80, 1, 8, trace(trial), parent(3*trial+1), id, wrapper, noUsage)
	require.Less(t, early.Version, client.Version)
	arrive(t, conn, framework, early)
	require.NoError(t, s.Settle(t.Context(), time.Unix(client.Minute, 0).UTC()))
	require.Contains(t, standing(t, conn), 3*trial+1)
	clearMarks(t, conn)
	arrive(t, conn, client)
	return framework, client, gateway
}

// pass moves the clock on: all that was marked for later is due by as much earlier.
func pass(t *testing.T, conn driver.Conn, d time.Duration) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE dirty_windows UPDATE due = due - toIntervalSecond({s:UInt32}) WHERE 1 SETTINGS mutations_sync = 1", named("s", uint32(d/time.Second))))
}

// TestASettlerThatStallsAndIsKilledAfterItsWrite: longer than its mark for later, before its write. By then a third report has come,
// another settler has decided by all of them, and no mark is left that would bring the minute back, so the older decision must not be
// written any more. (Of two decisions under one number chance says which holds: so it is tried some times.)
func TestASettlerThatStallsAndIsKilledAfterItsWrite(t *testing.T) {
	conn := ledgerOf(t)
	sleeper, other := settler(conn), settler(conn)
	work := func() {
		for {
			at, due := dueMarks(t, conn)
			if len(due) == 0 {
				return
			}
			require.NoError(t, other.Settle(t.Context(), at))
			require.NoError(t, removeMarks(t, conn, at, due))
		}
	}
	long, nearly, short := laterAfter+time.Minute, laterAfter-time.Minute, laterAfter-decideBefore-time.Minute
	var want []byte
	for n, stalls := range []time.Duration{long, short, long, nearly, long, long} {
		trial := byte(n)
		_, client, gateway := layers(t, conn, other, trial)
		sleeper.interrupt = func(s string) error {
			switch s {
			case afterMark:
				arrive(t, conn, gateway)
				pass(t, conn, stalls)
				work()
			case afterWrite:
				return errStopped
			}
			return nil
		}
		require.ErrorIs(t, sleeper.Settle(t.Context(), time.Unix(client.Minute, 0).UTC()), errStopped)
		if stalls == short { // it is written, and the mark for later brings the minute back
			pass(t, conn, laterAfter)
		}
		work()
		want = append(want, 3*trial+3)
		require.Equal(t, want, standing(t, conn), "trial %d, stalled for %s", n, stalls)
	}
}

// dueMarks are a minute's marks that are due.
func dueMarks(t *testing.T, conn driver.Conn) (at time.Time, ids []string) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT max(window), groupArray(toString(id)) FROM dirty_windows FINAL WHERE done = 0 AND due <= now64(3)
		AND window = (SELECT max(window) FROM dirty_windows FINAL WHERE done = 0 AND due <= now64(3))`).Scan(&at, &ids))
	return at.UTC(), ids
}
