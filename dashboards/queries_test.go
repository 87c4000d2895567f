package dashboards_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// The boards are asked about a ledger with two days of calls of three tenants, some unpriced, some failed.
func TestOverALedgerWithCalls(t *testing.T) {
	db := ledgerWithCalls(t)
	t.Run("every query answers", func(t *testing.T) { everyQueryAnswers(t, db) })
	t.Run("columns are as the boards say", func(t *testing.T) { columnsAreAsSaid(t, db) })
	t.Run("Grafana's client reads them", func(t *testing.T) { grafanasClientReads(t, db) })
	t.Run("totals agree", func(t *testing.T) { totalsAgree(t, db) })
	t.Run("throttles are told as they went", func(t *testing.T) { throttlesAreTold(t, db) })
	t.Run("a trace's parts agree", func(t *testing.T) { traceAgrees(t, db) })
	t.Run("quantiles", func(t *testing.T) { quantilesAreNear(t, db) })
	t.Run("spend is the views'", func(t *testing.T) { spendIsTheViews(t, db) }) // the last: it spoils the marks
}

func everyQueryAnswers(t *testing.T, db string) {
	now := time.Now().UTC()
	some := map[string]bool{}
	for _, r := range []dashboards.Range{
		{From: now.Add(-48 * time.Hour), To: now.Add(time.Minute)},      // steps of half an hour: minutes
		{From: now.Add(-40 * 24 * time.Hour), To: now.Add(time.Minute)}, // steps of hours: coarser windows
	} {
		eachQuery(func(name, sql string, mayBeEmpty bool) {
			rows := query(t, db, sql, r, hex.EncodeToString([]byte("acme")))
			require.False(t, len(rows) == 0 && !mayBeEmpty, "%s gives no row for %s", name, r.To.Sub(r.From))
			some[name] = some[name] || len(rows) > 0
		})
	}
	for name, found := range some {
		require.True(t, found, "%s never gives a row: the test's ledger lacks what it is about", name)
	}
}

func TestEveryQueryAnswersOverAnEmptyDatabase(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	now := time.Now().UTC()
	eachQuery(func(name, sql string, _ bool) {
		query(t, db, sql, dashboards.Range{From: now.Add(-time.Hour), To: now}, hex.EncodeToString([]byte("nobody")))
	})
}

// What a query's $step comes to is what Go says of it: the viewer lays points out by it.
func TestSeriesStepIsTheSameInSQL(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	to := time.Date(2026, 11, 28, 6, 0, 30, 0, time.UTC)
	for _, length := range []time.Duration{time.Minute, 6 * time.Hour, 6*time.Hour + time.Minute, 6*time.Hour + 2*time.Minute, 8 * 24 * time.Hour, 8*24*time.Hour + 2*time.Minute, 400 * 24 * time.Hour} {
		for _, step := range []time.Duration{time.Second, time.Minute, 90 * time.Second, time.Hour, 7 * time.Hour, 25 * time.Hour} {
			r := dashboards.Range{From: to.Add(-length), To: to}
			text, err := dashboards.Expand(dashboards.WriteOut("SELECT $step AS step"), r, step, nil)
			require.NoError(t, err)
			require.EqualValues(t, r.SeriesStep(step).Seconds(), query(t, db, text, r, "")[0]["step"], "%s by %s", length, step)
		}
	}
}

// A stat's age is in the unit that a person would say.
func TestAgesAreSaidInTheirUnit(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	for seconds, want := range map[string]string{"0.04": "0 s", "7.25": "7.2 s", "119.9": "119.9 s", "276": "4.6 min", "7300": "2 h"} {
		require.Equal(t, want, query(t, db, dashboards.WriteOut("SELECT $age(toFloat64("+seconds+")) AS age"), dashboards.Range{}, "")[0]["age"])
	}
}

