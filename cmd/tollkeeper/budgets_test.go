package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBudgetFilesSayAllThatIsWrong(t *testing.T) {
	_, err := budgetsOf([]byte(`
budgets:
  - {name: a, tennant: t, period: day, amount: plenty}
  - {name: a, tenant: u, period: 15m, amount: 1, thresholds: [0]}
`))
	for _, said := range []string{"line 3: unknown key budgets[0].tennant", "line 3: budgets[0].amount: ", "budgets[0].tenant is empty", `budgets[1].name "a"`,
		`budgets[1].period "15m": want hour, day, week or month`, "budgets[1].thresholds 0"} {
		require.ErrorContains(t, err, said)
	}
	require.NotContains(t, err.Error(), "amount 0.00")
	for _, bad := range []string{"", "budgets: []", "rules: []", "{", "budgets: 3"} {
		_, err := budgetsOf([]byte(bad))
		require.Error(t, err, bad)
	}
	got, err := budgetsOf([]byte(`budgets: [{name: a, tenant: "${env:A}", period: day, amount: 1}]`))
	require.NoError(t, err)
	require.Equal(t, "${env:A}", got[0].Tenant, "a file of budgets is text")
}
