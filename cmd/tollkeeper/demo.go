package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/demo"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

func newDemo() *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "See the product do its main job, in about two minutes",
		Long: `Simulated apps of several tenants call a gateway with a mock model server behind it. Their calls are
priced, stored and rolled up; two tenants run away, alerts fire, the gateway throttles them, lets
them go again; at the end the model server's bill is held against the ledger, to 10⁻¹² USD.
Everything runs on free ports of this machine, in a temporary data directory.`,
		Example: `  tollkeeper demo
  tollkeeper demo --for 60s --json`,
	}
	length := c.Flags().Duration("for", demo.DefaultFor, "about how long traffic is made")
	asJSON := c.Flags().Bool("json", false, "print one JSON object at the end; exit 1 when anything is wrong")
	check := c.Flags().Bool("check", false, "print a table of checks at the end (with --json one object per row); exit 1 when one fails")
	seed := c.Flags().Uint64("seed", 1, "the same seed makes the same traffic")
	dir := c.Flags().String("data-dir", "", "keep the data here (default: a temporary directory)")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		opts := demo.Options{For: *length, JSON: *asJSON, Seed: *seed, Out: c.OutOrStdout()}
		if !*check {
			_, err := runDemo(ctx, *dir, opts, !*asJSON)
			return err
		}
		opts.Out = c.ErrOrStderr() // the display; the table is the output
		opts.JSON = false
		result, err := runDemo(ctx, *dir, opts, false)
		if result.CallsMade == 0 {
			return err // nothing ran
		}
		return errors.Join(result.WriteCheck(c.OutOrStdout(), *asJSON), err)
	})
	c.AddCommand(newDemoGateway(), newDemoTraffic())
	return c
}

// runDemo plays the demo in dir. A temporary directory stays for people who want to keep looking and where something went
// wrong, and goes otherwise.
func runDemo(ctx context.Context, dir string, opts demo.Options, keepLooking bool) (demo.Result, error) {
	none := demo.Result{}
	temporary := dir == ""
	if temporary {
		var err error
		if dir, err = os.MkdirTemp("", "tollkeeper-demo-"); err != nil {
			return none, fmt.Errorf("demo: %w", err)
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return none, fmt.Errorf("demo: %w", err)
	}
	logFile, err := os.OpenFile(filepath.Join(dir, "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return none, fmt.Errorf("demo: %w", err)
	}
	defer logFile.Close()
	log := telemetry.NewLogger(logFile, telemetry.DefaultLogConfig())
	opts.Log, opts.Getenv = log, os.Getenv
	opts.Start = func(ctx context.Context, s demo.Settings) (*demo.Product, error) {
		return startForDemo(ctx, dir, s, log)
	}

	result, err := demo.Run(ctx, opts)
	if err != nil {
		return result, fmt.Errorf("%w\nthe log is %s", err, logFile.Name())
	}
	if temporary && !keepLooking {
		return result, os.RemoveAll(dir)
	}
	if keepLooking {
		fmt.Fprintf(opts.Out, "\nKeep looking at this data:  tollkeeper up --data-dir %s\n", dir)
		if temporary {
			fmt.Fprintf(opts.Out, "Remove it when done:        rm -r %s\n", dir)
		}
	}
	return result, nil
}

// startForDemo starts the whole product on free ports with the demo's rules.
func startForDemo(ctx context.Context, dir string, s demo.Settings, log *slog.Logger) (*demo.Product, error) {
	cfg := config.Default()
	cfg.DataDir = dir
	const free = "127.0.0.1:0"
	cfg.HTTP.Listen, cfg.Kafka.Embedded.Listen, cfg.ClickHouse.Embedded.Listen, cfg.Viewer.Listen = free, free, free, free
	cfg.Collector.GRPC, cfg.Collector.HTTP = free, free
	cfg.Alerts = s.Alerts
	a, err := app.Start(ctx, app.Options{Config: cfg, Roles: app.AllRoles(), Log: log, Version: version})
	if err != nil {
		return nil, err
	}
	return &demo.Product{OTLP: a.OTLPGRPC(), ClickHouse: a.Config().ClickHouse.URL,
		Stop: func(context.Context) error { return a.Stop() }}, nil
}

func newDemoGateway() *cobra.Command {
	c := &cobra.Command{Use: "gateway", Short: "Only the demo's gateway and model server, for a set-up of several machines",
		Example: "  TOLLKEEPER_WEBHOOK_SECRET=whsec_… tollkeeper demo gateway --listen 127.0.0.1:8080"}
	listen := c.Flags().String("listen", "127.0.0.1:8080", "host:port of the gateway")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		secret, ok := os.LookupEnv("TOLLKEEPER_WEBHOOK_SECRET")
		if !ok {
			return &usageError{c.CommandPath(), fmt.Errorf("TOLLKEEPER_WEBHOOK_SECRET is not set: give the secret that the alerts role signs with")}
		}
		log := telemetry.NewLogger(c.ErrOrStderr(), telemetry.DefaultLogConfig())
		return demo.RunServers(ctx, demo.ServersOptions{GatewayAddr: *listen, Secrets: []string{secret}, Seed: uint64(time.Now().UnixNano()), Log: log})
	})
	return c
}

func newDemoTraffic() *cobra.Command {
	c := &cobra.Command{Use: "traffic", Short: "Only the demo's apps, calling a gateway and reporting to a collector",
		Example: "  tollkeeper demo traffic --gateway http://127.0.0.1:8080 --otlp 127.0.0.1:4317"}
	gateway := c.Flags().String("gateway", "http://127.0.0.1:8080", "base URL of the gateway")
	otlp := c.Flags().String("otlp", "127.0.0.1:4317", "host:port of the collector's gRPC receiver")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		log := telemetry.NewLogger(c.ErrOrStderr(), telemetry.DefaultLogConfig())
		return demo.RunTraffic(ctx, demo.TrafficOptions{Gateway: *gateway, OTLP: *otlp, Seed: uint64(time.Now().UnixNano()), Log: log})
	})
	return c
}
