package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/gateway/keeper"
	"github.com/tollkeeper/tollkeeper/gateway/litellm"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

func newKeeper() *cobra.Command {
	c := &cobra.Command{
		Use:   "keeper",
		Short: "Give leases to a LiteLLM proxy: receive throttles, set limits, restore them",
		Long: `Stands beside a LiteLLM proxy and receives Tollkeeper's signed throttle commands for it. Limits are set through
the proxy's admin API, read back, and restored at the end of the lease, whoever is alive. What to restore is
kept in a file: a keeper that was killed goes on when it is started again.
Takes TOLLKEEPER_WEBHOOK_SECRET (several with commas between them) and LITELLM_ADMIN_KEY.`,
		Example: "  tollkeeper keeper --url http://127.0.0.1:4000 --allow 127.0.0.0/8 --file leases.json --team acme=9f0c…",
	}
	listen := c.Flags().String("listen", "127.0.0.1:8787", "host:port for commands: alerts.throttle.gateway.url is http://host:port/")
	file := c.Flags().String("file", "leases.json", "where leases are kept")
	base := c.Flags().String("url", "http://127.0.0.1:4000", "base URL of the proxy")
	allow := c.Flags().StringSlice("allow", nil, "networks that aren't public and may be called, like 127.0.0.0/8")
	teams := c.Flags().StringToString("team", nil, "tenant=team id; a tenant that isn't named is its own team id")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		secrets, key := os.Getenv("TOLLKEEPER_WEBHOOK_SECRET"), os.Getenv("LITELLM_ADMIN_KEY")
		if secrets == "" {
			return &usageError{c.CommandPath(), errors.New("TOLLKEEPER_WEBHOOK_SECRET is not set: give the secret that the alerts role signs with")}
		}
		log := telemetry.NewLogger(c.ErrOrStderr(), telemetry.DefaultLogConfig())
		proxy, err := litellm.New(litellm.Config{URL: *base, Key: key, Teams: *teams, AllowNetworks: *allow})
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		defer proxy.Close()
		k, err := keeper.New(proxy, keeper.Options{File: *file, Log: log})
		if err != nil {
			return err
		}
		hook, err := gateway.NewWebhook(k, strings.Split(secrets, ","), time.Now)
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		at, err := net.Listen("tcp", *listen)
		if err != nil {
			return fmt.Errorf("%w; give another address with --listen", err)
		}
		log.Info("keeper takes commands", "address", at.Addr().String(), "proxy", *base)
		server := &http.Server{Handler: hook, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(at) }()
		err = k.Run(ctx)
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, server.Shutdown(stop))
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return c
}
