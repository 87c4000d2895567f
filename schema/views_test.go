package schema_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

func ledgerOf(t *testing.T) driver.Conn {
	t.Helper()
	url, _ := freshURL(t)
	opts := schema.DefaultOptions()
	opts.Retention.Reports, opts.Retention.Minute = schema.Class{}, schema.Class{} // the tests' days are fixed and pass
	_, err := schema.Apply(t.Context(), url, opts)
	require.NoError(t, err)
	return open(t, url)
}

func scan[T any](t *testing.T, conn driver.Conn, sql string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

const callsOfThePeriod = "FROM calls(from = toDateTime('2026-03-01 10:00:00', 'UTC'), to = toDateTime('2026-03-01 10:02:00', 'UTC'))"

func TestCallsAreReportsOnceAndSettled(t *testing.T) {
	conn := ledgerOf(t)
	insert := func(minute, span string, version int, cost string) {
		t.Helper()
		require.NoError(t, conn.Exec(t.Context(), `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, cost_input, cost_other)
			SELECT toDateTime({m:String}, 'UTC'), 'acme', 't', {s:String}, {v:UInt64}, toDecimal64({c:String}, 12), 1`,
			clickhouse.Named("m", minute), clickhouse.Named("s", span), clickhouse.Named("v", version), clickhouse.Named("c", cost)))
	}
	insert("2026-03-01 10:00:00", "a", 5, "0.000000000001")
	insert("2026-03-01 10:00:00", "a", 7, "0.5") // the highest version stands, whatever comes when
	insert("2026-03-01 10:00:00", "a", 6, "9")
	insert("2026-03-01 10:01:00", "a", 1, "0.25") // another minute is another identity
	insert("2026-03-01 10:01:00", "b", 1, "0.125")
	insert("2026-03-01 10:02:00", "c", 1, "7") // outside
	insert("2026-03-01 09:59:00", "c", 1, "7")
	require.Equal(t, "3 3.875", scan[string](t, conn, "SELECT concat(toString(count()), ' ', toString(sum(cost))) "+callsOfThePeriod))

	settle := func(minute, span string, revision, loses int) {
		t.Helper()
		require.NoError(t, conn.Exec(t.Context(), `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses)
			SELECT toDateTime({m:String}, 'UTC'), 'acme', 't', {s:String}, {r:UInt64}, {l:UInt8}`,
			clickhouse.Named("m", minute), clickhouse.Named("s", span), clickhouse.Named("r", revision), clickhouse.Named("l", loses)))
	}
	settle("2026-03-01 10:01:00", "b", 1, 1)
	settle("2026-03-01 10:02:00", "a", 1, 1)
	require.Equal(t, "2 2.75", scan[string](t, conn, "SELECT concat(toString(count()), ' ', toString(sum(cost))) "+callsOfThePeriod))
	settle("2026-03-01 10:01:00", "b", 2, 0) // decided anew: it counts again
	require.Equal(t, "3 3.875", scan[string](t, conn, "SELECT concat(toString(count()), ' ', toString(sum(cost))) "+callsOfThePeriod))
}

// TestCallsDontGrowWithHistory: neither reports nor settlements outside the range are read.
func TestCallsDontGrowWithHistory(t *testing.T) {
	conn := ledgerOf(t)
	for _, day := range []string{"2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"} {
		args := []any{clickhouse.Named("day", day)}
		require.NoError(t, conn.Exec(t.Context(), `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses)
			SELECT toDateTime({day:String}, 'UTC') + 60 * (number % 1440), 'acme', sipHash128(number), toString(number % 1000), 1, 1 FROM numbers(500000)`, args...))
		require.NoError(t, conn.Exec(t.Context(), `INSERT INTO call_reports (minute, tenant, trace_id, span_id)
			SELECT toDateTime({day:String}, 'UTC') + 60 * (number % 1440), 'acme', sipHash128(number + 1000000), toString(number % 1000) FROM numbers(100000)`, args...))
	}
	// 2 minutes hold about 140 reports and 700 settlements; what is read comes in granules of 8,192 rows per part.
	few := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_rows_to_read": 60_000, "read_overflow_mode": "throw"}))
	var n uint64
	require.NoError(t, conn.QueryRow(few, "SELECT count() "+callsOfThePeriod).Scan(&n))
	require.InDelta(t, 139, n, 1)
	require.Error(t, conn.QueryRow(few, "SELECT count() FROM call_reports WHERE NOT ignore(tenant)").Scan(&n), "the bound would notice")
}

func TestBudgetsAsTheyStand(t *testing.T) {
	conn := ledgerOf(t)
	for i, row := range []string{"'a', 1, 0", "'a', 2, 0", "'b', 3, 0", "'b', 3, 1", "'c', 1, 1", "'c', 4, 0"} {
		require.NoError(t, conn.Exec(t.Context(), "INSERT INTO budgets (name, amount, removed, at) SELECT "+row+", now64(3) + {i:UInt32}", clickhouse.Named("i", i)))
	}
	require.Equal(t, "a=2,c=4", scan[string](t, conn, "SELECT arrayStringConcat(groupArray(concat(name, '=', toString(amount))), ',') FROM (SELECT * FROM budgets_now ORDER BY name)"))
}
