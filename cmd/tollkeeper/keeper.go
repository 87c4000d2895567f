package main

import (
	"cmp"
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
	"github.com/tollkeeper/tollkeeper/gateway/bifrost"
	"github.com/tollkeeper/tollkeeper/gateway/keeper"
	"github.com/tollkeeper/tollkeeper/gateway/litellm"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

func newKeeper() *cobra.Command {
	c := &cobra.Command{
		Use:   "keeper",
		Short: "Give leases to a LiteLLM proxy or a Bifrost gateway: receive throttles, set limits, restore them",
		Long: `Stands beside a LiteLLM proxy or a Bifrost gateway and receives Tollkeeper's signed throttle commands for it.
Limits are set through its admin API, read back, and restored at the end of the lease, whoever is alive. What to
restore is kept in a file: a keeper that was killed goes on when it is started again.
Takes TOLLKEEPER_WEBHOOK_SECRET (several with commas between them), and LITELLM_ADMIN_KEY or, where Bifrost
asks its admin for a password, BIFROST_ADMIN_USER and BIFROST_ADMIN_PASSWORD.`,
		Example: `  tollkeeper keeper --url http://127.0.0.1:4000 --allow 127.0.0.0/8 --file leases.json --team acme=9f0c…
  tollkeeper keeper --of bifrost --url http://127.0.0.1:8080 --allow 127.0.0.0/8`,
	}
	listen := c.Flags().String("listen", "127.0.0.1:8787", "host:port for commands: alerts.throttle.gateway.url is http://host:port/")
	file := c.Flags().String("file", "leases.json", "where leases are kept")
	of := c.Flags().String("of", "litellm", "what it stands beside: litellm or bifrost")
	base := c.Flags().String("url", "", "base URL of the proxy (http://127.0.0.1:4000 of LiteLLM, http://127.0.0.1:8080 of Bifrost)")
	allow := c.Flags().StringSlice("allow", nil, "networks that aren't public and may be called, like 127.0.0.0/8")
	teams := c.Flags().StringToString("team", nil, "tenant=team id; a tenant that isn't named is its own team id")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		secrets := os.Getenv("TOLLKEEPER_WEBHOOK_SECRET")
		if secrets == "" {
			return &usageError{c.CommandPath(), errors.New("TOLLKEEPER_WEBHOOK_SECRET is not set: give the secret that the alerts role signs with")}
		}
		log := telemetry.NewLogger(c.ErrOrStderr(), telemetry.DefaultLogConfig())
		proxy, err := backend(*of, *base, *teams, *allow)
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
		log.Info("keeper takes commands", "address", at.Addr().String(), "of", *of)
		return serveCommands(ctx, at, hook, k.Run)
	})
	return c
}

// serveCommands serves the hook and runs what keeps the leases until ctx ends or either of them does.
func serveCommands(ctx context.Context, at net.Listener, hook http.Handler, keep func(context.Context) error) error {
	server := &http.Server{Handler: hook, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
	running, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() {
		defer end() // a keeper that can't be told anything is none
		ended <- server.Serve(at)
	}()
	err := keep(running)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(stop))
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// proxy is what a keeper stands beside.
type proxy interface {
	keeper.Backend
	Close()
}

func backend(of, base string, teams map[string]string, allow []string) (proxy, error) {
	switch of {
	case "litellm":
		return litellm.New(litellm.Config{URL: cmp.Or(base, "http://127.0.0.1:4000"), Key: os.Getenv("LITELLM_ADMIN_KEY"), Teams: teams, AllowNetworks: allow})
	case "bifrost":
		return bifrost.New(bifrost.Config{URL: cmp.Or(base, "http://127.0.0.1:8080"), User: os.Getenv("BIFROST_ADMIN_USER"), Password: os.Getenv("BIFROST_ADMIN_PASSWORD"),
			Teams: teams, AllowNetworks: allow})
	}
	return nil, fmt.Errorf("--of %q: want litellm or bifrost", of)
}
