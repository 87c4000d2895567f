package provision

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/tollkeeper/tollkeeper/internal/schedule"
)

// Config is the section dashboards.grafana of the configuration file.
type Config struct {
	URL          string `yaml:"url"`            // of Grafana, https://host/path; empty: no tenants are provisioned
	User         string `yaml:"user"`           // a Grafana server administrator: only they may create organisations
	Password     string `yaml:"password"`       // give it as ${env:NAME}
	TenantSecret string `yaml:"tenant_secret"`  // what the tenants' database passwords are derived from; the same as clickhouse.embedded.tenant_secret
	ClickHouse   string `yaml:"clickhouse_url"` // http(s)://host:port/database as Grafana reaches it; empty: as this process does
	Every        string `yaml:"every"`          // a cron expression in UTC, or @every and a duration
	OrgPrefix    string `yaml:"org_prefix"`     // an organisation's name is this and the tenant
	MaxTenants   int    `yaml:"max_tenants"`    // beyond so many nothing more is created, and an error says so
}

// DefaultConfig provisions nobody: no URL.
func DefaultConfig() Config {
	return Config{User: "admin", Every: "@every 1m", OrgPrefix: "Tollkeeper ", MaxTenants: 1000}
}

// shortestSecret is the least length of the secret, in bytes.
const shortestSecret = 32

// Validate reports every bad value. No message holds a secret.
func (c Config) Validate() error {
	if c.URL == "" {
		return nil
	}
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	web := func(key, value string) {
		u, err := url.Parse(value)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			add("%s: not a URL like http://127.0.0.1:3000", key)
		case u.User != nil:
			add("%s: holds a user or password; they have keys of their own", key)
		}
	}
	web("url", c.URL)
	if c.ClickHouse != "" {
		web("clickhouse_url", c.ClickHouse)
	}
	if c.User == "" || c.Password == "" {
		add("user, password: Grafana's server administrator is needed to create organisations; give the password as ${env:NAME}")
	}
	if len(c.TenantSecret) < shortestSecret {
		add("tenant_secret: shorter than %d bytes; make one with: openssl rand -hex 32", shortestSecret)
	}
	if _, err := schedule.Parse(c.Every); err != nil {
		add("every: %q is no schedule (%w): use @every 1m, or a cron expression like */5 * * * *", c.Every, err)
	}
	if c.MaxTenants < 1 {
		add("max_tenants: %d: want at least 1", c.MaxTenants)
	}
	return errors.Join(errs...)
}