// No tenant's name, whatever it holds, changes the question: a client of Grafana escapes quotes but not backslashes.
func TestATenantsNameIsOnlyAName(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	now := time.Now().UTC()
	for _, name := range []string{`acme\\`, `x\' OR 1=1 -- `, "o'neil", "\xff\x00", "名前"} {
		eachQuery(func(panel, sql string, _ bool) {
			if strings.Contains(sql, "${tenant") {
				require.Contains(t, sql, "unhex(${tenant:singlequote})", panel)
				query(t, db, sql, dashboards.Range{From: now.Add(-time.Hour), To: now}, hex.EncodeToString([]byte(name)))
			}
			if strings.Contains(sql, "${trace") { // typed by people
				require.NotContains(t, strings.ReplaceAll(sql, "'${trace:percentencode}'", ""), "${trace", panel)
				ask(t, db, sql, dashboards.Range{From: now.Add(-time.Hour), To: now}, map[string]string{"trace": name})
			}
		})
	}
}

// What a stat says, what the table's rows add up to and what the series add up to is one number.
func totalsAgree(t *testing.T, db string) {
	now := time.Now().UTC()
	for _, r := range []dashboards.Range{
		{From: now.Add(-30 * time.Hour), To: now.Add(time.Minute)},
		{From: now.Add(-40 * 24 * time.Hour), To: now.Add(time.Minute)},
	} {
		calls := "SELECT toString(sum(cost)) AS spend FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))"
		want := query(t, db, calls, r, "")[0]["spend"]
		require.NotEqual(t, "0", want)
		for _, name := range []string{"spend/tenants", "spend/models", "spend/parts", "spend/by_tenant_over_time", "spend/by_model_over_time"} {
			sum := "SELECT toString(sum(spend)) AS spend FROM (" + dashboards.SQL(name) + ")"
			require.Equal(t, want, query(t, db, sum, r, "")[0]["spend"], name)
		}
		acme := hex.EncodeToString([]byte("acme"))
		rates := dashboards.WriteOut("SELECT round(sum(answered + failed + `rate limited`) * $step) AS calls, sum(answered) > 0 AS some FROM (" + dashboards.SQL("tenant/calls_over_time") + ")")
		all := query(t, db, dashboards.SQL("tenant/calls"), r, acme)[0]
		row := query(t, db, rates, r, acme)[0]
		require.EqualValues(t, 1, row["some"], "calls were answered")
		require.Equal(t, fmt.Sprint(all["value"]), fmt.Sprint(row["calls"]), "rates × step = calls")

		for _, by := range []string{"cost_centre", "parent", "owner"} {
			sum := func(name string) any {
				return query(t, db, "SELECT toString(sum(total)) AS total FROM ("+dashboards.SQL(name)+")", r, "")[0]["total"]
			}
			require.NotEqual(t, "0", sum("spend/chargeback"))
			require.Equal(t, sum("spend/chargeback"), sum("spend/chargeback_by="+by), "chargeback by %s", by)
		}
		budgets := query(t, db, dashboards.SQL("oncall/budgets"), r, "")
		require.Len(t, budgets, 1)
		require.Equal(t, "Europe/Berlin", budgets[0]["time zone"])
		require.Equal(t, "40 % of $100.00", query(t, db, dashboards.SQL("tenant/budget"), r, acme)[0]["value"])
		require.Equal(t, "6 days", query(t, db, dashboards.SQL("tenant/days_left"), r, acme)[0]["value"], "60 USD at 10 a day")
		clickhousetest.Start(t).Exec(t, db, "ALTER TABLE budget_states UPDATE at_least = 1 WHERE 1 SETTINGS mutations_sync = 1")
		require.Equal(t, "at most 6 days", query(t, db, dashboards.SQL("tenant/days_left"), r, acme)[0]["value"])
		require.Equal(t, "at most 6 days", query(t, db, dashboards.SQL("spend/days_left"), r, "")[0]["value"])
		clickhousetest.Start(t).Exec(t, db, "ALTER TABLE budget_states UPDATE at_least = 0 WHERE 1 SETTINGS mutations_sync = 1")

		unpriced := dashboards.WriteOut("SELECT countIf($unpriced) AS calls FROM calls(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)")
		likely := "$2.00 ($1.00 to $3.00)"
		if fmt.Sprint(query(t, db, unpriced, r, "")[0]["calls"]) != "0" {
			likely = "at least " + likely
		}
		require.Equal(t, likely, query(t, db, dashboards.SQL("spend/forecast"), r, "")[0]["value"])
		require.Equal(t, likely, query(t, db, dashboards.SQL("tenant/forecast"), r, acme)[0]["value"])

		total := query(t, db, dashboards.SQL("spend/total"), r, "")[0]["spend"]
		require.Contains(t, total, "at least $", "some calls are unpriced")

		tenants := query(t, db, "SELECT toString(sum(spend)) AS spend FROM ("+dashboards.SQL("tenant/models")+")", r, acme)[0]["spend"]
		require.Equal(t, tenants, query(t, db, "SELECT toString(sum(spend)) AS spend FROM ("+dashboards.SQL("tenant/services")+")", r, acme)[0]["spend"])
		require.Equal(t, tenants, query(t, db, "SELECT toString(sum(spend)) AS spend FROM ("+dashboards.SQL("spend/tenants")+") WHERE tenant = 'acme'", r, acme)[0]["spend"])
		whole := dashboards.Range{From: r.From.Truncate(time.Hour), To: r.To}
		hours := query(t, db, "SELECT toString(sum(spend)) AS spend FROM ("+dashboards.SQL("tenant/models")+")", whole, acme)[0]["spend"]
		for _, d := range []string{"team", "key", "user", "agent", "feature", "prompt"} {
			sum := query(t, db, "SELECT toString(sum(spend)) AS spend FROM ("+dashboards.SQL("tenant/by_dimension="+d)+")", r, acme)[0]["spend"]
			require.Equal(t, hours, sum, "by %s", d)
		}
		changes := query(t, db, "SELECT toString(sum(spend) - sum(change)) AS before FROM ("+dashboards.SQL("spend/tenants")+")", r, "")[0]["before"]
		before := dashboards.Range{From: r.From.Add(-r.To.Sub(r.From)), To: r.From}
		require.Equal(t, query(t, db, calls, before, "")[0]["spend"], changes, "spend less change is the spend before")
	}
}

