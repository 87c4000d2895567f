package demo

import (
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// The rules of the demo, by name.
const (
	spikeRule  = "spend-spike"
	budgetRule = "batch-budget"
)

// budgetPeriod is short, so that a minute of watching sees a budget used up and begun anew.
const budgetPeriod = 15 * time.Second

// budgetAmount is some four times what the tenant spends in a period at its quiet pace (2 calls a second at about
// 0.0005 USD), so that noise doesn't reach it and fifteen times the pace does within seconds.
const budgetAmount = 60 * ledger.USD / 1000

// Rules are the alerts' configuration for a minute of watching: the product's own rules with short windows. Two tenants
// opt in to being throttled: one by the spike rule, one by its budget.
func Rules(webhook string, secrets []string) alerts.Config {
	c := alerts.DefaultConfig()
	throttle := func() *alerts.Policy {
		return &alerts.Policy{Level: gateway.Slow, Per: time.Minute, Requests: 60}
	}
	c.Spikes = []alerts.Spike{{
		Name: spikeRule, Tenant: apps.SpikeTenant, Window: 5 * time.Second, MinTrailing: 6 * time.Second,
		Trailing: time.Minute, ClearAfter: 8 * time.Second, Throttle: throttle(),
		LongWindow: 5 * time.Second, MinUSD: alerts.USD(ledger.USD / 1000), // an hour's rate is judged by seconds of it
	}}
	c.Shares, c.Silences, c.Limits, c.Runaways = nil, nil, nil, nil // the story has two rules
	c.Budgets = []alerts.Budget{{
		Name: budgetRule, Tenant: apps.BudgetTenant, Period: budgetPeriod.String(), Amount: alerts.USD(budgetAmount),
		Thresholds: []int{100}, ClearAfter: 8 * time.Second, Throttle: throttle(),
	}}
	c.Throttle.Enforce = []string{apps.SpikeTenant, apps.BudgetTenant}
	c.Throttle.EnforceSpikes = []string{apps.SpikeTenant}
	c.Throttle.EffectWindow = 5 * time.Second
	c.Throttle.Gateway.Name = "demo-gateway"
	c.Throttle.Gateway.URL, c.Throttle.Gateway.Secrets = webhook, secrets
	c.Throttle.Gateway.AllowNetworks = []string{"127.0.0.0/8"}
	c.Throttle.Gateway.Timeout = 5 * time.Second // a busy machine isn't a dead gateway
	return c
}
