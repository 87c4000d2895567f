package figures_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/dashboards/figures"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// A ledger of nine weeks: acme spends a dollar every hour, globex half of it; shared infrastructure 24 cents an hour.
func world(t *testing.T) (*clickhousetest.Server, string) {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	for _, sql := range []string{
		`INSERT INTO cost_hour (window, n, worker, tenant, provider, model, calls, cost)
		SELECT toStartOfHour(now('UTC')) - toIntervalHour(number % 1512 + 1), 1, 1, ['acme', 'globex', 'infra'][intDiv(number, 1512) + 1], 'openai', 'gpt-5', 1,
			[1, 0.5, 0.24][intDiv(number, 1512) + 1]
		FROM numbers(4536)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'hour', toStartOfHour(now('UTC')) - toIntervalHour(number + 1), 1, 1, 1 FROM numbers(1512)`,
		`INSERT INTO cost_minute (window, n, worker, tenant, provider, model, calls, cost, fresh_input, latency)
		SELECT toStartOfMinute(now('UTC')) - toIntervalMinute(number), 1, 1, 'acme', 'openai', 'gpt-5', 60, 0.06, 6000, map(81, 60) FROM numbers(7)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'minute', toStartOfMinute(now('UTC')) - toIntervalMinute(number), 1, 1, 1 FROM numbers(7)`,
		`INSERT INTO tenants (tenant, cost_centre, attributes, valid_from) VALUES ('infra', '', {'shared': 'true'}, '2020-01-01 00:00:00'), ('acme', 'cc-7', {}, '2020-01-01 00:00:00')`,
	} {
		server.Exec(t, db, sql)
	}
	return server, db
}

func role(t *testing.T, db string, cfg figures.Config) (*figures.Figures, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	f, err := figures.New(cfg, figures.Deps{ClickHouse: db, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: registry,
		Quotas: map[string]int64{"openai/gpt-5": 10_000, "openai/idle": 500},
		Book:   func() (*pricing.Book, error) { return pricing.Load() }, Project: project})
	require.NoError(t, err)
	return f, registry
}

// project is what internal/app wires.
func project(hours map[int64]figures.Hour, spent ledger.Sum, from, now, to time.Time) (figures.Forecast, error) {
	h := detect.Hours{}
	for at, x := range hours {
		h[at] = detect.Hour{Spend: x.Spend, Calls: x.Calls}
	}
	f, err := h.Project(spent, from, now, to, 28*24*time.Hour)
	return figures.Forecast{Total: f.Total, How: f.How, OK: f.OK}, err
}

func TestFiguresOfASteadyLedger(t *testing.T) {
	server, db := world(t)
	cfg := figures.DefaultConfig()
	cfg.EgressUSD, cfg.StorageUSD = "0.09", map[string]string{"hot": "0.1", "cold": "0.02"}
	f, registry := role(t, db, cfg)
	require.NoError(t, f.Compute(t.Context()))

	t.Run("forecast", func(t *testing.T) {
		// A steady tenant's month is what its hours add up to; its band is narrow, since no earlier week was off.
		rows := strings.Split(server.Exec(t, db, `SELECT tenant, abs(toFloat64(likely) / (toUnixTimestamp(toDateTime(month + INTERVAL 1 MONTH, 'UTC')) - toUnixTimestamp(toDateTime(month, 'UTC'))) * 3600
			/ multiIf(tenant = 'acme', 1, tenant = 'globex', 0.5, tenant = 'infra', 0.24, 1.74) - 1) < 0.02, low <= likely AND likely <= high, toFloat64(high - low) / toFloat64(likely) < 0.02,
			match(how, 'band of [1-6] earlier weeks') FROM forecasts ORDER BY tenant`), "\n")
		require.Equal(t, []string{"*\t1\t1\t1\t1", "acme\t1\t1\t1\t1", "globex\t1\t1\t1\t1", "infra\t1\t1\t1\t1"}, rows)
	})
	t.Run("chargeback", func(t *testing.T) {
		// Shared spend is handed out two to one, and everything together is what was spent.
		require.Equal(t, "1\t1\t1", server.Exec(t, db, `SELECT sum(total) = sum(own), sumIf(shared, tenant = 'infra') = -sumIf(own, tenant = 'infra'), countIf(tenant = 'acme' AND cost_centre = 'cc-7')
			FROM chargebacks_now WHERE month = (SELECT min(month) FROM chargebacks_now)`))
		require.Equal(t, server.Exec(t, db, "SELECT sum(cost) FROM spend(from = toStartOfMonth(now('UTC')), to = now('UTC') + INTERVAL 1 DAY)"),
			server.Exec(t, db, "SELECT sum(total) FROM chargebacks_now WHERE month = toStartOfMonth(toDate(now('UTC')))"))
	})
	t.Run("figures are written when they change", func(t *testing.T) {
		require.NoError(t, f.Compute(t.Context()))
		require.Equal(t, "5\t1", server.Exec(t, db, "SELECT count(), uniq(at) FROM dashboard_figures"))
		g, _ := role(t, db, figures.DefaultConfig())
		require.NoError(t, g.Compute(t.Context()))
		require.Equal(t, "tokens_per_minute\topenai/gpt-5\t10000\ntokens_per_minute\topenai/idle\t500", server.Exec(t, db, "SELECT * FROM dashboard_figures_now ORDER BY key"))
	})
	for _, sql := range []string{ // the minutes that gauges are of, however long all this has taken and will
		`INSERT INTO cost_minute (window, n, worker, tenant, provider, model, calls, cost, fresh_input, latency)
		SELECT toStartOfMinute(now('UTC')) + toIntervalMinute(10 - number), 2, 1, 'acme', 'openai', 'gpt-5', 60, 0.06, 6000, map(81, 60) FROM numbers(17)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'minute', toStartOfMinute(now('UTC')) + toIntervalMinute(10 - number), 2, 1, 1 FROM numbers(17)`,
	} {
		server.Exec(t, db, sql)
	}
	t.Run("gauges", func(t *testing.T) { gaugesAreBounded(t, db, f, registry) })
}

