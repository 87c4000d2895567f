package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/grafana"
)

func newDashboards() *cobra.Command {
	c := &cobra.Command{Use: "dashboards", Short: "Grafana dashboards as files, and per tenant; forecasts and chargeback for boards"}
	c.AddCommand(&cobra.Command{
		Use:     "export DIR",
		Short:   "Write a folder for Grafana's file provisioning: data source, provider, dashboards",
		Example: "  tollkeeper dashboards export /etc/grafana/provisioning",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			files, err := grafana.Export(args[0])
			for _, f := range files {
				fmt.Fprintln(c.OutOrStdout(), f)
			}
			return err
		},
	})
	c.AddCommand(newRoleAs("dashboards", "run", "dashboards run"))
	return c
}
