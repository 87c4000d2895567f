package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/rollup"
)

// newRollup is the role, or with --once one pass over all levels.
func newRollup() *cobra.Command {
	c := newRole("rollup")
	serve := c.RunE
	once := c.Flags().Bool("once", false, "bring all totals up to the calls stored now, then end")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*once {
			return serve(c, args)
		}
		cfg, err := config.Load(c.Flag("config").Value.String(), os.LookupEnv)
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return app.RollupOnce(c.Context(), cfg, logger(cfg), func(level rollup.Level, did rollup.Stats) {
			fmt.Fprintf(c.OutOrStdout(), "%-6s %d windows, %d marks\n", level, did.Windows, did.Marks)
		})
	}
	return c
}
