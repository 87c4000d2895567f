package storage_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/storage"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func tiered() schema.Options {
	o := schema.DefaultOptions()
	o.Policy = "tollkeeper" // of the embedded engine: hot, warm, cold
	return o
}

var prices = map[string]string{"hot": "800", "warm": "450", "cold": "230"}

func read(t *testing.T, db string, o schema.Options, now time.Time) *storage.Report {
	t.Helper()
	target, err := schema.ParseURL(db)
	require.NoError(t, err)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	r, err := storage.Read(t.Context(), conn, target.Database, o, prices, now)
	require.NoError(t, err)
	return r
}

// A year of days: every part is on its disk, all of it readable, and cheaper than on one.
func TestAYearInThreeTiers(t *testing.T) {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	o := tiered()
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	server.Exec(t, db, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, model, cost_output)
		SELECT toStartOfMinute(now('UTC') - INTERVAL number % 365 DAY), concat('tenant-', toString(number % 7)), unhex(hex(sipHash128(number))), unhex(leftPad(hex(number), 16, '0')), 1, 'gpt-5', 0.001
		FROM numbers(36500) SETTINGS max_partitions_per_insert_block = 400`)
	now := time.Now()
	var r *storage.Report
	require.Eventually(t, func() bool { r = read(t, db, o, now); return len(r.Late) == 0 }, time.Minute, 200*time.Millisecond)

	days := map[string]int{}
	rows := uint64(0)
	for _, x := range r.Rows {
		if x.Table == "call_reports" {
			days[x.Tier] = x.Parts
			rows += x.Rows
			age := func(at time.Time) int { return int(now.Sub(at).Hours() / 24) }
			switch x.Tier {
			case "hot":
				require.LessOrEqual(t, age(x.Oldest), 3)
			case "warm":
				require.GreaterOrEqual(t, age(x.Newest), 2)
				require.LessOrEqual(t, age(x.Oldest), 30)
			case "cold":
				require.GreaterOrEqual(t, age(x.Newest), 29)
			}
		}
	}
	require.EqualValues(t, 36500, rows)
	require.Empty(t, r.Logs, "the embedded engine keeps no logs of its own")
	require.Positive(t, days["hot"])
	require.Positive(t, days["warm"])
	require.Greater(t, days["cold"], 300)
	require.Equal(t, "36500", server.Exec(t, db, "SELECT count() FROM call_reports"))
	require.Equal(t, "36.5", server.Exec(t, db, "SELECT sum(cost_output) FROM call_reports"))
	require.NotEmpty(t, r.AllHot)
	require.Less(t, r.Cost, r.AllHot, "of the same width")

	var text strings.Builder
	require.NoError(t, r.WriteText(&text))
	t.Log("\n" + text.String())
	require.Contains(t, text.String(), "all of it on hot would be "+r.AllHot)
}

// Parts that stayed behind are named, with the tier that should hold them and since when.
func TestPartsThatStayedBehind(t *testing.T) {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	o := tiered()
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	server.Exec(t, db, `INSERT INTO call_reports (minute, tenant, trace_id, span_id) SELECT toStartOfMinute(now('UTC')), 'a', 'b', 'c'`)
	require.Empty(t, read(t, db, o, time.Now()).Late)
	require.Empty(t, read(t, db, o, time.Now().Add(3*24*time.Hour+time.Hour)).Late, "an hour is no delay")
	for days, want := range map[int]string{4: "warm", 31: "cold", 402: "dropped"} {
		late := read(t, db, o, time.Now().AddDate(0, 0, days)).Late
		require.Len(t, late, 1, want)
		require.Equal(t, want, late[0].Want)
		require.Equal(t, "call_reports", late[0].Table)
		require.Equal(t, "hot", late[0].Tier)
		require.Equal(t, 1, late[0].Parts)
	}
	flat := schema.DefaultOptions()
	require.Empty(t, read(t, db, flat, time.Now().AddDate(0, 0, 31)).Late, "without tiers nothing moves")
}

// Every table that the database drops or moves rows of is of a class, and no other is.
func TestClassesAreThoseOfTheTables(t *testing.T) {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	o := tiered()
	o.Retention.Day.KeepDays = 4000
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	target, err := schema.ParseURL(db)
	require.NoError(t, err)
	ttl := strings.Split(server.Exec(t, db, fmt.Sprintf("SELECT name FROM system.tables WHERE database = '%s' AND position(create_table_query, ' TTL ') > 0 ORDER BY name", target.Database)), "\n")
	require.Greater(t, len(ttl), 8)
	fixed := []string{"job_runs", "chargebacks", "process_metrics", "budget_states", "alert_leads"} // small, of a life that nobody sets
	classes := 0
	for _, table := range ttl {
		if _, ok := o.Retention.ClassOf(table); ok {
			classes++
			continue
		}
		require.Contains(t, fixed, table, "has a TTL, but is of no class of retention")
	}
	require.Equal(t, 9, classes)
}

func TestPricesThatAreNone(t *testing.T) {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	for _, price := range []string{"", "-1", "1e9", "1/3", "ten"} {
		_, err := storage.Read(t.Context(), conn, "x", tiered(), map[string]string{"hot": price}, time.Now())
		require.ErrorContains(t, err, "price of tier hot")
	}
}

func TestLogsThatOutgrowTheLedger(t *testing.T) {
	const gb = 1_000_000_000
	for name, c := range map[string]struct {
		ledger uint64
		logs   []storage.Log
		want   bool
	}{
		"none":             {10 * gb, nil, false},
		"small":            {1, []storage.Log{{Table: "query_log", Bytes: gb / 2}}, false},
		"smaller":          {10 * gb, []storage.Log{{Table: "query_log", Bytes: 9 * gb}}, false},
		"larger, bounded":  {gb, []storage.Log{{Table: "query_log", Bytes: 9 * gb, Bounded: true}}, false},
		"larger, together": {6 * gb, []storage.Log{{Table: "query_log", Bytes: 4 * gb, Bounded: true}, {Table: "trace_log", Bytes: 3 * gb}}, true},
	} {
		r := storage.Report{Rows: []storage.Row{{Table: "call_reports", Bytes: c.ledger}}, Logs: c.logs}
		require.Equal(t, c.want, r.LogsOutgrow(), name)
	}
}

// Every log that a server's own configuration switches on has an end, or isn't kept, in the file for servers.
func TestServersLogsAreBounded(t *testing.T) {
	text, err := os.ReadFile("../../deploy/clickhouse/logs.xml")
	require.NoError(t, err)
	type section struct {
		XMLName xml.Name
		TTL     string `xml:"ttl"`
		Remove  string `xml:"remove,attr"`
	}
	var file struct {
		Logs []section `xml:",any"`
	}
	require.NoError(t, xml.Unmarshal(text, &file))
	var names []string
	for _, l := range file.Logs {
		names = append(names, l.XMLName.Local)
		require.True(t, strings.HasPrefix(l.TTL, "event_date + INTERVAL ") && strings.HasSuffix(l.TTL, " DAY DELETE") || l.Remove == "1", l.XMLName.Local)
	}
	// programs/server/config.xml of ClickHouse, read November 2026; crash_log is empty but for crashes.
	require.Subset(t, names, []string{"query_log", "trace_log", "query_thread_log", "query_views_log", "part_log", "text_log", "metric_log", "error_log",
		"query_metric_log", "asynchronous_metric_log", "opentelemetry_span_log", "processors_profile_log", "asynchronous_insert_log", "backup_log",
		"s3queue_log", "blob_storage_log"})
}
