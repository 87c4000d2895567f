package alerts_test

import (
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

func (w *world) book() *alerts.BudgetBook {
	w.t.Helper()
	b, err := alerts.OpenBudgetBook(w.url)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, b.Close()) })
	return b
}

// budgetsOf reads a list under the key budgets.
func budgetsOf(text string) ([]alerts.Budget, error) {
	var file struct {
		Budgets []alerts.Budget `yaml:"budgets"`
	}
	err := yaml.UnmarshalWithOptions([]byte(text), &file, yaml.DisallowUnknownField())
	return file.Budgets, err
}

// apply makes a file of budgets stand and returns what that changed.
func apply(w *world, b *alerts.BudgetBook, file string, prune bool) []alerts.BudgetChange {
	w.t.Helper()
	wanted, err := budgetsOf(file)
	require.NoError(w.t, err)
	changes, err := b.Plan(w.t.Context(), wanted, prune)
	require.NoError(w.t, err)
	require.NoError(w.t, b.Apply(w.t.Context(), changes, "fin", "test"))
	return changes
}

const twoBudgets = `
budgets:
  - {name: acme-hour, tenant: acme, period: hour, amount: "1.000000000001", thresholds: [100]}
  - name: each-month
    tenant: "*"
    period: month
    time_zone: Europe/Berlin
    amount: 500
    forecast: [100]
    burn: {windows: [{long: 1h, short: 5m, factor: 14.4}]}
    overrides: {globex: 0}
    throttle: {level: cap, per: 1m, usd: 0.5}
`

func TestBudgetsAreAppliedOnceAndKeepTheirHistory(t *testing.T) {
	w := newWorld(t)
	b := w.book()
	require.Len(t, apply(w, b, twoBudgets, false), 2)
	require.Empty(t, apply(w, b, twoBudgets, true), "a second time changes nothing")

	all, err := b.List(t.Context())
	require.NoError(t, err)
	wanted, err := budgetsOf(twoBudgets)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, wanted, []alerts.Budget{all[0].Budget, all[1].Budget}, "nothing of a rule is lost on the way")
	require.Equal(t, "fin", all[0].Author)

	changes := apply(w, b, "budgets: [{name: acme-hour, tenant: acme, period: hour, amount: 2, thresholds: [100]}]", true)
	require.Equal(t, []string{"amount: 1.000000000001 → 2.00"}, changes[0].Fields)
	require.Equal(t, "each-month", changes[1].Name)
	require.Nil(t, changes[1].New)
	all, err = b.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	history, err := b.History(t.Context(), "each-month")
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.True(t, history[1].Removed)
	require.True(t, history[1].At.After(history[0].At))

	require.ErrorContains(t, b.Apply(t.Context(), changes, "", "why"), "--author")
	for _, bad := range []string{"budgets: [{name: a, tenant: t, period: 15m, amount: 1}]", "budgets: [{name: 'a:b', tenant: t, period: day, amount: 1}]",
		"budgets: [{name: a, tenant: t, period: day, amount: 0}]", "budgets: [{name: a, tenant: t, period: day, amount: 1}, {name: a, tenant: u, period: day, amount: 1}]",
		"budgets: [{name: a, tenant: t, by: team, period: day, amount: 1, time_zone: Asia/Kolkata}]"} {
		wanted, err := budgetsOf(bad)
		require.NoError(t, err)
		require.Error(t, alerts.ValidateBudgets(wanted), bad)
	}
}

// TestBudgetsOfTheDatabaseAreTakenWhileRunning: set, lowered, raised and removed without a restart.
func TestBudgetsOfTheDatabaseAreTakenWhileRunning(t *testing.T) {
	w := newWorld(t)
	b := w.book()
	cfg := w.config()
	cfg.BudgetsTable = true
	cfg.Spikes = []alerts.Spike{{Name: "taken"}}
	cfg.Budgets = []alerts.Budget{{Name: "acme-hour", Tenant: "acme", Period: "hour", Amount: usd(t, "100"), Thresholds: []int{100}}}
	r := w.run(cfg)
	w.calls(twoTenants...)
	r.settle()
	require.Empty(t, w.states())

	apply(w, b, "budgets: [{name: acme-hour, tenant: acme, period: hour, amount: 1, thresholds: [100]}, {name: taken, tenant: acme, period: hour, amount: 1}]", true)
	r.settle()
	require.Empty(t, w.states(), "it isn't read at every evaluation")
	w.pass(5 * time.Second)
	w.awaitState("acme-hour acme firing")
	r.settle()
	require.Contains(t, w.logged(), "a rule of that name that is no budget")
	require.Len(t, w.states(), 1)

	apply(w, b, "budgets: [{name: acme-hour, tenant: acme, period: hour, amount: 3, thresholds: [100]}]", true)
	w.pass(5 * time.Second)
	r.settle()
	w.pass(10 * time.Second)
	w.awaitState("acme-hour acme resolved")

	apply(w, b, "budgets: [{name: by-model, tenant: acme, by: model, period: hour, amount: 1, thresholds: [100]}]", true)
	w.pass(5 * time.Second)
	r.settle()
	require.NoError(t, w.conn.Exec(t.Context(), `INSERT INTO call_reports (minute, tenant, model, trace_id, span_id, version, start, received, cost_output)
		VALUES ('2026-11-02 10:20:00', 'acme', 'dear', 'abcdefghijklmnop', 'abcdefgh', 1, '2026-11-02 10:20:59', '2026-11-02 10:20:59', 2)`))
	w.pass(5 * time.Second)
	w.awaitState("by-model acme firing")
	require.Contains(t, w.lastAlert().Summary, "acme dear has spent 2.00 USD")

	apply(w, b, "budgets: [{name: other, tenant: acme, period: hour, amount: 1000}]", true)
	w.pass(5 * time.Second)
	w.awaitState("by-model acme resolved")
	require.Contains(t, w.lastAlert().Summary, "no longer configured")
}

// TestBudgetThatCannotBeReadLeavesTheOthers: a row that somebody inserted by hand.
func TestBudgetThatCannotBeReadLeavesTheOthers(t *testing.T) {
	w := newWorld(t)
	for _, q := range []string{
		`INSERT INTO budgets (name, tenant, period, amount, body) VALUES ('broken', 'acme', 'day', 1, 'nonsense: [')`,
		`INSERT INTO budgets (name, tenant, period, amount, thresholds) VALUES ('by-hand', 'acme', 'hour', 1, [100])`,
	} {
		require.NoError(t, w.conn.Exec(t.Context(), q))
	}
	cfg := w.config()
	cfg.BudgetsTable = true
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitState("by-hand acme firing")
	r.settle()
	require.Equal(t, []string{"by-hand acme firing"}, w.states())
	require.Contains(t, w.logged(), "budget broken of")
}
