package pricing

import "github.com/tollkeeper/tollkeeper/ledger"

// AtLeast is the least that a rated call can have cost, given what its emitter left out (ledger.FlagsUntold): cached tokens
// that it didn't tell may have been all of the input, a tier that it didn't tell may have been the cheapest, a model that the
// book doesn't know may have any price. Without such a flag it is the cost; for a call without a price it is zero.
func (b *Book) AtLeast(c *ledger.Call) ledger.Money {
	total := c.TotalCost()
	if c.Unpriced != "" || c.Flags&ledger.FlagsUntold == 0 {
		return total
	}
	if c.Flags&ledger.FlagModelGuessed != 0 {
		return 0
	}
	e, _, _ := b.entryFor(c)
	if e == nil {
		return total
	}
	u, input := c.Usage, c.Usage.Input()
	if c.Flags&ledger.FlagEstimated != 0 {
		// The first event's count was added to the last one's, which is no smaller.
		u.Tokens[ledger.TextOutput] = (u.Tokens[ledger.TextOutput] + 1) / 2
	}
	consider := func(t *Table) {
		if t == nil {
			return
		}
		least := *t
		if c.Flags&ledger.FlagCacheUnknown != 0 && t.Has(ledger.CacheRead) {
			fresh, _ := t.Tokens[ledger.FreshInput].Amount(u.Tokens[ledger.FreshInput])
			if read, ok := t.Tokens[ledger.CacheRead].Amount(u.Tokens[ledger.FreshInput]); ok && read < fresh {
				least.set(ledger.FreshInput, t.Tokens[ledger.CacheRead])
			}
		}
		if _, sum, reason := costOf(&least, &u); reason == "" {
			total = min(total, sum)
		}
	}
	if c.Flags&ledger.FlagTierUnknown == 0 {
		consider(e.Table(tierOf(c), input))
		return total
	}
	consider(e.Table(Standard, input))
	for tier := range e.tiers {
		if tier != "batch" {
			consider(e.Table(tier, input))
		}
	}
	return total
}
