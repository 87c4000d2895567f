package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/rollup/settle"
	"github.com/tollkeeper/tollkeeper/schema"
)

// WithRollup gives do a rollup of the configured database, for commands.
func WithRollup(cfg config.Config, log *slog.Logger, do func(*rollup.Rollup) error) error {
	conn, err := schema.Open(cfg.DatabaseURL())
	if err != nil {
		return err
	}
	defer conn.Close()
	cfg.Rollup.Keep(&cfg.Schema.Retention)
	r, err := newRollup(cfg.Rollup, cfg.Collector.LLMCost.PriceFiles, conn, log, nil, time.Now)
	if err != nil {
		return err
	}
	return do(r)
}

// newRollup is a rollup that settles each minute before it adds it up. The price files are the collector's.
func newRollup(cfg rollup.Config, priceFiles []string, conn driver.Conn, log *slog.Logger, registry prometheus.Registerer, now func() time.Time) (*rollup.Rollup, error) {
	metrics, err := settle.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	prices, err := pricing.NewWatch(priceFiles...)
	if err != nil {
		return nil, err
	}
	return rollup.New(cfg, rollup.Deps{ClickHouse: conn, Log: log, Metrics: registry, Settler: settle.New(conn, log, metrics, prices), Now: now})
}

// RollupOnce brings all totals up to the calls stored now and tells report what each level took.
func RollupOnce(ctx context.Context, cfg config.Config, log *slog.Logger, report func(rollup.Level, rollup.Stats)) error {
	return WithRollup(cfg, log, func(r *rollup.Rollup) error {
		for _, level := range rollup.Levels() {
			stats, err := r.RunOnce(ctx, level)
			if err != nil {
				return errors.Join(err, r.PublishTouched(ctx))
			}
			report(level, stats)
		}
		stats, err := r.RunJob(ctx, "adjust") // publishes too; what came into closed months
		if err != nil {
			return err
		}
		report("adjust", stats)
		return nil
	})
}
