package llmcost

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
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

	// SettleClients says which calls that clients report are candidates of settlement: those in places where this collector has
	// seen a gateway or a framework (SettleLearned), or all (SettleAlways).
	SettleClients string `mapstructure:"settle_clients" yaml:"settle_clients"`
}

// The words of SettleClients.
const (
	SettleLearned = "learned"
	SettleAlways  = "always"
)

// TenantConfig says where the tenant is found. An authenticated identity always wins over all of it, unless its key may
// claim (a gateway's): then the claims of that sender count, and the key's own tenant where it makes none.
type TenantConfig struct {
	// Order of the sources, the first that names a tenant wins: header, resource, span, mapping.
	Order []string `mapstructure:"order" yaml:"order"`

	// HeaderKeys are request headers, tried in order; the receivers must pass them on (include_metadata).
	HeaderKeys []string `mapstructure:"header_keys" yaml:"header_keys"`

	// Mapping translates what a gateway knows (a team, a virtual key, a key's hash) to tenants; the first that fits wins.
	Mapping []Mapping `mapstructure:"mapping" yaml:"mapping"`

	// ResourceKeys and SpanKeys are attributes, tried in order; "metadata#team" is a field of one that holds an object, as JSON or not.
	ResourceKeys []string `mapstructure:"resource_keys" yaml:"resource_keys"`
	SpanKeys     []string `mapstructure:"span_keys" yaml:"span_keys"`

	// Default is the tenant where no source names one; empty = unattributed.
	Default string `mapstructure:"default" yaml:"default"`

	// RequireAuth ignores what senders without a key claim: their tenant is the default.
	RequireAuth bool `mapstructure:"require_auth" yaml:"require_auth"`
}

// Mapping maps the values of one attribute, of the span or else of the resource, to tenants. A value counts only if it is
// equal to the last byte.
type Mapping struct {
	Attribute string            `mapstructure:"attribute" yaml:"attribute"`
	Tenants   map[string]string `mapstructure:"tenants" yaml:"tenants"`
}

// sources in the words of the configuration.
var sources = []string{"header", "resource", "span", "mapping"}

// DefaultConfig returns the configuration that is used without one.
func DefaultConfig() *Config {
	return &Config{PriceReload: 5 * time.Second, SettleClients: SettleLearned, Tenant: TenantConfig{
		Order:        []string{"resource", "span"},
		HeaderKeys:   []string{"x-tenant-id"},
		ResourceKeys: []string{"tenant.id", "tenant"},
		SpanKeys:     []string{"tenant.id", "tenant"},
	}}
}

// Validate reports every fault at once.
func (c *Config) Validate() error {
	var faults []error
	faults = append(faults, c.Tenant.validate()...)
	for _, f := range c.PriceFiles {
		if _, err := os.Stat(f); err != nil {
			faults = append(faults, fmt.Errorf("price_files: %w; name a file that exists", err))
		}
	}
	if c.PriceReload != 0 && c.PriceReload < 100*time.Millisecond {
		faults = append(faults, fmt.Errorf("price_reload: %s is less than 100ms; use 5s, or 0 to read the files at start only", c.PriceReload))
	}
	if c.SettleClients != SettleLearned && c.SettleClients != SettleAlways {
		faults = append(faults, fmt.Errorf("settle_clients: %q is unknown; use %s or %s", c.SettleClients, SettleLearned, SettleAlways))
	}
	if slices.Contains(c.TrustCostOf, "") {
		faults = append(faults, errors.New("trust_cost_of: an emitter is empty; remove it"))
	}
	return errors.Join(faults...)
}

func (t *TenantConfig) validate() (faults []error) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf("tenant."+format, args...)) }
	seen := map[string]bool{}
	for _, s := range t.Order {
		if !slices.Contains(sources, s) {
			bad("order: %q is not a source; use %s", s, strings.Join(sources, ", "))
		}
		if seen[s] {
			bad("order: %q is there twice; name it once", s)
		}
		seen[s] = true
	}
	for key, keys := range map[string][]string{"header_keys": t.HeaderKeys, "resource_keys": t.ResourceKeys, "span_keys": t.SpanKeys} {
		if slices.Contains(keys, "") {
			bad("%s: a key is empty; remove it", key)
		}
		for _, k := range keys {
			if key != "header_keys" && halfKey(k) {
				bad("%s: %q names no attribute or no field of it; write attribute#field", key, k)
			}
		}
	}
	if n := len(t.Default); n > maxTenant {
		bad("default: %d bytes long; use at most %d", n, maxTenant)
	}
	for i, m := range t.Mapping {
		if m.Attribute == "" || halfKey(m.Attribute) || len(m.Tenants) == 0 {
			bad("mapping[%d]: wants an attribute (or attribute#field) and the tenants of its values", i)
		}
		for value, name := range m.Tenants {
			if value == "" || cleanTenant(name) != name || name == "" {
				bad("mapping[%d]: %q to %q: both must be there, the tenant without invisible characters and at most %d bytes long", i, value, name, maxTenant)
			}
		}
	}
	if len(t.Mapping) > 0 != seen["mapping"] {
		bad("mapping, order: mapping counts where tenant.order holds it; write both or neither")
	}
	return faults
}

// halfKey says that of attribute#field a half is missing.
func halfKey(written string) bool {
	k := tenantKeyOf(written)
	return strings.Contains(written, fieldMark) && (k.attribute == "" || k.field == "")
}
