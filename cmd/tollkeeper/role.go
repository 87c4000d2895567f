package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
)

var roleHelp = map[string]string{
	"collector":      "Receive OTLP, price every call, hand it to Kafka",
	"ingest":         "Write calls and spans from Kafka to ClickHouse",
	"rollup":         "Keep the totals per minute, hour and day",
	"viewer":         "Serve the pages: boards, alerts, explain a call, prices",
	"dashboards run": "Compute forecasts and chargeback for boards; keep a set of boards per tenant in Grafana",
	"api":            "Serve each tenant its own reports over HTTP (JSON), by token",
	"alerts":         "Watch budgets and spikes, notify, throttle at the gateway",
}

// newRole is a command that runs one role against servers given in the configuration or the environment.
func newRole(name string) *cobra.Command { return newRoleAs(name, name, name) }

// newRoleAs is newRole under a command of another name.
func newRoleAs(name, command, shown string) *cobra.Command {
	keys, names, example := "clickhouse.url", "\nTOLLKEEPER_CLICKHOUSE_URL", "TOLLKEEPER_CLICKHOUSE_URL=http://user:password@clickhouse:8123/tollkeeper "
	if app.OneRole(name).Kafka() {
		keys, names, example = "kafka.brokers, clickhouse.url", "\nTOLLKEEPER_KAFKA_BROKERS and TOLLKEEPER_CLICKHOUSE_URL", "TOLLKEEPER_KAFKA_BROKERS=kafka:9092 "+example
	}
	c := &cobra.Command{
		Use:     command,
		Short:   roleHelp[shown],
		Long:    roleHelp[shown] + ".\n\nServers come from the configuration (" + keys + ") or from" + names + ".",
		Example: "  " + example + "tollkeeper " + shown,
	}
	load := configFlag(c)
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return serve(ctx, c, cfg, app.OneRole(name))
	})
	return c
}
