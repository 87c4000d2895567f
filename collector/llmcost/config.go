package llmcost

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Config of the processor.
type Config struct {
	Tenant TenantConfig `mapstructure:"tenant" yaml:"tenant"`

	// PriceFiles are laid over the built-in prices, in order.
	PriceFiles []string `mapstructure:"price_files" yaml:"price_files"`

	// PriceReload is how often PriceFiles are read again; 0 reads them at start only.
	PriceReload time.Duration `mapstructure:"price_reload" yaml:"price_reload"`

	// TrustCostOf names emitters (scope names or rule ids) whose own cost bills a call that the price book can't price.
	TrustCostOf []string `mapstructure:"trust_cost_of" yaml:"trust_cost_of"`
}

// TenantConfig says where the tenant is found. An authenticated identity always wins over all of it.
type TenantConfig struct {
	// Order of the sources, the first that names a tenant wins: resource, span.
	Order []string `mapstructure:"order" yaml:"order"`

	// ResourceKeys and SpanKeys are tried in order.
	ResourceKeys []string `mapstructure:"resource_keys" yaml:"resource_keys"`
	SpanKeys     []string `mapstructure:"span_keys" yaml:"span_keys"`

	// Default is the tenant where no source names one; empty = unattributed.
	Default string `mapstructure:"default" yaml:"default"`

	// RequireAuth ignores what senders claim: without an authenticated identity the tenant is the default. The distribution
	// has no authenticator yet, so its configuration refuses this.
	RequireAuth bool `mapstructure:"require_auth" yaml:"require_auth"`
}

// DefaultConfig returns the configuration that is used without one.
func DefaultConfig() *Config {
	return &Config{PriceReload: 5 * time.Second, Tenant: TenantConfig{
		Order:        []string{"resource", "span"},
		ResourceKeys: []string{"tenant.id", "tenant"},
		SpanKeys:     []string{"tenant.id", "tenant"},
	}}
}

// Validate reports every fault at once.
func (c *Config) Validate() error {
	var faults []error
	seen := map[string]bool{}
	for _, s := range c.Tenant.Order {
		if s != "resource" && s != "span" {
			faults = append(faults, fmt.Errorf("tenant.order: %q is not a source; use resource and span", s))
		}
		if seen[s] {
			faults = append(faults, fmt.Errorf("tenant.order: %q is there twice; name it once", s))
		}
		seen[s] = true
	}
	if slices.Contains(c.Tenant.ResourceKeys, "") {
		faults = append(faults, errors.New("tenant.resource_keys: a key is empty; remove it"))
	}
	if slices.Contains(c.Tenant.SpanKeys, "") {
		faults = append(faults, errors.New("tenant.span_keys: a key is empty; remove it"))
	}
	if n := len(c.Tenant.Default); n > maxTenant {
		faults = append(faults, fmt.Errorf("tenant.default: %d bytes long; use at most %d", n, maxTenant))
	}
	for _, f := range c.PriceFiles {
		if _, err := os.Stat(f); err != nil {
			faults = append(faults, fmt.Errorf("price_files: %w; name a file that exists", err))
		}
	}
	if c.PriceReload != 0 && c.PriceReload < 100*time.Millisecond {
		faults = append(faults, fmt.Errorf("price_reload: %s is less than 100ms; use 5s, or 0 to read the files at start only", c.PriceReload))
	}
	if slices.Contains(c.TrustCostOf, "") {
		faults = append(faults, errors.New("trust_cost_of: an emitter is empty; remove it"))
	}
	return errors.Join(faults...)
}
