package api

import (
	"errors"
	"fmt"
	"net"
)

// Config is where the API listens and for whom.
type Config struct {
	Listen   string `yaml:"listen"`    // host:port
	KeysFile string `yaml:"keys_file"` // tokens by tenant, as `tollkeeper keys create` makes them; empty: no API
	// TenantSecret is what the passwords of the tenants' database users are derived from; empty: dashboards.grafana.tenant_secret,
	// or, on the embedded engine, one of this process's own. Give it as ${env:NAME}.
	TenantSecret string  `yaml:"tenant_secret"`
	PerSecond    float64 `yaml:"per_second"` // requests of one token
	Burst        int     `yaml:"burst"`
}

// shortestSecret is the least length of the secret, in bytes.
const shortestSecret = 32

// DefaultConfig listens on loopback and serves nobody.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8481", PerSecond: 5, Burst: 20} }

// Enabled says whether there is anybody to serve.
func (c Config) Enabled() bool { return c.KeysFile != "" }

// Validate reports every bad value.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var problems []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		problems = append(problems, fmt.Errorf("listen %q: want host:port, for example 127.0.0.1:8481", c.Listen))
	}
	if c.TenantSecret != "" && len(c.TenantSecret) < shortestSecret {
		problems = append(problems, fmt.Errorf("tenant_secret: shorter than %d bytes; make one with: openssl rand -hex 32", shortestSecret))
	}
	if c.PerSecond <= 0 || c.Burst < 1 {
		problems = append(problems, fmt.Errorf("per_second %g, burst %d: want more than nothing", c.PerSecond, c.Burst))
	}
	return errors.Join(problems...)
}
