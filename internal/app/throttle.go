package app

import (
	"context"
	"errors"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/config"
)

// ErrNoGateway is a configuration that names no gateway.
var ErrNoGateway = errors.New("alerts.throttle.gateway.url is empty: nothing throttles; give the gateway's webhook address if something does")

// ByHand gives a person's acts on throttles what they need: the configured gateway and the database.
func ByHand(cfg config.Config, author, reason string) (hand *alerts.Hand, done func(), err error) {
	if cfg.Alerts.Throttle.Gateway.URL == "" {
		return nil, nil, ErrNoGateway
	}
	client, err := gateway.NewClient(cfg.Alerts.Throttle.Gateway, time.Now)
	if err != nil {
		return nil, nil, err
	}
	return &alerts.Hand{ClickHouse: cfg.DatabaseURL(), Gateway: client, Author: author, Reason: reason, Now: time.Now}, client.Close, nil
}

// Throttles lists what was throttled since, and what is frozen.
func Throttles(ctx context.Context, cfg config.Config, since time.Time) ([]alerts.Life, []alerts.Freeze, error) {
	return alerts.Lives(ctx, cfg.DatabaseURL(), since, time.Now())
}

// ReleaseThrottle lifts what the gateway holds for the tenant and its parts.
func ReleaseThrottle(ctx context.Context, cfg config.Config, tenant, author, reason string) (gateway.Ack, error) {
	hand, done, err := ByHand(cfg, author, reason)
	if err != nil {
		return gateway.Ack{}, err
	}
	defer done()
	return hand.Release(ctx, gateway.Tenant(tenant))
}
