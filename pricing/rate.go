package pricing

import (
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// partOf says to which share of the cost a bucket belongs.
var partOf = [ledger.NumBuckets]ledger.CostPart{
	ledger.FreshInput: ledger.CostInput, ledger.AudioInput: ledger.CostInput, ledger.ImageInput: ledger.CostInput,
	ledger.CacheRead: ledger.CostCacheRead, ledger.CacheWrite5m: ledger.CostCacheWrite,
	ledger.CacheWrite1h: ledger.CostCacheWrite, ledger.TextOutput: ledger.CostOutput,
	ledger.AudioOutput: ledger.CostOutput, ledger.Reasoning: ledger.CostReasoning,
}

// tierOf maps what providers call a service tier to the book's word for it. A word that isn't here is looked up as it is.
func tierOf(c *ledger.Call) string {
	switch c.ServiceTier {
	case "", "default", "auto", "standard", "standard_only", "on_demand", "on-demand":
		if c.Kind == "batch" {
			return "batch"
		}
		return Standard
	}
	return c.ServiceTier
}

// Rate prices the call's usage at its start: it fills the cost parts, what discounts, caches and tiers saved, the price
// version and entry, or the reason why it can't. A call that reserved capacity served costs nothing by itself and is flagged. A call that the reader already found unreadable, and a refused call (failed,
// without usage, and not found to lack it), which costs nothing, are left at zero.
func (b *Book) Rate(c *ledger.Call) {
	c.Cost = [ledger.NumCostParts]ledger.Money{}
	c.ListDelta, c.CacheSaved, c.TierSaved = 0, 0, 0
	c.PriceVersion, c.PriceEntry = b.version, ""
	c.Flags &^= ledger.FlagModelGuessed | ledger.FlagReserved
	if c.Unpriced != "" || (c.ErrorClass != "" && c.Usage.Zero()) {
		return
	}
	if c.Model == "" && c.RequestModel == "" {
		c.Unpriced = ledger.UnpricedNoModel
		return
	}
	if r := b.reservation(c, when(c)); r != nil {
		b.rateReserved(c, r)
		return
	}
	e, list, asked := b.entryFor(c)
	if e == nil {
		c.Unpriced = ledger.UnpricedModel
		return
	}
	if b.searchesUncounted(c, e) {
		c.Flags |= ledger.FlagEstimated
	}
	tier, input := tierOf(c), c.Usage.Input()
	t := e.Table(tier, input)
	if t == nil {
		c.Unpriced = ledger.UnpricedTier
		return
	}
	if _, missing := t.uncounted(c); missing {
		c.Unpriced = ledger.UnpricedUnits
		return
	}
	cost, total, reason := costOf(t, &c.Usage)
	if reason != "" {
		c.Unpriced = reason
		return
	}
	if c.Flags&ledger.FlagTierUnknown != 0 && tier != Standard {
		// The tier was asked for, which doesn't mean that it answered: the lower of the two is certain.
		st := e.Table(Standard, input)
		if scost, stotal, sreason := costOf(st, &c.Usage); sreason == "" && stotal < total {
			tier, t, cost, total = Standard, st, scost, stotal
		}
	}
	c.Cost, c.PriceEntry = cost, t.ID
	if untold := c.Flags & ledger.FlagsUntold; untold != 0 {
		c.Flags &^= untold &^ e.matters(c, t)
	}
	if asked && !b.sameModel(c) {
		c.Flags |= ledger.FlagModelGuessed
	}
	c.CacheSaved = cacheSaved(t, &c.Usage)
	if tier != Standard {
		c.TierSaved = difference(e.Table(Standard, input), &c.Usage, total)
	}
	if list != nil {
		c.ListDelta = difference(list.Table(tier, input), &c.Usage, total)
	}
}

// when is the time whose prices hold: the call's start, or its receipt where the start isn't believable.
func when(c *ledger.Call) int64 {
	if c.Flags&ledger.FlagStartOutside != 0 {
		return c.Received
	}
	return c.Start
}

// entryFor looks for the model that answered, then for the one that was asked for (a deployment's or a profile's name may
// be known only in one of them). asked says that it was found by the latter alone.
func (b *Book) entryFor(c *ledger.Call) (e, list *Entry, asked bool) {
	at := when(c)
	if s := b.find(c.Provider, c.Model); s != nil {
		if e, list = s.find(c.Tenant, at); e != nil {
			return e, list, false
		}
	}
	if c.RequestModel != "" && c.RequestModel != c.Model {
		if s := b.find(c.Provider, c.RequestModel); s != nil {
			e, list = s.find(c.Tenant, at)
			return e, list, true
		}
	}
	return nil, nil, false
}

// someDates are dates that providers put behind a model's name, beside those that the book's naming has.
var someDates = []string{"-YYYY-MM-DD", "-YYYYMMDD", "@YYYYMMDD", "-MMDD"}

// sameModel reports whether the names of the model that answered and of the one that was asked for differ by no more than how
// the provider writes names, and a date.
func (b *Book) sameModel(c *ledger.Call) bool {
	n := b.naming[b.providers[strings.ToLower(c.Provider)]]
	answered, asked := n.bare(strings.ToLower(c.Model)), n.bare(strings.ToLower(c.RequestModel))
	if answered == asked {
		return true
	}
	for _, dates := range [...][]string{n.dates, someDates} {
		for _, d := range dates {
			if rest, ok := cutDate(answered, d); ok && rest == asked {
				return true
			}
		}
	}
	return false
}

// costOf prices every bucket and unit that was used. reason is empty, no_bucket_price or overflow.
func costOf(t *Table, u *ledger.Usage) (cost [ledger.NumCostParts]ledger.Money, total ledger.Money, reason string) {
	for i, n := range &u.Tokens {
		if n == 0 {
			continue
		}
		if t.tokens&(1<<i) == 0 {
			return cost, 0, ledger.UnpricedBucket
		}
		if !addAmount(&cost[partOf[i]], &total, t.Tokens[i], n) {
			return cost, 0, ledger.UnpricedOverflow
		}
	}
	for i, n := range t.counted(u) {
		if n == 0 {
			continue
		}
		if t.units&(1<<i) == 0 {
			return cost, 0, ledger.UnpricedBucket
		}
		if !addAmount(&cost[ledger.CostOther], &total, t.Units[i], n) {
			return cost, 0, ledger.UnpricedOverflow
		}
	}
	return cost, total, ""
}

// counted are the units that a usage is charged for: a price per request is charged once where nobody counted requests, since a
// call is one. Failed calls without usage don't get here.
func (t *Table) counted(u *ledger.Usage) [ledger.NumUnits]int64 {
	units := u.Units
	if t.HasUnit(ledger.UnitRequest) && units[ledger.UnitRequest] == 0 {
		units[ledger.UnitRequest] = 1
	}
	return units
}

// uncounted is the unit by which the table bills answers and which nobody counted: images, time or pages, where it has no price
// for output tokens. What such a call costs isn't known, whatever else was counted. Embeddings have no answer.
func (t *Table) uncounted(c *ledger.Call) (unit ledger.Unit, missing bool) {
	if t.Has(ledger.TextOutput) || t.Has(ledger.AudioOutput) || c.Operation == "embeddings" {
		return 0, false
	}
	for _, u := range [...]ledger.Unit{ledger.UnitPage, ledger.UnitMilli, ledger.UnitImage} {
		switch {
		case t.HasUnit(u) && c.Usage.Units[u] > 0:
			return 0, false
		case t.HasUnit(u):
			unit, missing = u, true
		}
	}
	return unit, missing
}

// addAmount adds count × price to a part and to the total; false when the total leaves the range of Money.
func addAmount(part, total *ledger.Money, p Price, count int64) bool {
	m, ok := p.Amount(count)
	if !ok || m > ledger.MaxMoney-*total {
		return false
	}
	*part += m
	*total += m
	return true
}

// cacheSaved is what the cached tokens would have cost as fresh input, minus what they cost.
func cacheSaved(t *Table, u *ledger.Usage) ledger.Money {
	var saved ledger.Money
	for _, b := range [...]ledger.Bucket{ledger.CacheRead, ledger.CacheWrite5m, ledger.CacheWrite1h} {
		n := u.Tokens[b]
		if n == 0 {
			continue
		}
		fresh, ok := t.Tokens[ledger.FreshInput].Amount(n)
		paid, _ := t.Tokens[b].Amount(n)
		if !ok || !t.Has(ledger.FreshInput) {
			return 0
		}
		saved += fresh - paid
	}
	if saved > ledger.MaxMoney {
		return 0
	}
	return saved
}

// difference is the cost by another table minus what was paid; zero when the other table can't price the usage.
func difference(other *Table, u *ledger.Usage, paid ledger.Money) ledger.Money {
	if other == nil {
		return 0
	}
	_, total, reason := costOf(other, u)
	if reason != "" {
		return 0
	}
	return total - paid
}
