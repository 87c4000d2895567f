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
		Long: `Creates or migrates the database and sets retention as configured.

Retention that would at once drop stored data, or move it to a colder tier, is held back and makes the command exit 1:
"schema diff" says how much it is, and --allow-drop and --allow-move do it. Moving goes on in the background.`,
		Example: "  TOLLKEEPER_CLICKHOUSE_URL=http://user:password@host:8123/tollkeeper tollkeeper schema apply\n  tollkeeper schema diff && tollkeeper schema apply --allow-move",
	}
	load := configFlag(c)
	drop := c.Flags().Bool("allow-drop", false, "shorten retention though stored data is dropped by it")
	move := c.Flags().Bool("allow-move", false, "change tiers though stored data is moved by it")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		opts := cfg.Schema
		opts.Log = logger(cfg)
		opts.Show = func(change schema.Change) { fmt.Fprintln(c.OutOrStdout(), change) }
		opts.AllowDrop, opts.AllowMove = *drop, *move
		report, err := schema.Apply(ctx, cfg.DatabaseURL(), opts)
		if err != nil {
			return err
		}
		for _, change := range report.Held {
			fmt.Fprintln(c.OutOrStdout(), "held back:", change)
		}
		if n := len(report.Held); n > 0 {
			return fmt.Errorf("%d changes of retention are held back because of what they do to stored data; allow them with --allow-drop, --allow-move", n)
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
		changes, err := schema.Diff(ctx, cfg.DatabaseURL(), cfg.Schema)
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
		if err := schema.Verify(ctx, cfg.DatabaseURL(), cfg.Schema); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), "the database is as it should be")
		return nil
	})
	return c
}
