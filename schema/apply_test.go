package schema_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

const (
	waitFor   = 30 * time.Second
	pollEvery = 20 * time.Millisecond
)

var bareInsert = regexp.MustCompile(`^INSERT INTO \w+ \([^)]*\)$`)

func freshURL(t *testing.T) (url, database string) {
	t.Helper()
	database = fmt.Sprintf("schema_%d", rand.Uint64())
	return clickhousetest.Start(t).URL(database), database
}

func open(t *testing.T, url string) driver.Conn {
	t.Helper()
	conn, err := schema.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func exec(t *testing.T, conn driver.Conn, sql string) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), sql))
}

func TestApplyFromNothing(t *testing.T) {
	url, database := freshURL(t)
	opts := schema.DefaultOptions()
	var shown []string
	opts.Show = func(c schema.Change) { shown = append(shown, c.String()) }

	before, err := schema.Diff(t.Context(), url, opts)
	require.NoError(t, err)
	require.Equal(t, schema.ChangeDatabase, before[0].Kind)
	require.ErrorContains(t, schema.Verify(t.Context(), url, opts), "schema apply")

	report, err := schema.Apply(t.Context(), url, opts)
	require.NoError(t, err)
	require.True(t, report.Created)
	require.Equal(t, database, report.Database)
	require.NotEmpty(t, report.Applied)
	require.Empty(t, report.Changed)
	require.Empty(t, report.Drift)
	require.Len(t, shown, 1+len(report.Applied))
	require.NoError(t, schema.Verify(t.Context(), url, opts))

	again, err := schema.Apply(t.Context(), url, opts)
	require.NoError(t, err)
	require.False(t, again.Created)
	require.Empty(t, again.Applied)
	require.Equal(t, len(report.Applied), again.Before)
}

func TestApplyByTwoAtOnce(t *testing.T) {
	url, _ := freshURL(t)
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wg.Go(func() { _, errs[i] = schema.Apply(context.WithoutCancel(t.Context()), url, schema.DefaultOptions()) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, schema.Verify(t.Context(), url, schema.DefaultOptions()))
}

func TestApplyGoesOnAfterAStop(t *testing.T) {
	url, database := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	conn := open(t, url)
	all, err := schema.Migrations()
	require.NoError(t, err)
	var rest []string
	var missing []schema.Change
	for _, m := range all[1:] {
		rest = append(rest, m.String())
		missing = append(missing, schema.Change{Kind: schema.ChangeMigration, Object: m.String(), Want: "applied"})
	}
	// As if a process had been stopped in the second step: not all of it is there, and it is not remembered.
	exec(t, conn, "DROP VIEW spend")
	exec(t, conn, "ALTER TABLE schema_migrations DELETE WHERE id >= 2 SETTINGS mutations_sync = 1")
	changes, err := schema.Diff(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	require.Equal(t, missing, changes[:len(missing)], "what later steps had added shows as drift until they are applied again")
	report, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	require.Equal(t, rest, report.Applied)
	require.NoError(t, schema.Verify(t.Context(), url, schema.DefaultOptions()), database)
}

func TestApplyRefusesAnotherHistory(t *testing.T) {
	for name, c := range map[string]struct{ tamper, want string }{
		"changed text":  {"INSERT INTO schema_migrations (id, name, checksum, server) SELECT 1, 'tables', 'abc', ''", "migration 0001_tables was applied with another text"},
		"newer program": {"INSERT INTO schema_migrations (id, name, checksum, server) SELECT 99, 'later', 'abc', ''", "0099_later was applied by a newer program"},
		"hole":          {"ALTER TABLE schema_migrations DELETE WHERE id = 1 SETTINGS mutations_sync = 1", "0001_tables before it is not"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := freshURL(t)
			_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
			require.NoError(t, err)
			exec(t, open(t, url), c.tamper)
			_, err = schema.Apply(t.Context(), url, schema.DefaultOptions())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, schema.Verify(t.Context(), url, schema.DefaultOptions()), c.want)
		})
	}
}

func TestRetentionIsAppliedByApplyOnly(t *testing.T) {
	url, _ := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)

	opts := schema.DefaultOptions()
	opts.Retention.Reports.KeepDays = 500
	opts.Retention.Day.KeepDays = 4000
	opts.Retention.Spans.KeepDays = 0
	want := []string{"call_reports", "settlements", "spans", "cost_day"}
	changes, err := schema.Diff(t.Context(), url, opts)
	require.NoError(t, err)
	require.Len(t, changes, len(want))
	for i, c := range changes {
		require.Equal(t, schema.ChangeRetention, c.Kind)
		require.True(t, strings.HasSuffix(c.Object, "."+want[i]), c.Object)
	}
	require.Equal(t, "minute + toIntervalDay(400)", changes[0].Have)
	require.Equal(t, "minute + toIntervalDay(500)", changes[0].Want)

	var shown []schema.Change
	opts.Show = func(c schema.Change) { shown = append(shown, c) }
	report, err := schema.Apply(t.Context(), url, opts)
	require.NoError(t, err)
	require.Empty(t, report.Applied, "retention is not a migration")
	require.Equal(t, changes, report.Changed)
	require.Equal(t, changes, shown)
	require.NoError(t, schema.Verify(t.Context(), url, opts))
}

