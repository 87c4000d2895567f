package demo

import (
	"context"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// Settings is what the demo asks of the product.
type Settings struct {
	Alerts alerts.Config // the demo's rules, and the gateway that throttles go to; the ClickHouse URL is the product's
}

// Product is the running product.
type Product struct {
	OTLP       string // host:port of the collector's gRPC receiver
	ClickHouse string // URL with the database of the ledger
	// Stop drains and ends the product; it is called once. ctx bounds it.
	Stop func(ctx context.Context) error
}

// StartProduct starts the product and returns when it takes spans. Whoever calls Run supplies it.
type StartProduct func(ctx context.Context, s Settings) (*Product, error)
