package app

import (
	"context"
	"fmt"

	"github.com/tollkeeper/tollkeeper/dashboards/viewer"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func (a *App) startViewer(ctx context.Context) error {
	deps := viewer.Deps{
		ClickHouse: a.cfg.ClickHouse.URL, Log: a.opts.Log.With("role", "viewer"), Version: a.opts.Version,
		OTLPGRPC: a.otlpGRPC, OTLPHTTP: a.otlpHTTP,
		Book: func() (*pricing.Book, error) { return pricing.Load(a.cfg.Collector.LLMCost.PriceFiles...) },
	}
	if a.cfg.Alerts.Throttle.Gateway.URL != "" {
		deps.Release = a.releaseForViewer
	}
	v, err := viewer.New(a.cfg.Viewer, deps)
	if err != nil {
		return err
	}
	a.viewer = v.Addr()
	return a.run(ctx, "viewer", v.Run, v.Ready)
}

func (a *App) releaseForViewer(ctx context.Context, tenant, author, reason string) (string, error) {
	ack, err := ReleaseThrottle(ctx, a.cfg, tenant, author, reason)
	if err != nil {
		return "", err
	}
	if ack.State.Sequence == 0 {
		return "the gateway took the release and doesn't tell what it holds; see that the tenant's calls are answered", nil
	}
	return fmt.Sprintf("the gateway holds sequence %d, level %s", ack.State.Sequence, ack.State.Level), nil
}
