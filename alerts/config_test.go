package alerts_test

import (
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/gateway"
)

func TestDefaultConfigIsValid(t *testing.T) {
	cfg := alerts.DefaultConfig()
	cfg.ClickHouse = "http://127.0.0.1:8123/tollkeeper"
	require.NoError(t, cfg.Validate())
	require.Empty(t, cfg.Throttle.Enforce, "out of the box everything is a dry run")
}

func TestConfigIsReadExactly(t *testing.T) {
	cfg := alerts.DefaultConfig()
	cfg.ClickHouse = "http://127.0.0.1:8123/tollkeeper"
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(`
evaluate_every: 500ms
budgets:
  - name: acme-month
    tenant: acme
    period: month
    amount: 12345.000000000001   # exact
    thresholds: [100, 50]
    throttle: {at: 100, level: cap, per: 1h, usd: "2.50"}
spikes:
  - {name: any, window: 20s, factor: 3.5, min_per_hour: 10}
`), &cfg, yaml.Strict()))
	require.NoError(t, cfg.Validate())
	require.Equal(t, "12345.000000000001", cfg.Budgets[0].Amount.Short())
	require.Equal(t, gateway.Cap, cfg.Budgets[0].Throttle.Level)
	require.Equal(t, "3.50", cfg.Spikes[0].Factor.Short())

	text, err := yaml.Marshal(cfg)
	require.NoError(t, err)
	again := alerts.Config{ClickHouse: cfg.ClickHouse}
	require.NoError(t, yaml.Unmarshal(text, &again), string(text))
	written, err := yaml.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(text), string(written))
}

func TestConfigNamesEveryProblem(t *testing.T) {
	cfg := alerts.DefaultConfig()
	cfg.ClickHouse = "nowhere"
	cfg.EvaluateEvery = 0
	cfg.Budgets = []alerts.Budget{
		{Name: "a", Period: "7s", Thresholds: []int{0}, Throttle: &alerts.Policy{At: 90, Level: "hard"}},
		{Name: "a", Tenant: "acme", Period: "day", Amount: usd(t, "1")},
	}
	cfg.Spikes = []alerts.Spike{{Factor: usd(t, "1"), Window: time.Second}}
	cfg.Throttle = alerts.ThrottleConfig{Enforce: []string{"acme"}, EnforceSpikes: []string{"globex"}}
	cfg.Notify.Webhooks = []notify.Webhook{{Name: "w", URL: "x", Secrets: []string{"short"}}}
	cfg.Notify.AllowNetworks = []string{"here"}
	err := cfg.Validate()
	for _, want := range []string{
		"clickhouse.url", "evaluate_every 0s", "budgets[0].tenant", `budgets[0].period: "7s"`, "budgets[0].amount", "budgets[0].thresholds 0",
		`budgets[0].throttle.level "hard"`, "budgets[0].throttle.at 90", `budgets[1].name "a": budgets[0] has it already`, "spikes[0].name is empty",
		"spikes[0].window 1s", "spikes[0].factor 1.00, clear_factor 1.00", "throttle.lease 0s", `throttle.enforce_spikes[0] "globex"`,
		"throttle.gateway.url is empty", "notify.webhooks[0].url", "notify.webhooks[0]: secrets[0]", "notify.allow_networks[0]",
	} {
		require.ErrorContains(t, err, want)
	}
}
