package app

import (
	"context"
	"maps"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/dashboards/figures"
	"github.com/tollkeeper/tollkeeper/dashboards/grafana/provision"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// startDashboards computes what boards show beside the calls and, where Grafana is configured, keeps a set of boards per
// tenant there.
func (a *App) startDashboards(ctx context.Context) error {
	quotas := map[string]int64{}
	for _, l := range a.cfg.Alerts.Limits {
		if len(l.Tenants) > 0 {
			continue // boards add up all tenants: they have no place for one account of several
		}
		maps.Copy(quotas, l.Quotas)
		if l.Model != "" && l.TokensPerMinute > 0 {
			quotas[l.Model] = l.TokensPerMinute
		}
	}
	f, err := figures.New(a.cfg.Dashboards.Config, figures.Deps{
		ClickHouse: a.cfg.ClickHouse.URL, Log: a.opts.Log.With("role", "dashboards"), Metrics: a.Registry, Quotas: quotas, Project: project,
		Book:    func() (*pricing.Book, error) { return pricing.Load(a.cfg.Collector.LLMCost.PriceFiles...) },
		Budgets: a.budgetStates,
	})
	if err != nil {
		return err
	}
	if err := a.run(ctx, "dashboards", f.Run, f.Ready); err != nil {
		return err
	}
	if a.cfg.Dashboards.Grafana.URL == "" {
		return nil
	}
	p, err := provision.New(a.cfg.Dashboards.Grafana, provision.Deps{ClickHouse: a.cfg.ClickHouse.URL, Log: a.opts.Log.With("role", "grafana"), Metrics: a.Registry})
	if err != nil {
		return err
	}
	return a.run(ctx, "grafana", p.Run, p.Ready)
}

// budgetStates are the budgets that the alerts watch, as boards show them.
func (a *App) budgetStates(ctx context.Context, conn driver.Conn, now time.Time) ([]figures.BudgetState, error) {
	standings, err := a.cfg.Alerts.Standings(ctx, conn, now)
	var out []figures.BudgetState
	for _, s := range standings {
		b := figures.BudgetState{Budget: s.Budget, Tenant: s.Tenant, Period: s.Period, TimeZone: s.TimeZone, From: s.From, To: s.To, Amount: s.Amount, Spent: s.Spent,
			Week: s.Week, AtLeast: s.Unpriced > 0, Source: s.Source}
		if s.By != "" {
			b.Scope = map[string]string{s.By: s.Value}
		}
		out = append(out, b)
	}
	return out, err
}

// startPublisher keeps this process's own metrics in the database.
func (a *App) startPublisher(ctx context.Context) error {
	p, err := figures.NewPublisher(a.cfg.ClickHouse.URL, a.Registry, a.opts.Log.With("role", "publisher"))
	if err != nil {
		return err
	}
	return a.run(ctx, "publisher", p.Run, p.Ready)
}

// project foresees as the alerts do.
func project(hours map[int64]figures.Hour, spent ledger.Sum, from, now, to time.Time) (figures.Forecast, error) {
	h := detect.Hours{}
	for at, x := range hours {
		h[at] = detect.Hour{Spend: x.Spend, Calls: x.Calls}
	}
	f, err := h.Project(spent, from, now, to, 28*24*time.Hour)
	return figures.Forecast{Total: f.Total, How: f.How, OK: f.OK}, err
}
