package main

import (
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func newExplainReserved() *cobra.Command {
	c := &cobra.Command{
		Use: "reserved", Short: "What reserved capacity cost, how far it was used, and who bears it", Args: cobra.NoArgs,
		Long: `Shows each reservation of the price files (reserved:) in a period: its amount, by time; the calls and tokens that it
served; its utilisation and the idle share, where the file says tokens_per_minute; and what each tenant bears, in
proportion to the tokens that it was served. The shares add up to the amount, to 10⁻¹² USD. What served nothing
goes by own spend to those it may serve. The same shares are in "report chargeback".`,
		Example: "  tollkeeper explain reserved --month 2026-11\n  tollkeeper explain reserved --month 2026-11 --json",
	}
	load := configFlag(c)
	period := periodFlags(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per reservation, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := period()
		if err != nil {
			return err
		}
		return withLedger(load, func(conn driver.Conn, cfg config.Config) error {
			book, err := pricing.Load(cfg.Collector.LLMCost.PriceFiles...)
			if err != nil {
				return err
			}
			all, orphans, err := report.ExplainReserved(c.Context(), conn, p, book)
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(c.OutOrStdout(), all)
			}
			return report.WriteReserved(c.OutOrStdout(), p, all, orphans)
		})
	}
	return c
}