func eachQuery(f func(name, sql string, mayBeEmpty bool)) {
	for _, b := range dashboards.All() {
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				f(p.Query, p.SQL(), p.MayBeEmpty)
			}
		}
		for _, v := range b.Variables {
			f(v.Query, v.SQL(), false)
		}
		for _, a := range b.Annotations {
			f(a.Query, a.SQL(), true)
		}
	}
}

// query expands and runs a panel's query as Grafana would, over HTTP, and returns the rows.
func query(t *testing.T, db, sql string, r dashboards.Range, tenant string) []map[string]any {
	t.Helper()
	return ask(t, db, sql, r, map[string]string{"tenant": tenant, "trace": theTrace}).Data
}

type answer struct {
	Meta []struct{ Name, Type string }
	Data []map[string]any
}

func ask(t *testing.T, db, sql string, r dashboards.Range, variables map[string]string) (a answer) {
	t.Helper()
	text, err := dashboards.Expand(sql, r, r.Step(100), variables)
	require.NoError(t, err)
	target, err := schema.ParseURL(db)
	require.NoError(t, err)
	endpoint := fmt.Sprintf("%s://%s/?%s", target.Scheme, target.Host, url.Values{"database": {target.Database}, "default_format": {"JSON"}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(text))
	require.NoError(t, err)
	req.SetBasicAuth(target.User, target.Password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s\n%s", body, text)
	require.NoError(t, json.Unmarshal(body, &a))
	return a
}

// Columns have the shapes that Grafana's two formats and the viewer draw, and the names that the boards use.
func columnsAreAsSaid(t *testing.T, db string) {
	now := time.Now().UTC()
	r := dashboards.Range{From: now.Add(-48 * time.Hour), To: now.Add(time.Minute)}
	for _, b := range dashboards.All() {
		for _, p := range panels(b) {
			a := ask(t, db, p.SQL(), r, map[string]string{"tenant": hex.EncodeToString([]byte("acme")), "trace": theTrace})
			types := map[string]string{}
			for _, c := range a.Meta {
				types[c.Name] = c.Type
				require.Regexp(t, `^(LowCardinality\(|Nullable\()*(String|FixedString|U?Int|Float|Decimal|Date|Enum|UUID)`, c.Type, "%s: column %s: Grafana shows no such type", p.Query, c.Name)
			}
			switch p.Kind {
			case dashboards.TimeSeries:
				require.Equal(t, "time", a.Meta[0].Name, p.Query)
				require.Regexp(t, `^DateTime`, a.Meta[0].Type, p.Query)
				for i, c := range a.Meta[1:] {
					require.True(t, numeric.MatchString(c.Type) || i == 0 && len(a.Meta) == 3 && c.Name == "series", "%s: column %s is %s", p.Query, c.Name, c.Type)
				}
			case dashboards.Stat:
				require.Len(t, a.Meta, 1, p.Query)
				require.Equal(t, p.Unit != dashboards.Text, numeric.MatchString(a.Meta[0].Type), "%s: unit %s of a %s", p.Query, p.Unit, a.Meta[0].Type)
			case dashboards.Bars:
				require.Len(t, a.Meta, 2, p.Query)
			case dashboards.Table:
				tableIsAsSaid(t, p, types)
			}
		}
	}
}

var numeric = regexp.MustCompile(`^(Nullable\()?(U?Int|Float|Decimal)`)

func tableIsAsSaid(t *testing.T, p dashboards.Panel, types map[string]string) {
	for name, typ := range types {
		if numeric.MatchString(typ) && name != "partition" {
			require.Contains(t, p.Columns, name, "%s: number without a unit", p.Query)
		}
		if strings.HasPrefix(typ, "DateTime") {
			require.Equal(t, dashboards.DateTime, p.Columns[name], "%s: %s", p.Query, name)
		}
	}
	for name := range p.Columns {
		require.Contains(t, types, name, p.Query)
	}
	for _, name := range p.SumColumns {
		require.Contains(t, types, name, p.Query)
		if p.Columns[name] == dashboards.USD {
			require.Regexp(t, `^(Nullable\()?Decimal`, types[name], "%s: money that is added up is never a float", p.Query)
		}
	}
	for _, name := range p.Hidden {
		require.Contains(t, types, name, p.Query)
	}
	for _, l := range p.Links {
		require.Contains(t, types, l.Column, p.Query)
		require.Contains(t, types, l.Value, p.Query)
	}
}

// grafanasClientReads runs every query with the client that Grafana's data source has: clickhouse-go, Native format.
func grafanasClientReads(t *testing.T, db string) {
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	now := time.Now().UTC()
	r := dashboards.Range{From: now.Add(-time.Hour), To: now.Add(time.Minute)}
	eachQuery(func(name, sql string, _ bool) {
		text, err := dashboards.Expand(sql, r, r.Step(100), map[string]string{"tenant": hex.EncodeToString([]byte("acme")), "trace": theTrace})
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), text)
		require.NoError(t, err, name)
		for rows.Next() {
			into := make([]any, len(rows.ColumnTypes()))
			for i, c := range rows.ColumnTypes() {
				into[i] = reflect.New(c.ScanType()).Interface()
			}
			require.NoError(t, rows.Scan(into...), name)
		}
		require.NoError(t, rows.Err(), name)
		require.NoError(t, rows.Close())
	})
}

