package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
	"github.com/tollkeeper/tollkeeper/dashboards/report/api"
	"github.com/tollkeeper/tollkeeper/schema"
)

// keysReload is how often the API's keys file is looked at.
const keysReload = 5 * time.Second

type apiKeys struct{ *tenantauth.Keyring }

func (k apiKeys) Find(token string, now time.Time) (tenant, id string, ok bool) {
	key, ok := k.Keyring.Find(token, now)
	return key.Tenant, key.ID, ok
}

func (a *App) startAPI(ctx context.Context) error {
	cfg := a.cfg.API
	switch {
	case !cfg.Enabled():
		return errors.New("api.keys_file: empty, so that there is nobody to serve: make it with `tollkeeper keys create TENANT --file FILE`")
	case a.cfg.TenantSecret() == "":
		return errors.New("api.tenant_secret: empty; on a server of your own the API asks as each tenant's own user, whose password is derived from it (tollkeeper dashboards isolate makes the users; docs/api.md)")
	}
	keys, err := tenantauth.OpenKeyring(cfg.KeysFile)
	if err != nil {
		return err
	}
	target, err := schema.ParseURL(a.cfg.ClickHouse.URL)
	if err != nil {
		return err
	}
	secret := a.cfg.TenantSecret()
	log := a.opts.Log.With("role", "api")
	s, err := api.New(cfg, api.Deps{Log: log, Metrics: a.Registry, Keys: apiKeys{keys}, Open: func(tenant string) (driver.Conn, error) { return target.OpenTenant(tenant, secret) }})
	if err != nil {
		return err
	}
	a.api = s.Addr()
	return a.run(ctx, "api", func(ctx context.Context) error {
		watching, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { defer close(done); watchKeys(watching, keys, log) }()
		defer func() { stop(); <-done }()
		return s.Run(ctx)
	}, s.Ready)
}

func watchKeys(ctx context.Context, keys *tenantauth.Keyring, log *slog.Logger) {
	tick := time.NewTicker(keysReload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch changed, err := keys.Look(); {
		case err != nil:
			log.Error("the API's keys file was not taken: the keys are as before, revoked ones since then included", "error", err)
		case changed:
			log.Info("the API's keys file was taken")
		}
	}
}
