package alerts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// A team whose calls come late is not silent; once they end, it is.
func TestASilentTeamOnTheLedger(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Silences = []alerts.Silence{{Name: "silence", By: "team", Value: "red"}}
	for _, sql := range []string{
		`INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls) SELECT toDateTime('2026-11-02 10:00:00', 'UTC') - toIntervalHour(number + 1), number + 1, 1, 'acme', 'team', arrayJoin(['red', 'blue']), 900 FROM numbers(360)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'hour_by', toDateTime('2026-11-02 10:00:00', 'UTC') - toIntervalHour(number + 1), number + 1, 1, 1 FROM numbers(360)`,
	} {
		require.NoError(t, w.conn.Exec(t.Context(), sql))
	}
	called := func(id string, ago, late time.Duration) {
		start := w.clock().Add(-ago)
		const layout = "2006-01-02 15:04:05"
		require.NoError(t, w.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, team, version, start, received)
			VALUES ('%s', 'acme', '%s', '%.8s', 'red', 1, '%s', '%s')`, start.Truncate(time.Minute).Format(layout), id, id, start.Format(layout), start.Add(late).Format(layout))))
	}
	called("in time, 16 byte", 25*time.Minute, 0)
	r := w.run(cfg)
	r.settle()
	called("so late, 16 byte", 10*time.Minute, 10*time.Minute)
	w.pass(10 * time.Minute)
	r.settle()
	require.Empty(t, w.states(), "the late call is in the ledger, and in no minute that is looked at again")
	w.pass(20 * time.Minute)
	r.settle()
	require.Equal(t, []string{"silence acme firing"}, w.states())
	called("it is back, 16 b", 0, 0)
	w.pass(6 * time.Second) // parts are looked at every five
	r.settle()
	w.pass(61 * time.Second)
	r.settle()
	require.Equal(t, []string{"silence acme firing", "silence acme resolved"}, w.states())
}
