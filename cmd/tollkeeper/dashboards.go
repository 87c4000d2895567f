package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/grafana"
	"github.com/tollkeeper/tollkeeper/schema"
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
	c.AddCommand(newIsolate())
	return c
}

func newIsolate() *cobra.Command {
	c := &cobra.Command{
		Use:   "isolate [TENANT…]",
		Short: "Print the SQL that keeps tenants apart on a ClickHouse server: a database of views, a role, a user per tenant",
		Long: `Print the SQL that keeps tenants apart on a ClickHouse server: a database of views that show each
tenant its own rows, read with the rights of clickhouse.url's user; one role that may read these views
and nothing else; and a user for each tenant named. A user's password is derived from
the tenant_secret of dashboards.grafana or api, as Grafana's data sources and the API have it; only its hash is printed. Run the
SQL again after an upgrade, for new tenants, and with a new secret.`,
		Example: "  tollkeeper dashboards isolate acme globex --config toll.yaml | clickhouse-client --multiquery",
	}
	load := configFlag(c)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, tenants []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		secret := cfg.TenantSecret()
		if len(secret) < 32 && len(tenants) > 0 {
			return &usageError{c.CommandPath(), errors.New("api.tenant_secret and dashboards.grafana.tenant_secret are empty or shorter than 32 bytes: passwords are derived from it; make one with: openssl rand -hex 32")}
		}
		target, err := schema.ParseURL(cfg.DatabaseURL())
		if err != nil {
			return err
		}
		for _, statement := range schema.TenantDDL(target.Database, target.User, secret, tenants) {
			fmt.Fprintln(c.OutOrStdout(), statement+";")
		}
		return nil
	}
	return c
}
