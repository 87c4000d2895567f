package pricing

import (
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// ServedBy is the id of the reserved capacity that serves a tenant's calls of a model at a time, or nothing. Totals don't keep the
// service tier, so any tier that the capacity serves counts.
func (b *Book) ServedBy(tenant, provider, model, region string, at time.Time) string {
	tiers := map[string]bool{"": true}
	for _, r := range b.reserved {
		for _, t := range r.Tiers {
			tiers[t] = true
		}
	}
	found := ""
	for tier := range tiers {
		c := ledger.Call{Tenant: tenant, Provider: provider, Model: model, Region: region, ServiceTier: tier, Start: at.UnixNano()}
		if r := b.reservation(&c, when(&c)); r != nil && (found == "" || r.ID < found) {
			found = r.ID
		}
	}
	return found
}
