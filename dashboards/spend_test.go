package dashboards_test

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

// spendIsTheViews: what panels have written out ($spend, $spend_steps, $spend_cut, $calls) reads the same rows as the views of these names:
// with settled, aggregate and renewed reports, hours and days that are due again, in a closed month and in an open one, with newer revisions that weren't committed, at every kind of edge.
func spendIsTheViews(t *testing.T, db string) {
	now := time.Now().UTC().Truncate(time.Minute)
	day := now.Truncate(24 * time.Hour)
	ranges := [][2]time.Time{
		{now.Add(-40 * time.Minute), now}, {now.Add(-30 * time.Hour), now.Add(time.Minute)}, {day.AddDate(0, 0, -1), day},
		{day.AddDate(0, 0, -2).Add(time.Second), day.Add(7 * time.Hour)}, {day.AddDate(0, 0, -40), now.Add(time.Hour)},
	}
	server := clickhousetest.Start(t)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	publish := func() {
		require.NoError(t, rollup.Publish(t.Context(), conn, time.Now().AddDate(0, 0, -60), time.Now().AddDate(0, 0, 1)))
	}
	for i, statement := range []string{
		// half of the days' and hours' marks are pending
		`INSERT INTO dirty_windows (level, window, id, due, done) SELECT level, window, generateUUIDv4(), now64(3), 0
		 FROM (SELECT DISTINCT toString(level) AS level, window FROM window_revisions WHERE level != 'minute' AND committed = 1) WHERE cityHash64(level, window) % 3 = 0`,
		`INSERT INTO periods (month, state, author, reason, at) SELECT toStartOfMonth(toDate(now('UTC') - INTERVAL 31 DAY)), 'closed', 'test', 'test', now64(3)`,
		// a newer revision that nobody committed, and one that was committed and holds nothing
		`INSERT INTO window_revisions (level, window, n, worker, committed, rows) SELECT level, window, n + 1, worker, 0, 1 FROM window_revisions WHERE committed = 1 AND cityHash64(level, window) % 5 = 0`,
		`INSERT INTO window_revisions (level, window, n, worker, committed, rows) SELECT level, window, n + 2, worker, 1, 0 FROM window_revisions WHERE committed = 1 AND cityHash64(level, window) % 7 = 0`,
	} {
		server.Exec(t, db, statement)
		if i == 1 { // some hours are summed up by one key; of the others minutes are read, which say what they say as long as these revisions are real ones
			publish()
			_, err := rollup.Summarize(t.Context(), conn, now.Add(-26*time.Hour))
			require.NoError(t, err)
			sumsAreTheViews(t, db, ranges)
		}
	}
	publish()
	_, err = rollup.Summarize(t.Context(), conn, now.AddDate(0, 0, 2)) // the hour and the day that run, too
	require.NoError(t, err)
	sumsAreTheViews(t, db, ranges)
	at := func(moment time.Time) string { return fmt.Sprintf("toDateTime(%d, 'UTC')", moment.Unix()) }
	// one call of a client and a gateway that reported it too, one that an agent repeats, and a fuller report of a third
	server.Exec(t, db, `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, reason)
		SELECT minute, tenant, trace_id, span_id, 1, cityHash64(span_id) % 2, 'twin' FROM call_reports WHERE cityHash64(span_id) % 3 = 0`)
	server.Exec(t, db, `INSERT INTO call_reports SELECT * REPLACE ('aggregate' AS role, unhex(reverse(hex(span_id))) AS span_id) FROM call_reports WHERE cityHash64(span_id) % 7 = 0`)
	server.Exec(t, db, `INSERT INTO call_reports SELECT * REPLACE (version + 1 AS version, cost_output + 1 AS cost_output) FROM call_reports WHERE cityHash64(span_id) % 5 = 0`)
	spendNamesItsColumns(t, db, server.Exec(t, db, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'cost_day' AND name NOT IN ('n', 'worker')"))
	some := 0
	for _, name := range []string{"tenant/top_calls", "tenant/top_traces", "trace/calls", "trace/waterfall"} {
		r := dashboards.Range{From: now.Add(-6 * time.Hour), To: now.Add(time.Minute)}
		tenant := hex.EncodeToString([]byte("acme"))
		got := query(t, db, dashboards.SQL(name), r, tenant)
		require.NotEmpty(t, got, name)
		require.Equal(t, query(t, db, dashboards.Panel{Query: name, Views: true}.SQL(), r, tenant), got, "%s through the views", name)
	}
	for _, r := range ranges {
		from, to := at(r[0]), at(r[1])
		pairs := [][2]string{{"$spend(" + from + ", " + to + ")", "spend(from = " + from + ", to = " + to + ")"}}
		for _, step := range []string{"60", "3600", "86400"} {
			pairs = append(pairs, [2]string{"$spend_steps(" + from + ", " + to + ", " + step + ")", "spend_steps(from = " + from + ", to = " + to + ", step = " + step + ")"})
		}
		cut := at(r[0].Add(r[1].Sub(r[0]) / 2))
		pairs = append(pairs, [2]string{"$spend_cut(" + from + ", " + to + ", " + cut + ")", "spend_cut(from = " + from + ", to = " + to + ", cut = " + cut + ")"})
		for _, columns := range []string{"*", "tenant, model, role, cost"} {
			const rest = " ORDER BY minute, trace_id, span_id"
			got := query(t, db, dashboards.WriteOut("SELECT "+columns+" FROM $calls("+from+", "+to+")"+rest), dashboards.Range{}, "")
			require.Equal(t, query(t, db, "SELECT "+columns+" FROM calls(from = "+from+", to = "+to+")"+rest, dashboards.Range{}, ""), got, "calls")
			some += len(got)
		}
		for _, which := range []string{"tenant = 'acme'", "trace_id = (SELECT max(trace_id) FROM call_reports)", "minute IN (SELECT max(window) FROM window_revisions WHERE level = 'minute' GROUP BY toStartOfHour(window))"} {
			const rest = " ORDER BY minute, trace_id, span_id"
			view := "calls(from = " + from + ", to = " + to + ")"
			got := query(t, db, dashboards.WriteOut("SELECT * FROM $calls("+from+", "+to+", "+which+")"+rest), dashboards.Range{}, "")
			require.Equal(t, query(t, db, "SELECT * FROM "+view+" WHERE "+which+rest, dashboards.Range{}, ""), got, which)
			some += len(got)
		}
		pairs = append(pairs, [2]string{"$spend_by(" + from + ", " + to + ")", "spend_by(from = " + from + ", to = " + to + ")"})
		for _, p := range pairs {
			of := "toString(model) AS model"
			if strings.HasPrefix(p[1], "spend_by") {
				of = "toString(dimension) AS dimension, value"
			}
			windows := "SELECT toString(window) AS window, toString(tenant) AS tenant, " + of + ", sum(calls) AS n, toString(sum(cost)) AS spent, count() AS rows FROM "
			const order = " GROUP BY ALL ORDER BY ALL"
			got := query(t, db, dashboards.WriteOut(windows+p[0]+order), dashboards.Range{}, "")
			want := query(t, db, windows+p[1]+order, dashboards.Range{}, "")
			require.Equal(t, want, got, p[1])
			some += len(got)
			require.False(t, strings.Contains(dashboards.WriteOut(p[0]), "$"), "all is written out")
		}
	}
	require.Greater(t, some, 1500)
}

// spendNamesItsColumns: what is written out has the columns that the query names, all of the table's where it selects *.
func spendNamesItsColumns(t *testing.T, db, columns string) {
	const always = "(toDateTime(0, 'UTC'), toDateTime(4000000000, 'UTC'))"
	rows := query(t, db, dashboards.WriteOut("SELECT * FROM $spend"+always+" LIMIT 1"), dashboards.Range{}, "")
	require.Len(t, rows, 1)
	require.ElementsMatch(t, strings.Fields(columns), slices.Collect(maps.Keys(rows[0])))
	one := dashboards.WriteOut("SELECT sum(cost) FROM $spend" + always)
	require.Contains(t, one, "n, worker, window, cost FROM cost_day")
	require.NotContains(t, one, "cache_saved")
	rows = query(t, db, dashboards.WriteOut("SELECT * FROM $calls"+always+" LIMIT 1"), dashboards.Range{}, "")
	require.Len(t, rows, 1)
	for name := range maps.Keys(rows[0]) { // each by its name alone
		got := query(t, db, dashboards.WriteOut("SELECT "+name+" FROM $calls"+always+" LIMIT 1"), dashboards.Range{}, "")
		require.Len(t, got, 1, name)
	}
	one = dashboards.WriteOut("SELECT sum(cost) FROM $calls" + always)
	require.Contains(t, one, "SELECT "+"cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost\n")
	require.Contains(t, dashboards.WriteOut("SELECT count() FROM $calls"+always), "SELECT minute\n")
}

// sumsAreTheViews: every total by tenant alone and by provider and model alone, in ranges, series and ranges that meet, is what the views add up to.
func sumsAreTheViews(t *testing.T, db string, ranges [][2]time.Time) {
	t.Helper()
	at := func(moment time.Time) string { return fmt.Sprintf("toDateTime(%d, 'UTC')", moment.Unix()) }
	const sums = `sum(calls), sum(errors), sum(rate_limited), sum(unpriced_calls), sum(flagged_calls), sum(estimated_calls), sum(provided_calls), sum(reserved_calls), sum(streamed_calls),
		sum(fresh_input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_input), sum(image_input), sum(text_output), sum(reasoning), sum(audio_output), sum(reserved_tokens),
		toString(sum(cost)), toString(sum(cost_input)), toString(sum(cost_cache_read)), toString(sum(cost_cache_write)), toString(sum(cost_output)), toString(sum(cost_reasoning)),
		toString(sum(cost_other)), toString(sum(list_cost)), toString(sum(cache_saved)), toString(sum(tier_saved)), sum(request_bytes), sum(response_bytes), sumMap(latency), sumMap(first_token)`
	some := 0
	for _, r := range ranges {
		from, to, cut := at(r[0]), at(r[1]), at(r[0].Add(r[1].Sub(r[0])/2))
		args := "(" + from + ", " + to
		for key, name := range map[string]string{"tenant": "tenant", "provider, model": "model"} {
			pairs := [][3]string{{"$by_" + name + args + ")", "spend(from = " + from + ", to = " + to + ")", "0"}}
			for _, step := range []string{"60", "3600", "86400"} {
				pairs = append(pairs, [3]string{"$by_" + name + "_steps" + args + ", " + step + ")", "spend_steps(from = " + from + ", to = " + to + ", step = " + step + ")",
					"toStartOfInterval(window, toIntervalSecond(" + step + "))"})
			}
			if name == "tenant" {
				pairs = append(pairs, [3]string{"$by_tenant_cut" + args + ", " + cut + ")", "spend_cut(from = " + from + ", to = " + to + ", cut = " + cut + ")", "window >= " + cut})
			}
			for _, p := range pairs {
				rows := "SELECT " + p[2] + " AS part, " + key + ", " + sums + " FROM %s GROUP BY part, " + key + " ORDER BY part, " + key
				got := query(t, db, dashboards.WriteOut(fmt.Sprintf(rows, p[0])), dashboards.Range{}, "")
				require.Equal(t, query(t, db, fmt.Sprintf(rows, p[1]), dashboards.Range{}, ""), got, p[0])
				some += len(got)
			}
		}
	}
	require.Greater(t, some, 100)
}
