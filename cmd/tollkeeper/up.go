package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
)

func newUp() *cobra.Command {
	c := &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine",
		Long: `Runs the collector, ingest, rollup and alerts in one process, with an embedded Kafka-protocol
broker and an embedded ClickHouse engine in a data directory of its own. Give kafka.brokers or
clickhouse.url in the configuration to use your own servers instead. Ctrl-C stops it in order.`,
		Example: `  tollkeeper up
  tollkeeper up --data-dir /var/lib/tollkeeper --config /etc/tollkeeper.yaml`,
	}
	load := configFlag(c)
	dir := c.Flags().String("data-dir", "", "where the embedded servers keep their data (default $XDG_DATA_HOME/tollkeeper)")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		if *dir != "" {
			cfg.DataDir = *dir
		}
		return serve(ctx, c, cfg, app.AllRoles())
	})
	return c
}

// serve starts the roles, prints where they are, and runs until a signal or a failure.
func serve(ctx context.Context, c *cobra.Command, cfg config.Config, roles app.Roles) error {
	a, err := app.Start(ctx, app.Options{Config: cfg, Roles: roles, Log: logger(cfg), Version: version})
	if err != nil && ctx.Err() != nil { // asked to stop; what a start did, the next one finds
		fmt.Fprintln(c.ErrOrStderr(), "stopped before all had started")
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprint(c.OutOrStdout(), a.Summary())
	err = a.Wait(ctx)
	fmt.Fprintln(c.ErrOrStderr(), "stopping: what was acknowledged is being finished")
	if stopErr := a.Stop(); err == nil {
		err = stopErr
	}
	return err
}
