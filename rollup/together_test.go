package rollup

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// watched is a connection that counts a table's inserts and may fail after one of them was done.
type watched struct {
	driver.Conn
	mu    sync.Mutex
	count map[string]int
	after func(table string) error
}

func (w *watched) Exec(ctx context.Context, query string, args ...any) error {
	err := w.Conn.Exec(ctx, query, args...)
	_, rest, ok := strings.Cut(query, "INSERT INTO ")
	if !ok || err != nil {
		return err
	}
	table := strings.Fields(rest)[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[table]++
	if w.after != nil {
		return w.after(table)
	}
	return nil
}

// lateMinutes stores calls in minutes of three hours of two days and months, one of them settled away, and returns their sum.
func lateMinutes(t *testing.T, conn driver.Conn) (sum ledger.Sum) {
	t.Helper()
	at := time.Date(2026, 3, 31, 22, 59, 0, 0, time.UTC)
	for _, after := range []time.Duration{0, time.Minute, 2 * time.Minute, 90 * time.Minute} {
		sum = sum.Add(someCalls(t, conn, at.Add(after), 3))
	}
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, winner_minute, winner_tenant, winner_trace_id, winner_span_id, reason)
		SELECT minute, tenant, trace_id, span_id, 1, 1, minute, tenant, trace_id, span_id, 'copy' FROM call_reports FINAL WHERE minute = {minute:DateTime('UTC')}`, named("minute", at)))
	var gone string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT toString(sum(cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other))
		FROM call_reports FINAL WHERE minute = {minute:DateTime('UTC')}`, named("minute", at)).Scan(&gone))
	return sum.Sub(parse(t, gone))
}

// TestSmallWindowsShareAStatement whatever lies between them.
func TestSmallWindowsShareAStatement(t *testing.T) {
	conn := database(t)
	want := lateMinutes(t, conn)
	r := newRollup(t, conn)
	w := &watched{Conn: conn, count: map[string]int{}}
	r.conn = w
	runAll(t, r)
	require.Equal(t, []int{1, 1, 2}, []int{w.count["cost_minute"], w.count["cost_hour"], w.count["cost_day"]})
	checkAll(t, conn, want)
	require.EqualValues(t, 4, count(t, conn, "SELECT uniqExact(window) FROM window_revisions WHERE level = 'minute' AND committed = 1"), "the minute of which nothing stands has its own, too")
	check, err := r.Recompute(t.Context(), january, spring.AddDate(0, 1, 0))
	require.NoError(t, err)
	require.Empty(t, check.Differences)
}

func checkAll(t *testing.T, conn driver.Conn, want ledger.Sum) {
	t.Helper()
	for _, view := range []string{"calls", "spend_minute", "spend_hour", "spend_day"} {
		require.Equal(t, want.String(), spent(t, conn, view, january, spring.AddDate(0, 1, 0)), view)
	}
}

// TestWhatFailedTogetherIsTriedAlone: the statement for several was done although its client heard of an error. Its rows are under revisions
// that nobody commits.
func TestWhatFailedTogetherIsTriedAlone(t *testing.T) {
	conn := database(t)
	want := lateMinutes(t, conn)
	r := newRollup(t, conn)
	failed := map[string]bool{}
	w := &watched{Conn: conn, count: map[string]int{}}
	w.after = func(table string) error {
		if (table == "cost_minute" || table == "cost_hour") && !failed[table] {
			failed[table] = true
			return errors.New("the connection broke")
		}
		return nil
	}
	r.conn = w
	runAll(t, r)
	require.Equal(t, []int{1 + 4, 1 + 3}, []int{w.count["cost_minute"], w.count["cost_hour"]})
	checkAll(t, conn, want)
	require.Zero(t, pendingMarks(t, conn))
}
