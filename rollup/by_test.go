package rollup

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// by is a row of spend by dimension.
type by struct {
	Calls, Errors, Input, Output, Unpriced uint64
	Cost                                   ledger.Sum
}

// by adds up [from, to) by tenant, dimension and value.
func (t *truth) by(from, to time.Time) map[string]by {
	out := map[string]by{}
	for _, c := range t.reports {
		if c.Minute < from.Unix() || c.Minute >= to.Unix() {
			continue
		}
		prompt := c.Prompt
		if c.PromptVersion != "" {
			prompt += "@" + c.PromptVersion
		}
		for dimension, value := range map[string]string{
			"team": c.Team, "key": c.Key, "user": c.User, "agent": c.Agent, "feature": c.Feature, "prompt": prompt,
		} {
			k := c.Tenant + "/" + dimension + "/" + value
			row := out[k]
			row.Calls++
			if c.ErrorClass != "" {
				row.Errors++
			}
			if c.Unpriced != "" && c.Flags&(ledger.FlagProvided|ledger.FlagReserved) == 0 {
				row.Unpriced++
			}
			row.Input += uint64(c.Usage.Input())
			row.Output += uint64(c.Usage.Output())
			row.Cost = row.Cost.AddMoney(c.TotalCost())
			out[k] = row
		}
	}
	return out
}

func byOf(t *testing.T, conn driver.Conn, view string, from, to time.Time) map[string]by {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT concat(tenant, '/', dimension, '/', value), sum(calls), sum(errors), sum(input), sum(output),
		sum(unpriced_calls), toString(sum(cost)) FROM `+view+`(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
		WHERE cut = 0 GROUP BY tenant, dimension, value`, named("from", from), named("to", to))
	require.NoError(t, err)
	defer rows.Close()
	out := map[string]by{}
	for rows.Next() {
		var k, cost string
		var row by
		require.NoError(t, rows.Scan(&k, &row.Calls, &row.Errors, &row.Input, &row.Output, &row.Unpriced, &cost))
		row.Cost = parse(t, cost)
		out[k] = row
	}
	require.NoError(t, rows.Err())
	return out
}

func (w *world) equalBy(view string, from, to time.Time) {
	w.t.Helper()
	if diff := cmp.Diff(w.truth.by(from, to), byOf(w.t, w.conn, view, from, to), cmp.Comparer(func(a, b ledger.Sum) bool { return a == b })); diff != "" {
		w.t.Fatalf("%s(%s, %s) (-want +got):\n%s", view, from, to, diff)
	}
}

// TestADayKeepsTheFirstThousand: of equal costs the first by name stays, the rest is one row that says of how many, and
// the sum is whole. A value with an empty name is not confused with the rest.
func TestADayKeepsTheFirstThousand(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var calls []ledger.Call
	want := ledger.Sum{}
	for i := range 1200 {
		c := ledger.Call{Minute: at.Unix() + int64(i%2)*3600, Tenant: "acme", Model: "m", Start: at.UnixNano(), User: fmt.Sprintf("user%04d", i)}
		c.TraceID[0], c.TraceID[1] = byte(i), byte(i>>8)
		c.Cost[ledger.CostInput] = 1000
		switch {
		case i < 300:
			c.User = "" // the dearest "user" is none
		case i >= 1190:
			c.Cost[ledger.CostInput] = 5000 // ten late in the alphabet, but dear
		}
		want = want.AddMoney(c.TotalCost())
		calls = append(calls, c)
	}
	more := make([]ledger.Call, 0, 400) // 900 + 400 users and none
	for i := range 400 {
		c := ledger.Call{Minute: at.Unix(), Tenant: "acme", Model: "m", Start: at.UnixNano(), User: fmt.Sprintf("more%04d", i)}
		c.TraceID[0], c.TraceID[1], c.TraceID[2] = byte(i), byte(i>>8), 1
		c.Cost[ledger.CostInput] = 1
		want = want.AddMoney(c.TotalCost())
		more = append(more, c)
	}
	calls = append(calls, more...)
	store(t.Context(), t, conn, calls, make([]uint64, len(calls)))
	runAll(t, r)
	day := byOf(t, conn, "spend_day_by", Day.start(at), Day.start(at).Add(24*time.Hour))
	users := map[string]by{}
	for k, row := range day {
		if len(k) >= len("acme/user/") && k[:len("acme/user/")] == "acme/user/" {
			users[k[len("acme/user/"):]] = row
		}
	}
	require.Len(t, users, TopValues)
	require.Contains(t, users, "")
	require.EqualValues(t, 300, users[""].Calls)
	require.Contains(t, users, "user1199")
	require.Contains(t, users, "more0098", "1 without a name, 900 users, 99 of the equal ones by name")
	require.NotContains(t, users, "more0099")
	var values, n uint64
	var cost string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT any(cut), sum(calls), toString(sum(cost)) FROM spend_day_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
		WHERE dimension = 'user' AND cut > 0`, named("from", Day.start(at)), named("to", Day.start(at).Add(24*time.Hour))).Scan(&values, &n, &cost))
	require.EqualValues(t, 301, values)
	require.EqualValues(t, 301, n)
	require.Equal(t, ledger.SumOf(301).String(), parse(t, cost).String())
	for _, view := range []string{"spend_hour_by", "spend_day_by", "spend_by"} {
		var sum string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT toString(sum(cost)) FROM "+view+"(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) WHERE dimension = 'user'",
			named("from", Day.start(at)), named("to", Day.start(at).Add(24*time.Hour))).Scan(&sum))
		require.Equal(t, want.String(), parse(t, sum).String(), view)
	}
}

