package app

import (
	"context"
	"errors"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/config"
)

// ReleaseThrottle lifts what the configured gateway holds for the tenant and writes down who did it and why. A running
// alerts role leaves the tenant alone until what is firing now is over.
func ReleaseThrottle(ctx context.Context, cfg config.Config, tenant, author, reason string) (gateway.Ack, error) {
	if cfg.Alerts.Throttle.Gateway.URL == "" {
		return gateway.Ack{}, errors.New("alerts.throttle.gateway.url is empty: nothing throttles; give the gateway's webhook address if something does")
	}
	client, err := gateway.NewClient(cfg.Alerts.Throttle.Gateway, time.Now)
	if err != nil {
		return gateway.Ack{}, err
	}
	defer client.Close()
	return alerts.ReleaseByHand(ctx, cfg.ClickHouse.URL, client, tenant, author, reason, time.Now)
}
