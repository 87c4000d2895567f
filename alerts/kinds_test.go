package alerts_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// The rules beside budgets and spikes over the ledger itself: testdata/rules shows what they make of a series, this that
// their queries find it.
func TestKindsOnTheLedger(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	odd := "o'ne\\\ttab"
	month := alerts.Budget{Tenant: "*", Period: "month", Amount: usd(t, "1000"), Thresholds: []int{100}}
	burn, forecast := month, month
	burn.Name, burn.Tenant, burn.Burn, burn.Throttle = "burn", "burner", &alerts.Burn{Throttle: true}, &alerts.Policy{Level: gateway.Slow, Per: time.Minute, Requests: 6}
	forecast.Name, forecast.Tenant, forecast.Forecast = "grow", "grower", []int{100}
	cfg.Budgets = []alerts.Budget{burn, forecast}
	cfg.Runaways = []alerts.Runaway{
		{Name: "trace", By: "trace", USD: usd(t, "50"), Throttle: block, Overrides: map[string]alerts.RunawayOverride{odd: {USD: usd(t, "500")}, "hooli": {Off: true}}},
		{Name: "conversation", By: "conversation", USD: usd(t, "50")},
		{Name: "agent", By: "agent", Calls: 30},
		{Name: "key", By: "key", USD: usd(t, "1000"), Throttle: block, Overrides: map[string]alerts.RunawayOverride{"hooli": {USD: usd(t, "20")}, odd: {USD: usd(t, "20")}}},
	}
	cfg.Shares = []alerts.Share{{Name: "unpriced", Of: alerts.ShareUnpriced, By: "team"}, {Name: "doubtful", Of: alerts.ShareFlagged}}
	cfg.Throttle.Enforce = []string{"acme", "burner", "hooli"}
	cfg.Silences = []alerts.Silence{{Name: "silence"}, {Name: "team-silence", By: "team"}}
	for _, sql := range []string{
		// Forty calls of each tenant in the last forty seconds, of one trace, conversation, agent, key and team.
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, conversation, agent, key, team, version, start, received, cost_output, unpriced, flags)
		SELECT toStartOfMinute(s), tenant, leftPad(toString(rank), 16, 'x'), leftPad(toString(number), 8, 's'), concat('talk of ', tenant), concat('agent of ', tenant), concat('key of ', tenant),
			if(tenant = 'acme', 'red', 'blue'), 1, s, s, if(tenant = 'globex', toDecimal64(0.01, 12), toDecimal64(2, 12)), if(tenant = 'acme' AND number < 10, 'no_price', ''), if(tenant = 'globex' AND number < 5, ` + strconv.FormatUint(uint64(ledger.FlagBadCount), 10) + `, 0)
		FROM (SELECT number, toDateTime64('2026-11-02 10:19:50', 3, 'UTC') + number AS s FROM numbers(40)) AS n
		CROSS JOIN (SELECT * FROM VALUES('tenant String, rank UInt8', ('acme', 1), ('globex', 2), ('hooli', 3), ('o\'ne\\\ttab', 4))) AS t`,
		// Fifteen days of hours: one tenant that grows, one that is gone.
		`INSERT INTO cost_hour (window, n, worker, tenant, calls, cost) SELECT toDateTime('2026-11-02 10:00:00', 'UTC') - toIntervalHour(number + 1), number + 1, 1, 'grower', 1, 2 FROM numbers(360)`,
		`INSERT INTO cost_hour (window, n, worker, tenant, calls, cost) SELECT toDateTime('2026-11-02 10:00:00', 'UTC') - toIntervalHour(number + 1), number + 1, 1, 'gone', 900, 0.01 FROM numbers(360)`,
		// And of the teams of one that goes on, one that doesn't call any more.
		`INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls, cost) SELECT toDateTime('2026-11-02 10:00:00', 'UTC') - toIntervalHour(number + 1), number + 1, 1, 'globex', 'team', 'crew', 900, 0.01 FROM numbers(360)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT arrayJoin(['hour', 'hour_by']), toDateTime('2026-11-02 10:00:00', 'UTC') - toIntervalHour(number + 1), number + 1, 1, 1 FROM numbers(360)`,
		// An hour of minutes of one that burns 51 USD an hour; 20 are 14.4 times the pace of its budget.
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) SELECT toDateTime('2026-11-02 10:20:00', 'UTC') - toIntervalMinute(number), number + 1, 1, 'burner', 1, 0.85 FROM numbers(58)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'minute', toDateTime('2026-11-02 10:20:00', 'UTC') - toIntervalMinute(number), number + 1, 1, 1 FROM numbers(58)`,
	} {
		require.NoError(t, w.conn.Exec(t.Context(), sql))
	}
	w.pass(6 * time.Second) // parts of tenants are counted every five seconds
	r := w.run(cfg)
	r.settle()
	require.ElementsMatch(t, []string{
		"burn:burn burner firing", "grow:forecast grower firing",
		"trace acme firing",
		"conversation acme firing", "conversation hooli firing", "conversation " + odd + " firing",
		"agent acme firing", "agent globex firing", "agent hooli firing", "agent " + odd + " firing",
		"key hooli firing", "key " + odd + " firing",
		"unpriced acme firing", "doubtful globex firing",
		"silence gone firing", "team-silence globex firing",
	}, w.states())
	require.Equal(t, []string{"conversation talk of acme of acme ran away: at least 80.00 USD in 40 calls within 5m0s; 50.00 USD in 5m0s are too much"},
		w.stored("SELECT summary FROM alert_events FINAL WHERE rule = 'conversation' AND tenant = 'acme'"))
	w.eventually(func() bool { // what burns and runs away is throttled: the tenant of a trace, the key itself
		return w.limiter.State(gateway.Tenant("acme")).Level == gateway.Block && w.limiter.State(gateway.Tenant("burner")).Level == gateway.Slow &&
			w.limiter.State(gateway.Subject{Tenant: "hooli", Key: "key of hooli"}).Level == gateway.Block
	})
	require.Len(t, w.limiter.States(), 3)
	require.Equal(t, []string{"no calls of globex crew in 30m0s; 450 are usual at this time (the median of 2 such hours)"},
		w.stored("SELECT summary FROM alert_events FINAL WHERE rule = 'team-silence'"))
	require.Equal(t, []string{"red"}, w.stored("SELECT JSONExtractString(detail, 'value') FROM alert_events FINAL WHERE rule = 'unpriced'"))
}
