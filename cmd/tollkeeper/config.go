package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/config"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check or print the configuration"}
	check := &cobra.Command{
		Use:     "check",
		Short:   "Say everything that is wrong with a configuration, at once",
		Example: "  tollkeeper config check --config tollkeeper.yaml",
	}
	load := configFlag(check)
	check.RunE = func(c *cobra.Command, _ []string) error {
		if _, err := load(); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), "the configuration is good")
		return nil
	}
	defaults := &cobra.Command{
		Use:   "defaults",
		Short: "Print the whole configuration with its default values",
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := config.DefaultsYAML()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	c.AddCommand(check, defaults)
	return c
}
