package demo

import "context"

// Settings is what the demo asks of the product: where throttles go, whom they may hit, and rules quick enough for a
// minute of watching.
type Settings struct {
	WebhookURL    string // of the gateway, plain http on the loopback
	WebhookSecret string // whsec_…
	SpikeTenant   string // opts in to being throttled by the spike rule
	BudgetTenant  string // has a budget that its runaway eats up
}

// Product is the running product.
type Product struct {
	OTLP       string // host:port of the collector's gRPC receiver
	ClickHouse string // URL with the database of the ledger
	// Stop ends the product; it is called once.
	Stop func(ctx context.Context) error
}

// StartProduct starts the product and returns when it takes spans. Whoever calls Run supplies it.
type StartProduct func(ctx context.Context, s Settings) (*Product, error)
