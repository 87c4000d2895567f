package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestOverALedger(t *testing.T) {
	conn, _ := world(t)
	t.Run("totals are the sum of the lines and of the calls", func(t *testing.T) { totalsAgree(t, conn) })
	t.Run("outputs", func(t *testing.T) { outputs(t, conn) })
	t.Run("a tenant's report is its own", func(t *testing.T) { oneTenant(t, conn) })
	t.Run("by owner", func(t *testing.T) { byOwner(t, conn) })
	t.Run("in a time zone", func(t *testing.T) { inAZone(t, conn) })
	t.Run("FOCUS", func(t *testing.T) { focusFile(t, conn) })
	t.Run("chargeback", func(t *testing.T) { chargeback(t, conn) })
	t.Run("reserved capacity", func(t *testing.T) { reservedExplained(t, conn) })
	t.Run("states", func(t *testing.T) { states(t, conn) })
	t.Run("not added up yet", func(t *testing.T) { notAddedUpYet(t, conn) })
}

// Calls that the totals have and those by dimension don't have yet are a line of their own: by whatever dimension, the total is
// the same.
func notAddedUpYet(t *testing.T, conn driver.Conn) {
	for _, statement := range []string{
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, team, unpriced, fresh_input, text_output, cost_output) VALUES
			('2026-11-27 09:00:00', 'acme', 'latelatelatelat1', 'late0001', 1, 'openai', 'gpt-4o', 'research', '', 10, 7, 0.0625),
			('2026-11-27 09:00:00', 'acme', 'latelatelatelat2', 'late0002', 1, 'openai', 'acme-1', 'research', 'unknown_model', 10, 7, 0)`,
		`INSERT INTO dirty_windows (level, window, id, due, done) VALUES ('minute', '2026-11-27 09:00:00', generateUUIDv4(), now64(3), 0)`,
	} {
		require.NoError(t, conn.Exec(t.Context(), statement))
	}
	r, err := rollup.New(rollup.DefaultConfig(), rollup.Deps{ClickHouse: conn, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	add := func(levels ...rollup.Level) {
		for _, level := range levels {
			_, err := r.RunOnce(t.Context(), level)
			require.NoError(t, err)
		}
	}
	add(rollup.Minute, rollup.Hour, rollup.Day)
	whole := build(t, conn, report.Query{Period: november(t)}).Total
	for _, top := range []int{0, 1} {
		byTeam := build(t, conn, report.Query{Period: november(t), Dimension: "team", Top: top})
		last := byTeam.Lines[len(byTeam.Lines)-1]
		require.True(t, last.Pending)
		require.Equal(t, report.Line{Pending: true, Calls: 2, UnpricedCalls: 1, AtLeast: true, InputTokens: 20, OutputTokens: 14, Cost: last.Cost}, last)
		require.Equal(t, "0.0625", last.Cost.String())
		require.Equal(t, whole.Cost, byTeam.Total.Cost)
		require.Equal(t, whole.Calls, byTeam.Total.Calls)
		var text, table bytes.Buffer
		require.NoError(t, byTeam.WriteText(&text))
		require.NoError(t, byTeam.WriteCSV(&table))
		require.Contains(t, text.String(), "(not by team yet)")
		require.Contains(t, table.String(), "(not by team yet)")
	}
	add(rollup.HourBy, rollup.DayBy)
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO dirty_windows (level, window, id, due, done) VALUES ('minute', '2026-11-27 09:01:00', generateUUIDv4(), now64(3), 0),
		('minute', '2026-10-20 09:01:00', generateUUIDv4(), now64(3), 0), ('day', toStartOfDay(now('UTC')), generateUUIDv4(), now64(3), 0)`))
	waits := build(t, conn, report.Query{Period: november(t)})
	require.EqualValues(t, 1, waits.Waiting, "neither October's nor a window that isn't over")
	var said bytes.Buffer
	require.NoError(t, waits.WriteText(&said))
	require.Contains(t, said.String(), "1 window of the period is still to be added up")
	add(rollup.Minute, rollup.Hour, rollup.Day)
	require.Zero(t, build(t, conn, report.Query{Period: november(t)}).Waiting)
	byTeam := build(t, conn, report.Query{Period: november(t), Dimension: "team"})
	require.False(t, slices.ContainsFunc(byTeam.Lines, func(l report.Line) bool { return l.Pending }))
	require.Equal(t, whole.Cost, byTeam.Total.Cost)
}