func gaugesAreBounded(t *testing.T, db string, f *figures.Figures, registry *prometheus.Registry) {
	require.NoError(t, f.Refresh(t.Context()))
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP tollkeeper_model_headroom_ratio What is left of a configured quota of tokens a minute: 1 is all, 0 none, negative is over it; no series without a quota.
# TYPE tollkeeper_model_headroom_ratio gauge
tollkeeper_model_headroom_ratio{model="openai/gpt-5"} 0.4
tollkeeper_model_headroom_ratio{model="openai/idle"} 1
`), "tollkeeper_model_headroom_ratio"))
	n, err := testutil.GatherAndCount(registry, "tollkeeper_tenant_requests_per_second", "tollkeeper_tenant_month_spend_usd")
	require.NoError(t, err)
	require.Equal(t, 6, n)
	few, small := role(t, db, figures.Config{Every: "@every 1h", Tenants: 1})
	require.NoError(t, few.Refresh(t.Context()))
	problems, err := testutil.GatherAndLint(small)
	require.NoError(t, err)
	require.Empty(t, problems)
	families, err := small.Gather()
	require.NoError(t, err)
	for _, fam := range families {
		if fam.GetName() != "tollkeeper_tenant_requests_per_second" {
			continue
		}
		require.Len(t, fam.GetMetric(), 2, "one tenant by name, the rest together")
		require.Equal(t, "", fam.GetMetric()[0].GetLabel()[0].GetValue())
		require.Equal(t, "acme", fam.GetMetric()[1].GetLabel()[0].GetValue())
		require.InDelta(t, 1.0, fam.GetMetric()[1].GetGauge().GetValue(), 0.01)
	}
}

// What is published of a counter is what was added, once, also over a failed write.
func TestPublishedCountersAddUp(t *testing.T) {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	letters := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tollkeeper_ingest_dead_letters_total"}, []string{"stream", "reason"})
	lag := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_ingest_lag"})
	other := prometheus.NewCounter(prometheus.CounterOpts{Name: "go_something_total"})
	registry.MustRegister(letters, lag, other)
	p, err := figures.NewPublisher(db, registry, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	letters.WithLabelValues("calls", "unreadable").Add(3)
	lag.Set(7)
	require.NoError(t, p.Once(t.Context(), time.Now()))
	letters.WithLabelValues("calls", "unreadable").Add(2)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, p.Once(gone, time.Now()))
	lag.Set(4)
	require.NoError(t, p.Once(t.Context(), time.Now().Add(time.Second)))
	require.Equal(t, "5\t2", server.Exec(t, db, "SELECT sum(value), count() FROM process_metrics WHERE name = 'tollkeeper_ingest_dead_letters_total' AND labels['reason'] = 'unreadable'"))
	require.Equal(t, "4", server.Exec(t, db, "SELECT argMax(value, seen) FROM process_metrics WHERE name = 'tollkeeper_ingest_lag'"))
	require.Equal(t, "0", server.Exec(t, db, "SELECT count() FROM process_metrics WHERE name LIKE 'go%'"))
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	c := figures.Config{Every: "often", EgressUSD: "nine", StorageUSD: map[string]string{"hot": "-1"}, Tenants: -1}
	err := c.Validate()
	for _, part := range []string{`every: "often"`, `egress_usd_per_gb: "nine"`, `storage_usd_per_gb_month.hot: "-1"`, "metrics_tenants: -1"} {
		require.ErrorContains(t, err, part)
	}
	d := figures.DefaultConfig()
	require.NoError(t, d.Validate())
}