func TestLongerRetentionReachesOldParts(t *testing.T) {
	url, database := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	conn := open(t, url)
	exec(t, conn, "INSERT INTO call_reports (minute, tenant, trace_id, span_id) SELECT toStartOfMinute(now() - INTERVAL 390 DAY), 'a', 'b', 'c'")
	opts := schema.DefaultOptions()
	opts.Retention.Reports.KeepDays = 800
	_, err = schema.Apply(t.Context(), url, opts)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var days int64
		err := conn.QueryRow(t.Context(), "SELECT dateDiff('day', now(), max(delete_ttl_info_max)) FROM system.parts WHERE database = '"+database+
			"' AND table = 'call_reports' AND active").Scan(&days)
		return err == nil && days > 400
	}, waitFor, pollEvery)
}

func TestVerifyFindsDrift(t *testing.T) {
	for change, want := range map[string]string{
		"DROP TABLE periods": "periods: missing, want a table",
		"DROP VIEW calls":    "calls: missing, want a view",
		"CREATE OR REPLACE VIEW budgets_now AS SELECT * FROM budgets":                    "drift %s.budgets_now",
		"ALTER TABLE call_reports DROP COLUMN kind":                                      "drift %s.call_reports.kind: missing",
		"ALTER TABLE call_reports ADD COLUMN mood String":                                "drift %s.call_reports.mood",
		"ALTER TABLE call_reports MODIFY COLUMN rank UInt16":                             "drift %s.call_reports.rank",
		"ALTER TABLE call_reports MODIFY SETTING fsync_after_insert = 0":                 "setting fsync_after_insert: have 0, want 1",
		"ALTER TABLE call_reports DROP INDEX trace_id_bloom":                             "trace_id_bloom: missing",
		"DROP TABLE settlements":                                                         "drift %s.settlements: missing",
		"CREATE OR REPLACE TABLE budgets (name String) ENGINE = MergeTree ORDER BY name": "budgets.tenant: missing",
	} {
		t.Run(change, func(t *testing.T) {
			url, database := freshURL(t)
			_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
			require.NoError(t, err)
			exec(t, open(t, url), change)
			err = schema.Verify(t.Context(), url, schema.DefaultOptions())
			var drift *schema.DriftError
			require.ErrorAs(t, err, &drift)
			require.ErrorContains(t, err, strings.ReplaceAll(want, "%s", database))
			report, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
			require.NoError(t, err)
			require.Equal(t, drift.Changes, report.Drift, "apply leaves drift alone and says so")
		})
	}
}

// tieredPolicy is the embedded engine's policy with volumes hot, warm and cold.
const tieredPolicy = "tollkeeper"

func TestOldDataLandsOnItsTier(t *testing.T) {
	url, database := freshURL(t)
	opts := schema.DefaultOptions()
	opts.Policy = tieredPolicy
	_, err := schema.Apply(t.Context(), url, opts)
	require.NoError(t, err)
	require.NoError(t, schema.Verify(t.Context(), url, opts))
	conn := open(t, url)
	for _, days := range []int{0, 10, 100} {
		exec(t, conn, fmt.Sprintf("INSERT INTO call_reports (minute, tenant, trace_id, span_id) SELECT toStartOfMinute(now() - INTERVAL %d DAY), 'a', 'b', 'c'", days))
	}
	disks := func() (out []string) {
		rows, err := conn.Query(t.Context(), "SELECT disk_name FROM system.parts WHERE active AND table = 'call_reports' AND database = '"+database+"' ORDER BY partition DESC")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var disk string
			require.NoError(t, rows.Scan(&disk))
			out = append(out, disk)
		}
		return out
	}
	require.Eventually(t, func() bool { return fmt.Sprint(disks()) == "[hot warm cold]" }, waitFor, pollEvery)
}

func TestPolicyChange(t *testing.T) {
	url, _ := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	opts := schema.DefaultOptions()
	opts.Policy = tieredPolicy
	changes, err := schema.Diff(t.Context(), url, opts)
	require.NoError(t, err)
	require.Equal(t, schema.ChangePolicy, changes[0].Kind)
	// The server moves no table to a policy that lacks the disks its parts are on.
	_, err = schema.Apply(t.Context(), url, opts)
	require.ErrorContains(t, err, "set policy of ")
	require.ErrorContains(t, err, "keep schema.policy")
}

func TestApplyRefusals(t *testing.T) {
	url, _ := freshURL(t)
	opts := schema.DefaultOptions()
	opts.Policy = "gold"
	_, err := schema.Apply(t.Context(), url, opts)
	require.ErrorContains(t, err, `no storage policy "gold"`)
	require.ErrorContains(t, err, `schema.policy to "default"`)

	opts = schema.DefaultOptions()
	opts.Retention.Reports.KeepDays = 3
	_, err = schema.Apply(t.Context(), url, opts)
	require.ErrorContains(t, err, "retention.reports.keep_days")

	_, err = schema.Apply(t.Context(), "http://127.0.0.1:1/x", schema.DefaultOptions())
	require.ErrorContains(t, err, "127.0.0.1:1")

	_, err = schema.Apply(t.Context(), clickhousetest.Start(t).URL("a-b"), schema.DefaultOptions())
	require.ErrorContains(t, err, "letters, digits and _")
}

// TestQueriesParse lets the server parse every query of the product. Dashboards' macros are expanded by their own test.
func TestQueriesParse(t *testing.T) {
	url, _ := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	conn := open(t, url)
	names := schema.Names()
	require.NotEmpty(t, names)
	for _, name := range names {
		text := strings.Join(schema.Statements(schema.SQL(name)), "; ")
		if strings.Contains(text, "$") {
			continue
		}
		if bareInsert.MatchString(text) {
			text += " FORMAT Native" // as the client adds for a batch
		}
		var formatted []string
		require.NoError(t, conn.QueryRow(t.Context(), schema.SQL("schema/format"), clickhouse.Named("statements", []string{text})).Scan(&formatted), name)
	}
}