func TestDatesAreDaysInJSON(t *testing.T) {
	in := report.Adjustment{Booked: report.Date{Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	require.Contains(t, string(text), `"booked":"2026-11-01"`)
	var out report.Adjustment
	require.NoError(t, json.Unmarshal(text, &out))
	require.Equal(t, in.Booked, out.Booked)
}

func november(t *testing.T) report.Period {
	p, err := report.Month("2026-11")
	require.NoError(t, err)
	return p
}

func build(t *testing.T, conn driver.Conn, q report.Query) *report.Report {
	t.Helper()
	r, err := report.Build(t.Context(), conn, q)
	require.NoError(t, err)
	return r
}

func totalsAgree(t *testing.T, conn driver.Conn) {
	var want string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT toString(sum(cost)) FROM calls(from = toDateTime('2026-11-01 00:00:00', 'UTC'),
		to = toDateTime('2026-12-01 00:00:00', 'UTC'))`).Scan(&want))
	wanted, err := ledger.ParseSum(want)
	require.NoError(t, err)
	require.Positive(t, wanted.Sign())
	for _, dimension := range report.Dimensions() {
		for _, top := range []int{0, 1, 3} {
			r := build(t, conn, report.Query{Period: november(t), Dimension: dimension, Top: top})
			var sum ledger.Sum
			var calls uint64
			for _, l := range r.Lines {
				sum = sum.Add(l.Cost.Sum)
				calls += l.Calls
			}
			require.Equal(t, wanted, sum, "%s, top %d", dimension, top)
			require.Equal(t, wanted, r.Total.Cost.Sum, "%s, top %d", dimension, top)
			require.EqualValues(t, 403, calls, "%s, top %d", dimension, top)
			require.True(t, r.AtLeast, "calls without a price are in it")
			require.EqualValues(t, 10, r.Total.UnpricedCalls)
			require.Equal(t, sum.Add(r.Adjusted.Sum), r.Sum.Sum)
			require.Equal(t, "-0.125000000001", r.Adjusted.String())
			if top > 0 {
				require.LessOrEqual(t, len(r.Lines), top+1)
			}
		}
	}
}

func outputs(t *testing.T, conn driver.Conn) {
	r := build(t, conn, report.Query{Period: november(t), Dimension: "tenant"})
	for name, write := range map[string]func(io.Writer) error{"report.txt": r.WriteText, "report.csv": r.WriteCSV, "report.json": r.WriteJSON, "report.html": r.WriteHTML} {
		var out bytes.Buffer
		require.NoError(t, write(&out))
		golden(t, name, out.String())
	}
	var out bytes.Buffer
	require.NoError(t, r.WriteCSV(&out))
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	var sum ledger.Sum
	for _, row := range rows[1:] {
		v, err := ledger.ParseSum(row[12])
		require.NoError(t, err)
		sum = sum.Add(v)
	}
	require.Equal(t, r.Sum.Sum, sum, "the column adds up to the sum")
	out.Reset()
	require.NoError(t, r.WriteJSON(&out))
	var back report.Report
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(out.Bytes(), []byte(`"period":`), []byte(`"-":`)), &back))
	require.Equal(t, r.Sum, back.Sum, "JSON loses nothing")
}

// A day's spend is reported under who the directory names for that day: last month under last month's owner.
func byOwner(t *testing.T, conn driver.Conn) {
	value := func(dimension, month, name string) string {
		p, err := report.Month(month)
		require.NoError(t, err)
		for _, l := range build(t, conn, report.Query{Period: p, Dimension: dimension}).Lines {
			if l.Value == name {
				return l.Cost.String()
			}
		}
		return ""
	}
	require.Equal(t, "1.25", value("owner", "2026-10", "alice@example.com"), "October is Alice's, although acme is Carol's now")
	require.Empty(t, value("owner", "2026-10", "carol@example.com"))
	require.NotEmpty(t, value("owner", "2026-11", "alice@example.com"))
	require.NotEmpty(t, value("owner", "2026-11", "carol@example.com"))
	require.Empty(t, value("parent", "2026-11", "moon"), "that begins next year")
	require.Equal(t, "0.052131526099", value("cost_centre", "2026-11", ""), "unattributed is in no directory")
	acme := "acme"
	r := build(t, conn, report.Query{Period: november(t), Dimension: "cost_centre", Tenant: &acme})
	require.Len(t, r.Lines, 2)
}

// Days of a time zone: the sum is that of the calls in them, and every call is in the day that it was made on there.
func inAZone(t *testing.T, conn driver.Conn) {
	for _, name := range []string{"America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		p := november(t).In(zone)
		require.Equal(t, "2026-11", p.String())
		require.True(t, p.IsMonth())
		require.Equal(t, "2026-11-30", p.Last().Format(time.DateOnly))
		acme := "acme"
		r := build(t, conn, report.Query{Period: p, Tenant: &acme, Dimension: "day"})
		var sum ledger.Sum
		for _, l := range r.Lines {
			var want string
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT toString(sum(cost)) FROM calls(from = toDateTime('2026-10-30 00:00:00', 'UTC'), to = toDateTime('2026-12-02 00:00:00', 'UTC'))
				WHERE tenant = 'acme' AND toString(toDate(minute, {zone:String})) = {day:String}`, clickhouse.Named("zone", name), clickhouse.Named("day", l.Value)).Scan(&want))
			wanted, err := ledger.ParseSum(want)
			require.NoError(t, err)
			require.Equal(t, wanted, l.Cost.Sum, "%s of %s", l.Value, name)
			sum = sum.Add(l.Cost.Sum)
		}
		require.Equal(t, sum, build(t, conn, report.Query{Period: p, Tenant: &acme, Dimension: "model"}).Total.Cost.Sum, name)
		first := r.Lines[0].Value
		require.Equal(t, map[string]string{"America/New_York": "2026-11-05"}[name], map[bool]string{true: "", false: first}[first == "2026-11-01"], name)
		require.Equal(t, report.Open, r.State)
	}
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	q := report.Query{Period: november(t).In(kolkata), Dimension: "team"}
	require.ErrorContains(t, q.Validate(), "don't begin on the hour")
	q.Dimension, q.Kept = "model", schema.Retention{Minute: schema.Class{KeepDays: 3}}
	q.Period = report.Period{From: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -9), To: time.Now().UTC().Truncate(24 * time.Hour)}.In(kolkata)
	require.ErrorContains(t, q.Validate(), "minutes are kept for 3 days")
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	q.Period = q.Period.In(berlin)
	require.NoError(t, q.Validate(), "its days are made of hours")
	october, err := report.Month("2026-10")
	require.NoError(t, err)
	require.Equal(t, report.Open, build(t, conn, report.Query{Period: october.In(kolkata), Dimension: "tenant"}).State, "September isn't closed, and its end is October in Kolkata")
}

