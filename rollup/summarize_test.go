package rollup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

// summed are all columns that are summed up, as the tables have them.
func summed(t *testing.T, conn driver.Conn) (plain []string, all string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT name, type LIKE 'Map%' FROM system.columns WHERE database = currentDatabase() AND table = 'summary_models' AND name NOT IN ('slot', 'n', 'worker', 'window', 'provider', 'model')")
	require.NoError(t, err)
	defer rows.Close()
	var names, sums []string
	for rows.Next() {
		var name string
		var isMap uint8
		require.NoError(t, rows.Scan(&name, &isMap))
		names = append(names, name)
		sums = append(sums, fmt.Sprintf("toString(sum%s(%s))", map[uint8]string{1: "Map"}[isMap], name))
	}
	require.Len(t, names, 33)
	return names, strings.Join(sums, ", ")
}

// bySums reads a range by one key as boards do, or as the view does.
func bySums(t *testing.T, conn driver.Conn, keys string, from, to time.Time, views bool) (string, error) {
	t.Helper()
	names, sums := summed(t, conn)
	at := func(moment time.Time) string { return fmt.Sprintf("toDateTime(%d, 'UTC')", moment.Unix()) }
	source := fmt.Sprintf("spend(from = %s, to = %s)", at(from), at(to))
	if !views {
		table := map[string]string{"tenant": "summary_tenants", "provider, model": "summary_models"}[keys]
		source = strings.NewReplacer("$__since", at(from), "$__until", at(to), "$__columns", "window, "+keys+", "+strings.Join(names, ", "), "$__day_fits", "", "$__hour_fits", "", "$__summary", table).
			Replace(schema.SQL("boards/spend_summed"))
	}
	var out string
	err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT toString(groupArray(r)) FROM (SELECT (%s, %s) AS r FROM %s GROUP BY %s ORDER BY %s)", keys, sums, source, keys, keys)).Scan(&out)
	return out, err
}

// sumsEqualViews: every total by tenant alone and by model alone is what the view adds up to, for ranges that cut days and hours.
func sumsEqualViews(t *testing.T, conn driver.Conn, from, to time.Time) {
	t.Helper()
	for _, keys := range []string{"tenant", "provider, model"} {
		for _, cut := range []time.Duration{0, 61 * time.Second, 95 * time.Minute, 25 * time.Hour} {
			a, b := from.Add(cut), to.Add(-cut/2)
			want, err := bySums(t, conn, keys, a, b, true)
			require.NoError(t, err)
			got, err := bySums(t, conn, keys, a, b, false)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, got), "by %s, %s to %s", keys, a, b)
		}
	}
}