// What became of a throttle is the newest that is known of it, as the alerts role writes it down, and a freeze is nobody's throttle.
func throttlesAreTold(t *testing.T, db string) {
	server := clickhousetest.Start(t)
	life := func(tenant string, dry int, steps ...string) {
		for i, step := range steps {
			server.Exec(t, db, fmt.Sprintf(`INSERT INTO throttle_events (tenant, sequence, step, level, gateway, episode, rule, dry_run, answer, issued, expires, at)
				VALUES ('%s', 1, '%s', 'slow', 'edge', toUUID('99999999-0000-0000-0000-%012d'), 'spike', %d, '', now64(3) - 60, now64(3) + 600, now64(3) - 60 + %d)`, tenant, step, len(tenant), dry, i))
		}
	}
	life("works", 0, "ordered", "acknowledged", "effective")
	life("no use", 0, "ordered", "acknowledged", "ineffective")
	life("late use", 0, "ordered", "acknowledged", "ineffective", "effective")
	life("again gone", 0, "ordered", "acknowledged", "lost")
	life("taken at the second try", 0, "ordered", "failed", "acknowledged")
	life("refused", 0, "ordered", "failed")
	life("only told", 1, "dry_run")
	server.Exec(t, db, `INSERT INTO throttle_events (step, gateway, rule, author, reason, at) VALUES ('frozen', 'edge', 'manual', 'ann', 'wrong prices', now64(3) - 30)`)
	now := time.Now().UTC()
	r := dashboards.Range{From: now.Add(-time.Hour), To: now.Add(time.Minute)}
	told := map[string]string{}
	for _, row := range query(t, db, dashboards.SQL("oncall/throttles"), r, "") {
		told[row["tenant"].(string)] = fmt.Sprint(row["effect"], ", ", row["status"])
	}
	delete(told, "acme") // the ledger's own, whose minute may be over by now
	require.Equal(t, map[string]string{"works": "effective, in force", "no use": "without effect, in force", "late use": "effective, in force",
		"again gone": "lost, not in force", "taken at the second try": "not known yet, in force", "refused": "failed, not in force", "only told": "dry run, not in force"}, told)
	require.EqualValues(t, 4, query(t, db, dashboards.SQL("oncall/throttled"), r, "")[0]["value"], "in force, with an effect or without")
	var marks []string
	for _, row := range query(t, db, dashboards.SQL("oncall/annotation"), r, "") {
		marks = append(marks, row["title"].(string))
	}
	require.Subset(t, marks, []string{"works: throttle effective", "no use: throttle without effect", "again gone: throttle lost", "only told: throttle dry_run", "all: throttles frozen"})
}