func oneTenant(t *testing.T, conn driver.Conn) {
	acme, nobody, none := "acme", "nobody", ""
	r := build(t, conn, report.Query{Period: november(t), Tenant: &acme, Dimension: "team"})
	require.Len(t, r.Lines, 2)
	require.Len(t, r.Adjustments, 2)
	for _, a := range r.Adjustments {
		require.Equal(t, "acme", a.Tenant)
	}
	for _, who := range []*string{&nobody, &none} {
		r = build(t, conn, report.Query{Period: november(t), Tenant: who, Dimension: "model"})
		require.Empty(t, r.Lines, "a name that is nobody's, also the empty one, is nobody's spend")
		require.Zero(t, r.Sum)
	}
}

func states(t *testing.T, conn driver.Conn) {
	october, err := report.Month("2026-10")
	require.NoError(t, err)
	r := build(t, conn, report.Query{Period: october})
	require.Equal(t, report.Final, r.State)
	require.Equal(t, "1.25", r.Sum.String(), "what corrects October is booked in November")
	require.Nil(t, r.Unlike)
	title := func() string {
		var said bytes.Buffer
		require.NoError(t, build(t, conn, report.Query{Period: october}).WriteText(&said))
		return said.String()
	}
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO day_seals (day) SELECT toDate('2026-10-01') + number FROM numbers(30)`))
	require.Contains(t, title(), "final (closed)", "a day isn't sealed")
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO day_seals (day) SELECT toDate('2026-10-31')`))
	require.Regexp(t, `final \(closed and\s+sealed\)`, title())
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO periods (month, state, author, reason, cost, calls, at) VALUES ('2026-10-01', 'closed', 'ann', 'month end', 1.5, 1, now64(3) + INTERVAL 1 SECOND)`))
	forged := build(t, conn, report.Query{Period: october})
	require.Equal(t, "-0.25", forged.Unlike.String(), "the ledger isn't what the month was closed on")
	var said bytes.Buffer
	require.NoError(t, forged.WriteText(&said))
	require.Contains(t, said.String(), "WARNING: the month was closed on 1.50 USD")
	require.Nil(t, build(t, conn, report.Query{Period: october, Dimension: "team"}).Unlike)
	both, err := report.Days("2026-10-15", "2026-11-02")
	require.NoError(t, err)
	require.Equal(t, report.Open, build(t, conn, report.Query{Period: both}).State, "a part is open")
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO periods (month, state, author, reason, at) VALUES ('2026-10-01', 'reopened', 'ann', 'invoice came', now64(3) + INTERVAL 2 SECOND)`))
	require.Equal(t, report.Reopened, build(t, conn, report.Query{Period: october}).State)
}

func TestPeriods(t *testing.T) {
	now := time.Date(2026, 11, 25, 13, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		month       string
		days        int
		first, last string
		want, err   string
	}{
		{want: "2026-11"},
		{month: "2026-02", want: "2026-02"},
		{days: 7, want: "2026-11-19 to 2026-11-25"},
		{first: "2026-11-03", want: "2026-11-03"},
		{first: "2026-11-01", last: "2026-11-30", want: "2026-11"},
		{month: "Nov", err: "write it as 2026-11"},
		{month: "0001-01", err: "want years from 2002"},
		{first: "2026-11-03", last: "2026-11-01", err: "comes after the last"},
		{first: "2020-01-01", last: "2026-01-01", err: "longer than two years"},
		{last: "2026-11-01", err: "without a first day"},
		{month: "2026-11", days: 3, err: "give one"},
		{days: -1, err: "want 1 or more"},
		{days: 100_000_000, err: "longer than two years; ask for 732 or less"},
	} {
		p, err := report.Choose(c.month, c.days, c.first, c.last, now)
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, p.String())
	}
}

func TestNamesAreOnlyNames(t *testing.T) {
	require.Equal(t, "a�[31mb", report.Printable("a\x1b[31mb"))
	require.Equal(t, "'=1+1", report.Cell("=1+1"))
	require.Equal(t, "acme", report.Cell("acme"))
}