// stored makes calls of three hours of a day, rolls them up and publishes them.
func storedHours(t *testing.T, conn driver.Conn, r *Rollup, day time.Time) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, provider, model, duration_ns, fresh_input, cost_input)
		SELECT toDateTime(%d, 'UTC') + toIntervalMinute(number %% 180), concat('t', toString(intDiv(number, 180) %% 3)), unhex(leftPad(hex(number), 32, '0')), unhex(leftPad(hex(number), 16, '0')), 1,
			toDateTime64(toDateTime(%d, 'UTC') + toIntervalMinute(number %% 180), 9, 'UTC'), 'p', concat('m', toString(number %% 2)), number * 1000000, number, 0.000001 * number FROM numbers(1, 900)`, day.Unix(), day.Unix())))
	require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO dirty_windows (level, window, id, due, done) SELECT 'minute', toDateTime(%d, 'UTC') + toIntervalMinute(number), generateUUIDv4(), now64(3), 0 FROM numbers(180)", day.Unix())))
	rolledUp(t, r)
}

func rolledUp(t *testing.T, r *Rollup) {
	t.Helper()
	for _, l := range []Level{Minute, Hour, Day} {
		_, err := r.RunOnce(t.Context(), l)
		require.NoError(t, err)
	}
	require.NoError(t, r.PublishTouched(t.Context()))
}

// Until windows are summed up, and again when a call comes late, boards read minutes; what isn't over is left; sums that nobody reads go.
func TestSumsAreReadOnceTheyAreThere(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	day := Day.start(time.Now().AddDate(0, 0, -3))
	count := func(query string) (n uint64) {
		require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
		return n
	}
	const readSums = "SELECT countIf(hour_summed) * 100 + countIf(day_summed) * 10 + countIf(minutes_as[1].1 >= 500000000000) FROM spend_windows FINAL WHERE notEmpty(minutes)"
	equal := func() { t.Helper(); sumsEqualViews(t, conn, day, day.AddDate(0, 0, 1)) }

	storedHours(t, conn, r, day)
	require.Zero(t, count(readSums))
	equal()

	quarters, err := Summarize(t.Context(), conn, day.Add(2*time.Hour+59*time.Minute)) // the third hour isn't over
	require.NoError(t, err)
	require.Equal(t, 1, quarters)
	require.EqualValues(t, 2*100+2, count(readSums))
	equal()

	_, err = r.summarize(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 3*100+3*10+3, count(readSums), "hours, day, minutes")
	require.EqualValues(t, 3*(180+3+1), count("SELECT count() FROM summary_tenants"), "a row per tenant, and every window once")
	equal()
	quarters, err = Summarize(t.Context(), conn, time.Now())
	require.NoError(t, err)
	require.Zero(t, quarters, "nothing is left to do")

	require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, provider, model, cost_input) SELECT toDateTime(%d, 'UTC'), 't0', 'late', 'late', 1, toDateTime64(%d, 9, 'UTC'), 'p', 'm0', 7", day.Unix(), day.Unix())))
	require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO dirty_windows (level, window, id, due, done) VALUES ('minute', toDateTime(%d, 'UTC'), generateUUIDv4(), now64(3), 0)", day.Unix())))
	rolledUp(t, r)
	require.EqualValues(t, 2*100+2, count(readSums), "the hour with the late call, and the day, are read as they are")
	equal()
	_, err = r.summarize(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 3*100+3*10+3, count(readSums))
	equal()

	rows := count("SELECT count() FROM summary_models")
	r.now = func() time.Time { return time.Now().Add(2 * r.cfg.KeepSuperseded) }
	for range 2 { // what was superseded is forgotten, then removed
		require.NoError(t, r.pruneSummaries(t.Context()))
		equal()
	}
	require.Less(t, count("SELECT count() FROM summary_models"), rows)
	require.EqualValues(t, 3*(180+3+1), count("SELECT count() FROM summary_tenants"))
}

// Hours whose minutes are gone are waited for, not left out.
func TestOldHoursWithoutSumsAreAnError(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	day := time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC)
	storedHours(t, conn, r, day)
	sumsEqualViews(t, conn, day, day.AddDate(0, 0, 1))
	require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE cost_minute"))
	require.NoError(t, Publish(t.Context(), conn, day, day.AddDate(0, 0, 1)))
	_, err := bySums(t, conn, "tenant", day, day.AddDate(0, 0, 1), false)
	require.ErrorContains(t, err, "old hours are not summed up yet")
	_, err = r.summarize(t.Context(), nil)
	require.NoError(t, err)
	for _, keys := range []string{"tenant", "provider, model"} {
		want, err := bySums(t, conn, keys, day, day.AddDate(0, 0, 1), true)
		require.NoError(t, err)
		got, err := bySums(t, conn, keys, day, day.AddDate(0, 0, 1), false)
		require.NoError(t, err)
		require.NotEqual(t, "[]", got)
		require.Equal(t, want, got)
	}
}

// A writing that is stopped anywhere leaves boards with what they had, and the next one makes it good.
func TestAStoppedSummaryIsMadeAgain(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	day := Day.start(time.Now().AddDate(0, 0, -3))
	storedHours(t, conn, r, day)
	for _, step := range []string{afterPlan, afterTenants, afterModels, afterSums, afterNumber} {
		s := summarizing{conn, nil, func(_ window, at string) error {
			if at == step {
				return errStopped
			}
			return nil
		}}
		_, err := s.all(t.Context(), time.Now())
		require.ErrorIs(t, err, errStopped, step)
		sumsEqualViews(t, conn, day, day.AddDate(0, 0, 1))
	}
	_, err := r.summarize(t.Context(), nil)
	require.NoError(t, err)
	sumsEqualViews(t, conn, day, day.AddDate(0, 0, 1))
}
