package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tollkeeper",
		Short: "LLM cost per tenant: exact, within seconds, and under control",
		Long: "Tollkeeper takes the OTLP your apps and gateways already send, prices every call to a language model per tenant, " +
			"keeps the traces worth keeping, and slows a runaway tenant at the gateway.",
		Example: `  tollkeeper demo                              see it work, in about two minutes
  tollkeeper up                                run everything on this machine
  tollkeeper replay recording.json             send recorded spans to it
  tollkeeper collector --config toll.yaml      run one role against your own servers
  tollkeeper prices explain gpt-5 --input 900  what a call costs, line by line
  tollkeeper config check --config toll.yaml   say everything that is wrong with a config`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{c.CommandPath(), err} })
	root.AddGroup(&cobra.Group{ID: "product", Title: "The product:"}, &cobra.Group{ID: "roles", Title: "Roles, each alone:"},
		&cobra.Group{ID: "tools", Title: "Tools:"})
	root.AddCommand(grouped("tools", newThrottle(), newKeeper())...)
	root.AddCommand(grouped("product", newUp(), newDemo())...)
	root.AddCommand(grouped("roles", newRole("collector"), newIngest(), newRollup(), newAlerts(), newRole("viewer"), newRole("api"), newEmbedded())...)
	root.AddCommand(grouped("tools",
		newSchema(), newStorage(), newTopics(), newDeadLetter(),
		newKeys(), newTenants(), newBudgets(), newPrices(),
		newExplain(), newReport(), newReconcile(), newPeriod(), newRerate(), newDashboards(),
		newReplay(), newConfig(), newVersion())...)
	strict(root)
	wrapHelp(root)
	root.Version = version
	root.SetVersionTemplate(versionLine())
	root.SetHelpCommandGroupID("tools")
	root.SetCompletionCommandGroupID("tools")
	return root
}

// strict makes a wrong number of arguments and an unknown command usage errors, for a command and all below it.
func strict(c *cobra.Command) {
	for _, sub := range c.Commands() {
		strict(sub)
	}
	if !c.Runnable() { // a group of commands
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			err := fmt.Errorf("unknown command %q", args[0])
			near := []string(nil)
			for c.SuggestionsMinimumDistance = 1; c.SuggestionsMinimumDistance <= 2 && len(near) == 0; c.SuggestionsMinimumDistance++ { // letters
				near = c.SuggestionsFor(args[0])
			}
			if len(near) > 0 {
				err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, " or "))
			}
			return &usageError{c.CommandPath(), err}
		}
		return
	}
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			if c.Use != c.Name() { // its arguments have names
				err = fmt.Errorf("%w: want %s", err, strings.TrimSuffix(c.UseLine(), " [flags]"))
			}
			return &usageError{c.CommandPath(), err}
		}
		return nil
	}
}

func grouped(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

// configLoader loads the configuration that --config names.
type configLoader func() (config.Config, error)

// configFlag adds --config and returns a function that loads it; a bad configuration is a usage error.
func configFlag(c *cobra.Command) configLoader {
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