// The waterfall, the calls and the stat of one trace are one sum, and its tree is in order.
func traceAgrees(t *testing.T, db string) {
	now := time.Now().UTC()
	r := dashboards.Range{From: now.Add(-3 * time.Hour), To: now.Add(time.Minute)}
	rows := query(t, db, dashboards.SQL("trace/waterfall"), r, "")
	var names, costs []string
	for _, row := range rows {
		names = append(names, strings.TrimSpace(row["span"].(string)))
		costs = append(costs, fmt.Sprint(row["with children"]))
	}
	require.Equal(t, []string{"answer", "– plan", "– – call of gpt-5", "– write", "lost child"}, names)
	require.Equal(t, []string{"0.375", "0.25", "0.25", "0.125", "0.0625"}, costs)
	require.Equal(t, "$0.4375", query(t, db, dashboards.SQL("trace/cost"), r, "")[0]["spend"])
	require.EqualValues(t, "0.4375", query(t, db, "SELECT toString(sum(cost)) AS s FROM ("+dashboards.SQL("trace/calls")+")", r, "")[0]["s"])
	for _, row := range rows {
		require.Equal(t, 30, utf8.RuneCountInString(row["timeline"].(string)))
	}
}

// Quantiles from a histogram are within a bucket, a quarter of a doubling, of those of the calls.
func quantilesAreNear(t *testing.T, db string) {
	now := time.Now().UTC()
	r := dashboards.Range{From: now.Add(-30 * time.Hour), To: now.Add(time.Minute)}
	got := query(t, db, "SELECT sum(calls) AS n, max(p50) AS p50, max(p95) AS p95, max(p99) AS p99 FROM ("+dashboards.SQL("scaling/models")+") WHERE model = 'gpt-5'", r, "")[0]
	want := query(t, db, `SELECT quantile(0.5)(duration_ns) / 1e9 AS p50, quantile(0.95)(duration_ns) / 1e9 AS p95, quantile(0.99)(duration_ns) / 1e9 AS p99
		FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) WHERE model = 'gpt-5'`, r, "")[0]
	for _, q := range []string{"p50", "p95", "p99"} {
		require.InEpsilon(t, want[q], got[q], 0.25, q)
	}
}

func panels(b dashboards.Board) (all []dashboards.Panel) {
	for _, row := range b.Rows {
		all = append(all, row.Panels...)
	}
	return all
}
