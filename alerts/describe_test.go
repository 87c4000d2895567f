package alerts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// Every kind of rule is said in words, with the defaults that it has without saying so.
func TestRulesInWords(t *testing.T) {
	rules, err := alerts.ParseRules([]byte(`
budgets:
  - {name: everyone, tenant: "*", period: month, amount: 500, time_zone: Europe/Berlin, forecast: [110], burn: {}, overrides: {acme: 1000, globex: 0}}
  - {name: red-day, tenant: acme, by: team, value: red, period: day, amount: 2.5, thresholds: [50, 100], throttle: {level: cap, per: 1m, requests: 30, usd: 0.5}}
spikes:
  - {name: fast, throttle: {level: block}}
runaways:
  - {name: loop, by: trace, usd: 50, calls: 400, window: 90s}
shares:
  - {name: unpriced, of: unpriced}
silences:
  - {name: quiet, tenant: acme, by: key}
limits:
  - {name: north, account: north, model: openai/gpt-5, tokens_per_minute: 200000}
`))
	require.NoError(t, err)
	throttle := alerts.ThrottleConfig{Enforce: []string{"acme", "globex"}, EnforceSpikes: []string{"acme"}}
	throttle.Gateway.URL = "http://127.0.0.1:1"
	require.Equal(t, []alerts.Described{
		{Name: "everyone", Kind: "budget", Watches: "every tenant (2 have limits of their own)",
			Fires: "80, 100 % of 500.00 USD a month in Europe/Berlin; foreseen to reach 110 %; a pace of 14.4× in 1h, 6× in 6h, 1× in 72h"},
		{Name: "red-day", Kind: "budget", Watches: "team red of acme", Fires: "50, 100 % of 2.50 USD a day", Throttle: "cap: 30 requests, 0.50 USD in 1m", Bites: "acme, globex"},
		{Name: "fast", Kind: "spike", Watches: "every tenant", Fires: "3× the usual spend within 30s to 10m, by more than chance, and at least 0.25 USD and 3 calls there and 1.00 USD an hour",
			Throttle: "block", Bites: "acme"},
		{Name: "loop", Kind: "runaway", Watches: "every trace of every tenant", Fires: "50.00 USD or 400 calls in 1m30s"},
		{Name: "unpriced", Kind: "share", Watches: "every tenant", Fires: "5 % of the calls in 5m are unpriced, of at least 20 calls"},
		{Name: "quiet", Kind: "silence", Watches: "every key of acme", Fires: "no call for 30m at an hour in which 30 calls are usual in that time"},
		{Name: "north", Kind: "limit", Watches: "the rate limit of openai/gpt-5 on the account north",
			Fires: "20 % of the calls in 5m are answered 429, of at least 50 calls; the quota is 200000 tokens a minute"},
	}, rules.Describe(throttle))

	throttle.Gateway.URL = ""
	require.Equal(t, "nobody: dry run", rules.Describe(throttle)[2].Bites, "without a gateway nothing bites")
	require.NotEmpty(t, func() []alerts.Described { c := alerts.DefaultConfig(); return c.Rules().Describe(c.Throttle) }())
}
