package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

// oldDatabase is one that a program of before has made, which knew the migrations up to last, and has run on for a while: every table has
// rows, at random but always the same, and one day has calls and their totals.
func oldDatabase(t *testing.T, last uint32, opts schema.Options) (url string, conn driver.Conn) {
	t.Helper()
	url, database := freshURL(t)
	setup, err := schema.ParseURL(url)
	require.NoError(t, err)
	server, err := setup.OpenPatient("default")
	require.NoError(t, err)
	defer server.Close()
	exec(t, server, "CREATE DATABASE "+database)
	exec(t, server, "CREATE TABLE "+database+`.schema_migrations (id UInt32, name String, checksum String, server String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
		ENGINE = ReplacingMergeTree ORDER BY id`)
	all, err := schema.Migrations()
	require.NoError(t, err)
	for _, m := range all {
		if m.ID > last {
			break
		}
		statements, err := m.Render(database, opts)
		require.NoError(t, err)
		for _, s := range statements {
			exec(t, server, s)
		}
		exec(t, server, fmt.Sprintf("INSERT INTO %s.schema_migrations (id, name, checksum, server) SELECT %d, '%s', '%s', ''", database, m.ID, m.Name, m.Checksum))
	}
	conn = open(t, url)
	for table, columns := range tablesOf(t, conn, database) {
		if table != "schema_migrations" {
			exec(t, conn, fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM generateRandom('%s', 11, 8, 2) LIMIT 5", table, names(columns), strings.ReplaceAll(structure(columns), "'", `\'`)))
		}
	}
	exec(t, conn, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, cost_output)
		SELECT toDateTime('2026-03-05 10:00:00', 'UTC') + number * 60, if(number % 3 = 0, 'acme', 'globex'), leftPad(toString(number), 16, '0'), leftPad(toString(number), 8, '0'), 1,
			toDateTime64('2026-03-05 10:00:00', 9, 'UTC') + number * 60, toDateTime64('2026-03-05 10:00:00', 9, 'UTC') + number * 60, toDecimal64(number, 12) / 7 FROM numbers(30)`)
	exec(t, conn, `INSERT INTO cost_day (window, n, worker, tenant, calls, cost)
		SELECT toDateTime('2026-03-05 00:00:00', 'UTC'), 3, 1, if(number = 0, 'acme', 'globex'), 10 + number, toDecimal128('0.123456789012', 12) + number FROM numbers(2)`)
	exec(t, conn, "INSERT INTO window_revisions (level, window, n, worker, committed, rows) SELECT 'day', toDateTime('2026-03-05 00:00:00', 'UTC'), 3, 1, 1, 2")
	return url, conn
}

type column struct{ name, kind string }

func names(columns []column) string {
	var out []string
	for _, c := range columns {
		out = append(out, "`"+c.name+"`")
	}
	return strings.Join(out, ", ")
}

func structure(columns []column) string {
	var out []string
	for _, c := range columns {
		out = append(out, "`"+c.name+"` "+c.kind)
	}
	return strings.Join(out, ", ")
}

// tablesOf are the stored columns of every table.
func tablesOf(t *testing.T, conn driver.Conn, database string) map[string][]column {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT table, name, type FROM system.columns WHERE database = '`+database+`' AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')
		AND table IN (SELECT name FROM system.tables WHERE database = '`+database+`' AND engine LIKE '%MergeTree') ORDER BY table, position`)
	require.NoError(t, err)
	defer rows.Close()
	out := map[string][]column{}
	for rows.Next() {
		var table string
		var c column
		require.NoError(t, rows.Scan(&table, &c.name, &c.kind))
		out[table] = append(out[table], c)
	}
	require.NoError(t, rows.Err())
	return out
}

// said are the answers to queries, as text.
func said(t *testing.T, conn driver.Conn, queries map[string]string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, sql := range queries {
		var answer string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT toString(groupArray(tuple(*))) FROM ("+sql+")").Scan(&answer), name)
		out[name] = answer
	}
	return out
}

// unwritten are tables that a later migration drops and into which no program ever wrote.
var unwritten = []string{"rerate_rows", "sealed_days"}

// A database of an older program has all its rows and the same totals after an upgrade.
func TestUpgradeKeepsEverything(t *testing.T) {
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{} // the rows are of any time
	for _, last := range []uint32{2, 26} {
		t.Run(fmt.Sprintf("from migration %d", last), func(t *testing.T) {
			url, conn := oldDatabase(t, last, opts)
			const day = "(from = toDateTime('2026-03-05 00:00:00', 'UTC'), to = toDateTime('2026-03-06 00:00:00', 'UTC'))"
			asked := map[string]string{
				"the calls of a day":  "SELECT tenant, count(), sum(cost) FROM calls" + day + " GROUP BY tenant ORDER BY tenant",
				"the totals of a day": "SELECT tenant, sum(calls), sum(cost) FROM spend_day" + day + " GROUP BY tenant ORDER BY tenant",
			}
			target, err := schema.ParseURL(url)
			require.NoError(t, err)
			for table, columns := range tablesOf(t, conn, target.Database) {
				if table != "schema_migrations" && !slices.Contains(unwritten, table) {
					asked["rows of "+table] = "SELECT count(), sum(cityHash64(" + names(columns) + ")) FROM " + table
				}
			}
			before := said(t, conn, asked)
			require.Contains(t, before["the calls of a day"], "globex")
			require.Contains(t, before["the totals of a day"], "0.123456789012")

			report, err := schema.Apply(t.Context(), url, opts)
			require.NoError(t, err)
			require.NotEmpty(t, report.Applied)
			require.Positive(t, report.Before)
			require.Empty(t, report.Drift)
			require.NoError(t, schema.Verify(t.Context(), url, opts))
			require.Equal(t, before, said(t, conn, asked))
		})
	}
}
