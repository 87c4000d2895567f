package rollup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

// boardsEqualViews: what boards read by the windows that were published is what the views find out.
func boardsEqualViews(t *testing.T, conn driver.Conn, from, to time.Time) {
	t.Helper()
	for _, cut := range []time.Duration{0, 61 * time.Second, 95 * time.Minute, 25 * time.Hour} {
		a, b := from.Add(cut), to.Add(-cut/2)
		views, boards := bothWays(t, conn, a, b)
		require.Equal(t, views, boards, "%s to %s", a, b)
	}
}

// bothWays reads spend and spend by dimension of a range, as the views and as boards do.
func bothWays(t *testing.T, conn driver.Conn, from, to time.Time) (views, boards string) {
	t.Helper()
	at := func(moment time.Time) string { return fmt.Sprintf("toDateTime(%d, 'UTC')", moment.Unix()) }
	read := func(spend, by string) (out string) {
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf(`SELECT concat(
			(SELECT toString(groupArray(r)) FROM (SELECT (window, sum(calls), sum(cost), count()) AS r FROM %s GROUP BY window ORDER BY window)), '; by: ',
			(SELECT toString(groupArray(r)) FROM (SELECT (window, dimension, sum(calls), sum(cost), count()) AS r FROM %s GROUP BY window, dimension ORDER BY ALL)))`, spend, by)).Scan(&out))
		return out
	}
	args := fmt.Sprintf("(from = %s, to = %s)", at(from), at(to))
	written := func(query string) string {
		return strings.NewReplacer("$__since", at(from), "$__until", at(to), "$__columns", "window, calls, cost", "$__day_fits", "", "$__hour_fits", "").Replace(schema.SQL("boards/" + query))
	}
	return read("spend"+args, "spend_by"+args), read(written("spend"), written("spend_by"))
}

// A publishing that read early and writes late doesn't undo what another has published since.
func TestALatePublishingUndoesNothing(t *testing.T) {
	conn := database(t)
	at := time.Date(2026, 3, 30, 22, 0, 0, 0, time.UTC)
	early, asleep := publishing{conn, nil}, make(chan struct{})
	wake, done := make(chan struct{}), make(chan error, 1)
	early.interrupt = func(_ window, step string) error {
		if step == afterNumber {
			close(asleep)
			<-wake
		}
		return nil
	}
	go func() { done <- early.write(t.Context(), spanBetween(at, at.Add(time.Hour))) }()
	<-asleep
	// The early one has its number and hasn't read: it is made to have read before the calls came, by what it would have written.
	commit := func(n int) {
		require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('hour', '%s', %d, 1, 1)", at.Format(time.DateTime), n)))
	}
	commit(1)
	require.NoError(t, Publish(t.Context(), conn, at, at.Add(time.Hour)))
	published := func() (n uint64) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT hour_of[1].2 FROM spend_windows FINAL WHERE hour = '"+at.Format(time.DateTime)+"'").Scan(&n))
		return n
	}
	require.EqualValues(t, 1, published())
	commit(2)
	require.NoError(t, Publish(t.Context(), conn, at, at.Add(time.Hour)))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO spend_windows (hour, version) VALUES ('"+at.Format(time.DateTime)+"', 1)")) // late, by the first number
	require.EqualValues(t, 2, published())
	close(wake)
	require.NoError(t, <-done)
	require.EqualValues(t, 2, published())
}
