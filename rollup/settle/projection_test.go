package settle

import (
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// TestCandidatesOfAMinuteLieTogether: settling reads a minute's own candidates from the projection of migration 0027, and finds the same
// ones whether a part has it or is one of before.
func TestCandidatesOfAMinuteLieTogether(t *testing.T) {
	conn := ledgerOf(t)
	exec := func(sql string) { require.NoError(t, conn.Exec(t.Context(), sql)) }
	const fill = `INSERT INTO settle_candidates (hour, minute, tenant, trace_id, span_id, version, response_id, provider, rank, flags)
		SELECT toDateTime('2026-03-01 10:00:00', 'UTC') AS hour, hour + 60 * (number % 60), 'acme', unhex(leftPad(hex(intDiv(number, 2)), 32, '0')),
			unhex(leftPad(hex(number), 16, '0')), 1, cityHash64(intDiv(number, 2)), 'openai', 1, 0 FROM numbers(120000)`
	minute := time.Date(2026, 3, 1, 10, 7, 0, 0, time.UTC)
	args := []any{named("minute", minute), named("from", minute.Add(-10*time.Minute)), named("to", minute.Add(10*time.Minute)),
		named("unique", uint32(ledger.FlagUniqueID))}
	around := "SELECT count(), sum(cityHash64(trace_id, span_id)) FROM (" + schema.SQL("settle/own") + " UNION ALL " + schema.SQL("settle/around") + ")"
	found := func() (n, sum uint64) {
		require.NoError(t, conn.QueryRow(t.Context(), around, args...).Scan(&n, &sum))
		return n, sum
	}
	queries := []string{"settle/own", "settle/around"}
	exec("ALTER TABLE settle_candidates DROP PROJECTION by_minute SETTINGS mutations_sync = 1")
	exec(fill)
	for _, query := range queries {
		require.NotContains(t, plan(t, conn, query, args), "by_minute", "a part of before")
	}
	n, sum := found()
	require.EqualValues(t, 4000, n, "the minute's 2,000 and their twins, a minute away")

	exec("ALTER TABLE settle_candidates ADD PROJECTION by_minute (SELECT * ORDER BY minute)")
	again, same := found()
	require.Equal(t, []uint64{n, sum}, []uint64{again, same}, "a part of before, beside the projection")
	exec("TRUNCATE TABLE settle_candidates")
	exec(fill)
	for _, query := range queries {
		require.Contains(t, plan(t, conn, query, args), "by_minute")
	}
	again, same = found()
	require.Equal(t, []uint64{n, sum}, []uint64{again, same}, "a part that has it")
	exec("OPTIMIZE TABLE settle_candidates FINAL")
	for _, query := range queries {
		require.Contains(t, plan(t, conn, query, args), "by_minute", "a merge keeps it")
	}
}

// plan is how the engine goes about it.
func plan(t *testing.T, conn driver.Conn, query string, args []any) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN indexes = 1, projections = 1 "+schema.SQL(query), args...)
	require.NoError(t, err)
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		out.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	return out.String()
}
