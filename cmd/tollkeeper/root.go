package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tollkeeper",
		Short: "LLM cost per tenant: exact, within seconds, and under control",
		Long: `Tollkeeper takes the OTLP your apps and gateways already send, prices every call to a
language model per tenant, keeps the traces worth keeping, and slows a runaway tenant
at the gateway.`,
		Example: `  tollkeeper demo                              see it work, in about two minutes
  tollkeeper up                                run everything on this machine
  tollkeeper replay recording.json             send recorded spans to it
  tollkeeper collector --config toll.yaml      run one role against your own servers
  tollkeeper config check --config toll.yaml   say everything that is wrong with a config`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{c.CommandPath(), err} })
	root.AddGroup(&cobra.Group{ID: "product", Title: "The product:"}, &cobra.Group{ID: "roles", Title: "Roles, each alone:"},
		&cobra.Group{ID: "tools", Title: "Tools:"})
	root.AddCommand(grouped("product", newUp(), newDemo())...)
	root.AddCommand(grouped("roles", newRole("collector"), newRole("ingest"), newRollup(), newAlerts(), newEmbedded())...)
	root.AddCommand(grouped("tools", newSchema(), newTopics(), newDashboards(), newReplay(), newPrices(), newConfig(), newVersion())...)
	return root
}

func grouped(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
		if c.Args == nil {
			c.Args = cobra.NoArgs
		}
	}
	return commands
}

// configFlag adds --config and returns a function that loads it; a bad configuration is a usage error.
func configFlag(c *cobra.Command) func() (config.Config, error) {
	path := c.Flags().String("config", os.Getenv("TOLLKEEPER_CONFIG"), "configuration file (YAML); also TOLLKEEPER_CONFIG")
	return func() (config.Config, error) {
		cfg, err := config.Load(*path, os.LookupEnv)
		if err != nil {
			return cfg, &usageError{c.CommandPath(), err}
		}
		return cfg, nil
	}
}

// logger writes to stderr as configured.
func logger(cfg config.Config) *slog.Logger { return telemetry.NewLogger(os.Stderr, cfg.Log) }

// noArgsRun adapts a function of a context to cobra.
func noArgsRun(f func(ctx context.Context, c *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error { return f(c.Context(), c) }
}
