package app

import (
	"context"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/collector"
	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

// startRoles starts the roles so that each finds what it feeds: alerts, rollup and ingest first, the collector after
// them, the viewer last: it tells where the collector is. They stop in the opposite order, so that what the collector
// acknowledged last is still ingested.
func (a *App) startRoles(ctx context.Context) error {
	for _, role := range []struct {
		on    bool
		start func(context.Context) error
	}{
		{a.opts.Roles.Alerts, a.startAlerts},
		{a.opts.Roles.Rollup, a.startRollup},
		{a.opts.Roles.Ingest, a.startIngest},
		{a.opts.Roles.Collector, a.startCollector},
		{a.opts.Roles.Dashboards, a.startDashboards},
		{publishes(a.opts.Roles, a.cfg), a.startPublisher},
		{a.opts.Roles.API && (a.cfg.API.Enabled() || !a.opts.Roles.Embedded), a.startAPI},
		{a.opts.Roles.Viewer && a.cfg.Viewer.Listen != "", a.startViewer},
	} {
		if !role.on {
			continue
		}
		if err := role.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// publishes reports that a process keeps its own metrics in the database: every one that works there, and a collector alone
// if it is told which gauges of model servers boards are to show. Otherwise a collector needs no database.
func publishes(r Roles, cfg config.Config) bool {
	return r.Ingest || r.Rollup || r.Alerts || r.Dashboards || (r.Collector && len(cfg.Collector.QueueDepth) > 0)
}

func (a *App) startAlerts(ctx context.Context) error {
	r, err := alerts.New(a.cfg.Alerts, alerts.Deps{Log: a.opts.Log.With("role", "alerts"), Metrics: a.Registry,
		Shared: !a.opts.Roles.Embedded || a.opts.Config.ClickHouse.URL != ""})
	if err != nil {
		return err
	}
	return a.run(ctx, "alerts", r.Run, r.Ready)
}

func (a *App) startRollup(ctx context.Context) error {
	conn, err := schema.Open(a.cfg.ClickHouse.URL)
	if err != nil {
		return err
	}
	cfg := a.cfg.Rollup
	cfg.Keep(&a.cfg.Schema.Retention)
	r, err := newRollup(cfg, a.cfg.Collector.LLMCost.PriceFiles, conn, a.opts.Log.With("role", "rollup"), a.Registry, a.opts.Now)
	if err != nil {
		_ = conn.Close()
		return err
	}
	if !a.opts.Roles.Collector {
		rollup.TuneGC()
	}
	return a.run(ctx, "rollup", func(ctx context.Context) error {
		defer conn.Close()
		return r.Run(ctx)
	}, r.Ready)
}

func (a *App) startIngest(ctx context.Context) error {
	cfg := a.cfg.Ingest
	cfg.Kept = a.cfg.Schema.Retention.ReportsKept()
	r, err := ingest.New(cfg, ingest.Deps{Log: a.opts.Log.With("role", "ingest"), Metrics: a.Registry, Now: a.opts.Now})
	if err != nil {
		return err
	}
	return a.run(ctx, "ingest", r.Run, r.Ready)
}

func (a *App) startCollector(ctx context.Context) error {
	r, err := collector.New(a.cfg.Collector, collector.Deps{Log: a.opts.Log.With("role", "collector"), Metrics: a.Registry, Version: a.opts.Version, Now: a.opts.Now, Trouble: a.trouble})
	if err != nil {
		return err
	}
	a.cfg.Collector.TuneGC()
	a.otlpGRPC, a.otlpHTTP = r.GRPCAddr(), r.HTTPAddr()
	return a.run(ctx, "collector", r.Run, r.Ready)
}
