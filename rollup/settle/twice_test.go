package settle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
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
			require.NoError(t, conn.Exec(t.Context(), schema.SQL("rollup/remove_marks"), named("level", "minute"), named("window", at), named("ids", taken), named("frozen", uint64(1)<<48)))
		}
	}
	var want []byte
	for n, step := range []string{afterMark, afterRead, afterMark, afterWrite, afterMark, afterMark, afterMark, afterMark} {
		trial := byte(n)
		framework, client := report(3*trial+1, 50, 0, 9, trace(trial)), report(3*trial+2, 80, 1, 8, trace(trial), parent(3*trial+1), response(uint64(n+1)), wrapper)
		gateway := report(3*trial+3, 95, 2, 7, response(uint64(n+1)), trace(100+trial))
		arrive(t, conn, framework, client)
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
