package pricing

import (
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Charge rates a call and sets its emitter's own cost against ours (DESIGN D6): where we have none and the emitter is trusted
// (trusted holds scope names and rule ids), it bills; where both are there, a difference above 1 % and a millionth of a dollar is
// flagged. What the emitter says is a list price, so it is left alone where reserved capacity served the call.
func (b *Book) Charge(c *ledger.Call, trusted map[string]bool) {
	b.Rate(c)
	if c.Flags&ledger.FlagHasProvided == 0 || c.Flags&ledger.FlagReserved != 0 {
		return
	}
	if c.Unpriced != "" {
		emitter, _, _ := strings.Cut(c.Emitter, "@")
		if trusted[emitter] || trusted[c.Rule] {
			c.Cost = [ledger.NumCostParts]ledger.Money{ledger.CostOther: c.ProvidedCost}
			c.Unpriced, c.PriceEntry = "", "provided"
			c.Flags |= ledger.FlagProvided
		}
		return
	}
	ours := c.TotalCost()
	diff := ours - c.ProvidedCost
	if diff < 0 {
		diff = -diff
	}
	if diff > ours/100 && diff > ledger.USD/1_000_000 {
		c.Flags |= ledger.FlagCostDiffers
	}
}

// Recharge charges a call that was charged before, by this book or by another, as if it were new. By the same book nothing
// changes. Doubts of the reader that an earlier book found to make no difference were dropped then and stay so.
func (b *Book) Recharge(c *ledger.Call, trusted map[string]bool) {
	switch {
	case c.Unpriced == ledger.UnpricedUsage || c.Unpriced == ledger.UnpricedBadUsage: // no book can price it
	case c.Flags&ledger.FlagProvided == 0 || !c.Usage.Zero():
		c.Unpriced = ""
	case c.Flags&(ledger.FlagBadCount|ledger.FlagContradiction) != 0: // billed by its emitter's cost for want of a usage
		c.Unpriced = ledger.UnpricedBadUsage
	default:
		c.Unpriced = ledger.UnpricedUsage
	}
	c.Flags &^= ledger.FlagProvided | ledger.FlagCostDiffers
	b.Charge(c, trusted)
}
