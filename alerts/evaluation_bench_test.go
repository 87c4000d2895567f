package alerts_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// BenchmarkEvaluation is one evaluation of a budget and a spike rule over three open minutes at 5,000 calls a second of
// 200 tenants, beside the bare sum of the same minutes by tenant (DESIGN D10: 0.3 CPU seconds).
func BenchmarkEvaluation(b *testing.B) {
	w := &world{now: time.Date(2026, 11, 2, 10, 20, 59, 0, time.UTC), url: clickhousetest.Start(b).Database(b)}
	ctx := context.Background()
	_, err := schema.Apply(ctx, w.url, schema.DefaultOptions())
	require.NoError(b, err)
	w.conn, err = schema.Open(w.url)
	require.NoError(b, err)
	defer w.conn.Close()
	for range 20 { // as ingest leaves it: many parts
		require.NoError(b, w.conn.Exec(ctx, `
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, cost_output)
SELECT toStartOfMinute(s), concat('t', toString(rand(1) % 200)), toString(rand64(2) % 1000000000000000), toString(rand(3) % 10000000), 1, s, s, toDecimal64(0.001, 12)
FROM (SELECT addMilliseconds(toDateTime64('2026-11-02 10:18:00', 3, 'UTC'), number * 4) AS s FROM numbers(45000))`))
	}
	require.NoError(b, w.conn.Exec(ctx, "INSERT INTO ingest_freshness (topic, partition, complete_to) VALUES ('"+ledger.TopicCalls+"', 0, '2026-11-02 10:20:59')"))
	cfg := alerts.DefaultConfig()
	cfg.ClickHouse = w.url
	cfg.Budgets = []alerts.Budget{{Name: "b", Tenant: "t7", Period: "hour", Amount: alerts.USD(1000 * dollar)}}
	for name, run := range map[string]func(b *testing.B){
		"evaluation": func(b *testing.B) {
			r := alerts.NewEvaluator(b, cfg, w.clock)
			require.NoError(b, r())
			for b.Loop() {
				require.NoError(b, r())
			}
		},
		"sum by tenant": func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, w.conn.Exec(ctx, `SELECT tenant, sum(cost) FROM calls(from = '2026-11-02 10:18:00', to = '2026-11-02 10:22:00') GROUP BY tenant FORMAT Null`))
			}
		},
	} {
		b.Run(name, run)
	}
}
