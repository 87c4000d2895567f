package figures

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tollkeeper/tollkeeper/internal/schedule"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Config is the section dashboards of the configuration file, apart from Grafana's.
type Config struct {
	Every      string            `yaml:"every"`                    // forecasts and chargeback: a cron expression in UTC, or @every and a duration
	EgressUSD  string            `yaml:"egress_usd_per_gb"`        // USD for 10⁹ bytes of request bodies; empty: not known
	StorageUSD map[string]string `yaml:"storage_usd_per_gb_month"` // USD a month for 10⁹ bytes, by tier: hot, warm, cold
	Tenants    int               `yaml:"metrics_tenants"`          // tenants with gauges of their own on /metrics, by this month's spend; the rest is one
}

// DefaultConfig computes every five minutes and knows no prices.
func DefaultConfig() Config { return Config{Every: "@every 5m", Tenants: 100} }

// mostTenants bounds the series on /metrics.
const mostTenants = 10_000

// Validate reports every bad value.
func (c Config) Validate() error {
	var errs []error
	if _, err := schedule.Parse(c.Every); err != nil {
		errs = append(errs, fmt.Errorf("every: %q is no schedule (%w): use @every 5m, or a cron expression like 17 * * * *", c.Every, err))
	}
	price := func(key, value string) {
		if value == "" {
			return
		}
		if s, err := ledger.ParseSum(value); err != nil || s.Sign() < 0 {
			errs = append(errs, fmt.Errorf("%s: %q is no amount in USD: write it like \"0.09\"", key, value))
		}
	}
	price("egress_usd_per_gb", c.EgressUSD)
	for tier, value := range c.StorageUSD {
		if strings.TrimSpace(tier) == "" || value == "" {
			errs = append(errs, fmt.Errorf("storage_usd_per_gb_month: %q: %q: give a tier its price, like hot: \"0.08\"", tier, value))
		}
		price("storage_usd_per_gb_month."+tier, value)
	}
	if c.Tenants < 0 || c.Tenants > mostTenants {
		errs = append(errs, fmt.Errorf("metrics_tenants: %d: want 0 to %d", c.Tenants, mostTenants))
	}
	return errors.Join(errs...)
}
