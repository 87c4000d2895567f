package llmcost

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// The attributes that are set; README.md says what they mean.
const (
	TagTenant       = ledger.AttrPrefix + "tenant"
	TagTenantSource = ledger.AttrPrefix + "tenant_source"
	TagCostUSD      = ledger.AttrPrefix + "cost.usd"
	TagCost         = ledger.AttrPrefix + "cost"
	TagCurrency     = ledger.AttrPrefix + "currency"
	TagUsagePrefix  = ledger.AttrPrefix + "usage."
	TagPriceVersion = ledger.AttrPrefix + "price.version"
	TagPriceEntry   = ledger.AttrPrefix + "price.entry"
	TagModel        = ledger.AttrPrefix + "model"
	TagAgent        = ledger.AttrPrefix + "agent"
	TagRule         = ledger.AttrPrefix + "rule"
	TagUnpriced     = ledger.AttrPrefix + "unpriced"
	TagFlags        = ledger.AttrPrefix + "flags"
)

var usageTags = func() (tags [ledger.NumBuckets]string) {
	for i := range tags {
		tags[i] = TagUsagePrefix + ledger.Bucket(i).String()
	}
	return tags
}()

var unitTags = func() (tags [ledger.NumUnits]string) {
	for i := range tags {
		tags[i] = TagUsagePrefix + ledger.Unit(i).String()
	}
	return tags
}()

// maxFlagTexts bounds the combinations of flags whose text is kept.
const maxFlagTexts = 1024

// flagText is f.String(), remembered: few combinations occur.
func (w *worker) flagText(f ledger.Flags) string {
	if f == w.lastFlags && f != 0 {
		return w.lastText
	}
	s, ok := w.flagTexts[f]
	if !ok {
		s = f.String()
		if len(w.flagTexts) < maxFlagTexts {
			w.flagTexts[f] = s
		}
	}
	w.lastFlags, w.lastText = f, s
	return s
}

// tagCount is the number of attributes that tag writes: room for just these, since spans off the wire have room to spare
// and a copy of all attributes costs more than the tags.
func tagCount(c *ledger.Call) int {
	n := 2 // rule, and the reason of an unpriced call
	if c.Unpriced == "" {
		n++ // the cost as a text and as a double instead
	}
	for _, used := range &c.Usage.Tokens {
		if used != 0 {
			n++
		}
	}
	for _, used := range &c.Usage.Units {
		if used != 0 {
			n++
		}
	}
	for _, text := range [...]string{c.PriceEntry, c.Model, c.Agent} {
		if text != "" {
			n++
		}
	}
	if c.Flags != 0 {
		n++
	}
	return n
}

// tag writes the call onto its span. Its tenant is on the resource, or was put on the span before.
func (w *worker) tag(c *ledger.Call, attrs pcommon.Map) {
	attrs.EnsureCapacity(attrs.Len() + tagCount(c))
	if c.Unpriced == "" {
		cost := c.TotalCost()
		attrs.PutStr(TagCostUSD, cost.Short())
		attrs.PutDouble(TagCost, ledger.SumOf(cost).Float64())
	} else {
		attrs.PutStr(TagUnpriced, c.Unpriced)
	}
	for i, n := range &c.Usage.Tokens {
		if n != 0 {
			attrs.PutInt(usageTags[i], n)
		}
	}
	for i, n := range &c.Usage.Units {
		if n != 0 {
			attrs.PutInt(unitTags[i], n)
		}
	}
	if c.PriceEntry != "" {
		attrs.PutStr(TagPriceEntry, c.PriceEntry)
	}
	if c.Model != "" {
		attrs.PutStr(TagModel, c.Model)
	}
	if c.Agent != "" {
		attrs.PutStr(TagAgent, c.Agent)
	}
	attrs.PutStr(TagRule, c.Rule)
	if c.Flags != 0 {
		attrs.PutStr(TagFlags, w.flagText(c.Flags))
	}
}
