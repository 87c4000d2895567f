package alerts_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

const unitFile = `
rule_files: [rules.yaml]
rules:
  budgets: [{name: acme-day, tenant: acme, period: day, amount: 100, thresholds: [80, 100]}]
evaluation_interval: 10s
tests:
  - name: a spike fires within a minute and is over ten minutes after its end
    input:
      - {tenant: acme, interval: 1s, usd: "0.001x3600 0.02x600 0.001x3600"}
    expect:
      - {at: 59m, alerts: []}
      - {at: 1h1m, rule: spend-spike, alerts: [{tenant: acme, severity: critical}]}
      - {at: 1h25m, alerts: []}
  - name: the higher threshold speaks for the lower one
    input:
      - {tenant: acme, interval: 1h, usd: "10x9", calls: "1000x9"}
    expect:
      - {at: 8h1m, rule: acme-day, alerts: [{threshold: 80}]}
  - name: no ledger, no verdict
    input: [{tenant: acme, interval: 1s, usd: "0.001x3600 0.02x600"}]
    stops: [{at: 1h, for: 10m}]
    expect: [{at: 1h5m, rule: spend-spike, alerts: []}, {at: 1h5m, alerts: [{rule: ledger-freshness}]}]
`

func rules(path string) ([]byte, error) {
	if path != "rules.yaml" {
		return nil, errors.New("no such file")
	}
	return []byte("spikes: [{name: spend-spike, min_usd: 0.1}]"), nil
}

func TestRulesAreTestedByAFile(t *testing.T) {
	u, err := alerts.ParseUnits([]byte(unitFile), rules)
	require.NoError(t, err)
	results, err := u.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, results, 3)
	for _, r := range results {
		require.Empty(t, r.Wrong, r.Name)
	}

	// The same tests with wrong expectations fail, and say why.
	for from, want := range map[string]string{
		"{at: 59m, alerts: []}":             "at 59m: spend-spike acme is expected and doesn't fire",
		"{at: 1h25m, alerts: []}":           "at 1h25m: spend-spike acme is expected and doesn't fire",
		"alerts: [{tenant: acme, severity:": "spend-spike globex critical is expected and doesn't fire",
		"alerts: [{threshold: 80}]":         "acme-day 100 is expected",
	} {
		to := strings.NewReplacer("alerts: []", "alerts: [{rule: spend-spike, tenant: acme}]", "tenant: acme, severity", "tenant: globex, severity", "80}]", "100}]").Replace(from)
		u, err := alerts.ParseUnits([]byte(strings.Replace(unitFile, from, to, 1)), rules)
		require.NoError(t, err)
		changed := 0
		if strings.Contains(from, "threshold") {
			changed = 1
		}
		u.Tests = u.Tests[changed : changed+1]
		results, err := u.Run(context.Background())
		require.NoError(t, err)
		var wrong []string
		for _, r := range results {
			wrong = append(wrong, r.Wrong...)
		}
		require.Contains(t, strings.Join(wrong, "\n"), want)
	}

	for bad, want := range map[string]string{
		"":                                      "no tests",
		"tests: [{nmae: x}]":                    "nmae",
		"rule_files: [gone.yaml]\ntests: [{}]":  "no such file",
		"evaluation_interval: 1ms\ntests: [{}]": "evaluation_interval",
	} {
		_, err := alerts.ParseUnits([]byte(bad), rules)
		require.ErrorContains(t, err, want, bad)
	}
	for bad, want := range map[string]string{
		"input: [{tenant: a, interval: 1s, usd: 1y2}]":  "want an amount",
		"input: [{tenant: a, interval: 1s, usd: 1x0}]":  "want an amount",
		"input: [{tenant: a, interval: 1s, usd: '-1'}]": "at least 0",
		"input: [{interval: 1s}]":                       "want a tenant",
		"from: 1h, expect: [{at: 5m}]":                  "not before from",
		"expect: [{at: soon}]":                          "want a time like",
		"name: nothing":                                 "nothing is expected",
	} {
		u, err := alerts.ParseUnits([]byte("rules: {spikes: [{name: s}]}\ntests: [{"+bad+"}]"), rules)
		require.NoError(t, err)
		_, err = u.Run(context.Background())
		require.ErrorContains(t, err, want, bad)
	}
}

// Each kind of rule over series that it is made for: when it fires, when it doesn't, who speaks for whom.
func TestEachKindOfRule(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 9)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			u, err := alerts.ParseUnits(text, rules)
			require.NoError(t, err)
			results, err := u.Run(t.Context())
			require.NoError(t, err)
			for _, r := range results {
				require.Empty(t, r.Wrong, r.Name)
			}
		})
	}
}

func FuzzUnits(f *testing.F) {
	f.Add([]byte(unitFile))
	f.Add([]byte("tests: [{input: [{tenant: a, interval: 1s, usd: 1x5000001}]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = alerts.ParseUnits(text, rules) // doesn't panic
	})
}
