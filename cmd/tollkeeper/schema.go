package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/schema"
)

func newSchema() *cobra.Command {
	c := &cobra.Command{Use: "schema", Short: "The database: apply migrations and retention, show or verify differences"}
	c.AddCommand(newSchemaApply(), newSchemaDiff(), newSchemaVerify())
	return c
}

func newSchemaApply() *cobra.Command {
	c := &cobra.Command{
		Use: "apply", Short: "Create or migrate the database and set retention",
		Example: "  TOLLKEEPER_CLICKHOUSE_URL=http://user:password@host:8123/tollkeeper tollkeeper schema apply",
	}
	load := configFlag(c)
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		opts := cfg.Schema
		opts.Log = logger(cfg)
		opts.Show = func(change schema.Change) { fmt.Fprintln(c.OutOrStdout(), change) }
		if _, err := schema.Apply(ctx, cfg.ClickHouse.URL, opts); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), "the schema is up to date")
		return nil
	})
	return c
}

func newSchemaDiff() *cobra.Command {
	c := &cobra.Command{Use: "diff", Short: "Show what apply would change"}
	load := configFlag(c)
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		changes, err := schema.Diff(ctx, cfg.ClickHouse.URL, cfg.Schema)
		if err != nil {
			return err
		}
		for _, change := range changes {
			fmt.Fprintln(c.OutOrStdout(), change)
		}
		if len(changes) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "nothing to change")
		}
		return nil
	})
	return c
}

func newSchemaVerify() *cobra.Command {
	c := &cobra.Command{Use: "verify", Short: "Fail if the database differs from what this program needs"}
	load := configFlag(c)
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		if err := schema.Verify(ctx, cfg.ClickHouse.URL, cfg.Schema); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), "the database is as it should be")
		return nil
	})
	return c
}
