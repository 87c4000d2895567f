package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/explain"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

func newExplain() *cobra.Command {
	c := &cobra.Command{Use: "explain", Short: "From a number to its parts"}
	c.AddCommand(newExplainCall(), newExplainTotal(), newExplainReserved())
	return c
}

func newExplainCall() *cobra.Command {
	c := &cobra.Command{
		Use: "call TRACE[/SPAN]", Short: "Everything behind a call's amount: counts, rule, price, tenant, and who gave way to whom", Args: cobra.ExactArgs(1),
		Long: `Shows every report of a trace, or of one span: what the span said, the rule that read it, the disjoint
counts, the price entry and the sum, where the tenant came from, and whether it counts or gave way to
another report of the same call.`,
		Example: `  tollkeeper explain call 4bf92f3577b34da6a3ce929d0e0e4736
  tollkeeper explain call 4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7 --json`,
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per report, decimals as strings")
	c.RunE = func(c *cobra.Command, args []string) error {
		trace, span, err := explain.Parse(args[0])
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		book, err := pricing.Load(cfg.Collector.LLMCost.PriceFiles...)
		if err != nil {
			return err
		}
		conn, err := schema.Open(cfg.DatabaseURL())
		if err != nil {
			return err
		}
		defer conn.Close()
		reports, err := explain.Trace(c.Context(), conn, trace, span)
		if err != nil {
			return err
		}
		if len(reports) == 0 {
			return fmt.Errorf("no report of %s: it told of no call, has not arrived yet, or its rows have expired", args[0])
		}
		if *asJSON {
			return writeJSON(c.OutOrStdout(), reports)
		}
		return explain.WriteText(c.OutOrStdout(), reports, book)
	}
	return c
}