// TestCheckFindsWhatIsWrong: a total that somebody has changed by hand is named, and the nightly metric is what it is off by; what is
// only pending is not.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn, func(c *Config) { c.CheckDays = 2 })
	nightly := func() (usd, equal, different float64) {
		_, err := r.RunJob(t.Context(), jobCheck)
		require.NoError(t, err)
		windows := func(result string) float64 { return testutil.ToFloat64(r.metrics.checked.WithLabelValues(result)) }
		return testutil.ToFloat64(r.metrics.checkDifference), windows("equal"), windows("different")
	}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	someCalls(t, conn, at, 5)
	someCalls(t, conn, at.Add(26*time.Hour), 5)
	runAll(t, r)
	from, to := Day.start(at), Day.start(at).Add(48*time.Hour)
	r.now = func() time.Time { return to.Add(time.Hour) }
	check, err := r.Recompute(t.Context(), from, to)
	require.NoError(t, err)
	require.Equal(t, Check{Windows: 50}, check)
	usd, equal, different := nightly()
	require.Equal(t, []float64{0, 50, 0}, []float64{usd, equal, different})
	// A call whose mark is not done yet is pending; one without a mark is a difference.
	late := someCalls(t, conn, at.Add(time.Hour), 1)
	check, err = r.Recompute(t.Context(), from, to)
	require.NoError(t, err)
	require.Equal(t, Check{Windows: 48, Pending: 1}, check, "the hour is left out, and its day")
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO dirty_windows (level, window, id, due, done) SELECT level, window, id, due, 1 FROM dirty_windows FINAL WHERE done = 0"))
	check, err = r.Recompute(t.Context(), from, to)
	require.NoError(t, err)
	require.Equal(t, 50, check.Windows)
	require.Len(t, check.Differences, 1)
	require.Equal(t, late.String(), check.Cost().String())
	require.EqualValues(t, -1, check.Differences[0].Calls)
	require.Equal(t, at.Add(time.Hour), check.Differences[0].Window)
	usd, equal, different = nightly()
	require.Equal(t, []float64{late.Float64(), 49, 1}, []float64{usd, equal, different})
	// One gave way to a report that gave way itself.
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, winner_minute, winner_tenant, winner_trace_id, winner_span_id, reason)
		SELECT toDateTime('2026-03-01 10:00:00', 'UTC'), 'acme', 'none', char(49 + number), 1, 1, toDateTime('2026-03-01 10:00:00', 'UTC'), 'acme', 'none', char(50 + number), 'parent' FROM numbers(2)`))
	check, err = r.Recompute(t.Context(), from, to)
	require.NoError(t, err)
	require.Len(t, check.Differences, 3)
	require.Contains(t, check.Differences[1].What, "settlement")
}
