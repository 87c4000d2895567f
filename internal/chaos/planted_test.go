package chaos

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// The processes of a world are this program again, as in make chaos.
func TestMain(m *testing.M) {
	clickhouse.RunChildIfAsked()
	if len(os.Args) == 5 && os.Args[1] == "role" {
		offset, err := time.ParseDuration(os.Args[4])
		if err == nil {
			err = Role(context.Background(), os.Args[2], os.Args[3], offset)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// planted is a fault put into a world where all is well, and how it is taken out again.
type planted struct {
	name     string
	put, out []string
	want     string // in the check's complaint
}

// oneCall is one of the calls that are stored.
const oneCall = `(SELECT min(trace_id) FROM call_reports WHERE unpriced = '' AND tenant = 'tenant-1')`

var plants = []planted{
	{
		"a lost call",
		[]string{"CREATE TABLE kept AS call_reports", "INSERT INTO kept SELECT * FROM call_reports FINAL WHERE trace_id = " + oneCall,
			"ALTER TABLE call_reports DELETE WHERE trace_id = (SELECT min(trace_id) FROM kept) SETTINGS mutations_sync = 1"},
		[]string{"INSERT INTO call_reports SELECT * FROM kept"},
		"calls: 1 wrong: ",
	},
	{
		"a call that counts twice",
		[]string{"INSERT INTO call_reports SELECT * REPLACE (minute - 60 AS minute) FROM kept"},
		[]string{"ALTER TABLE call_reports DELETE WHERE (trace_id, minute) IN (SELECT trace_id, minute - 60 FROM kept) SETTINGS mutations_sync = 1"},
		"counts 2 times",
	},
	{
		"a call that nobody sent",
		[]string{"INSERT INTO call_reports SELECT * REPLACE (unhex('0000000000000009') AS span_id) FROM kept"},
		[]string{"ALTER TABLE call_reports DELETE WHERE span_id = unhex('0000000000000009') SETTINGS mutations_sync = 1"},
		"was never sent",
	},
	{
		"a cost that is 10⁻¹² USD too high",
		[]string{"INSERT INTO call_reports SELECT * REPLACE (cost_output + toDecimal64('0.000000000001', 12) AS cost_output, 18446744073709551615 AS version) FROM kept"},
		[]string{"ALTER TABLE call_reports DELETE WHERE version = 18446744073709551615 SETTINGS mutations_sync = 1", "INSERT INTO call_reports SELECT * FROM kept"},
		"true: ",
	},
	wrongTotal("minute", "cost_minute", "cost = cost + toDecimal128('0.000000000001', 12)", "cost = cost - toDecimal128('0.000000000001', 12)", "rollup by minute: "),
	wrongTotal("hour", "cost_hour", "unpriced_calls = unpriced_calls + 1", "unpriced_calls = unpriced_calls - 1", "rollup by hour: "),
	wrongTotal("day", "cost_day", "text_output = text_output + 1", "text_output = text_output - 1", "rollup by day: "),
	{
		"a window left dirty",
		[]string{"INSERT INTO dirty_windows (level, window, id, due) SELECT 'hour', toStartOfHour(now()), toUUID('00000000-0000-0000-0000-000000000001'), now64(3) + 86400"},
		[]string{"ALTER TABLE dirty_windows DELETE WHERE id = toUUID('00000000-0000-0000-0000-000000000001') SETTINGS mutations_sync = 1"},
		"dirty hour: 1 marks",
	},
	{
		"records that were lost",
		[]string{"INSERT INTO ingest_ranges (topic, topic_id, partition, kind, first, next, rows, cost, last_hash, reason) SELECT topic, topic_id, partition, 'gap', 0, 1, 0, 0, 0, 'planted' FROM ingest_ranges LIMIT 1"},
		[]string{"ALTER TABLE ingest_ranges DELETE WHERE reason = 'planted' SETTINGS mutations_sync = 1"},
		"1 lost",
	},
}

func wrongTotal(level, table, wrong, right, want string) planted {
	alter := func(set string) []string {
		return []string{"ALTER TABLE " + table + " UPDATE " + set + " WHERE tenant = 'tenant-1' SETTINGS mutations_sync = 1"}
	}
	return planted{"a wrong total of the " + level, alter(wrong), alter(right), want}
}

// A check that can't fail proves nothing. In a real world, all well, each fault is planted in the database and has to be
// found; taken out again, all is well again.
func TestTheCheckFindsWhatIsPlanted(t *testing.T) {
	ctx := t.Context()
	w, err := newWorld(ctx, t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, w.close()) }()
	sent, err := send(ctx, w.otlp, 1, time.Now().Add(2*time.Second))
	require.NoError(t, err)
	truth := map[id]made{}
	for _, c := range sent.truth {
		truth[c.id] = c
	}
	require.NotEmpty(t, truth)
	do := func(statements []string) {
		for _, sql := range statements {
			require.NoError(t, w.conn.Exec(ctx, sql), sql)
		}
	}
	well := func(ctx context.Context) error { return w.check(ctx, truth) }
	require.NoError(t, until(ctx, settleLimit, well))
	require.NoError(t, until(ctx, settleLimit, w.checkBy)) // no window is left that would be rolled up with what is planted
	for _, p := range plants {
		do(p.put)
		require.ErrorContains(t, well(ctx), p.want, p.name)
		do(p.out)
		require.NoError(t, well(ctx), "after %s was taken out", p.name)
	}

	require.NoError(t, w.checkBy(ctx))
	by := wrongTotal("hour by user", "cost_hour_by", "calls = calls + 1", "calls = calls - 1", "hour by user: ")
	do(by.put)
	require.ErrorContains(t, w.checkBy(ctx), by.want)
	do(by.out)
	require.NoError(t, w.checkBy(ctx))
}
