package app

import (
	"time"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup/rerate"
	"github.com/tollkeeper/tollkeeper/schema"
)

// WithRerate gives do a re-rate of the configured database by the collector's prices, for commands.
func WithRerate(cfg config.Config, progress func(rerate.Progress), do func(*rerate.Rerate) error) error {
	book, err := pricing.NewWatch(cfg.Collector.LLMCost.PriceFiles...)
	if err != nil {
		return err
	}
	rules, err := genai.BuiltinRules()
	if err != nil {
		return err
	}
	conn, err := schema.Open(cfg.DatabaseURL())
	if err != nil {
		return err
	}
	defer conn.Close()
	var sealed time.Time
	if after := cfg.Schema.Retention.SealedAfter(); after != 0 {
		sealed = time.Now().Add(-after).UTC().Truncate(24 * time.Hour)
	}
	return do(rerate.New(rerate.Deps{ClickHouse: conn, Book: book.Book(), Rules: rules, Trusted: cfg.Collector.LLMCost.TrustCostOf,
		SealedBefore: sealed, Progress: progress}))
}
