package llmcost

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
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

// told is what a span says of its call under the conventions' own keys, which a tag would only repeat.
type told genai.Told

// model is the text of TagModel, empty where the span says the same.
func (t told) model(c *ledger.Call) string {
	if t.Model {
		return ""
	}
	return c.Model
}

// agent is the text of TagAgent, empty where the span says the same.
func (t told) agent(c *ledger.Call) string {
	if t.Agent {
		return ""
	}
	return c.Agent
}

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
func tagCount(c *ledger.Call, told told) int {
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
	for _, text := range [...]string{c.PriceEntry, told.model(c), told.agent(c)} {
		if text != "" {
			n++
		}
	}
	if c.Flags != 0 {
		n++
	}
	return n
}

// tag writes the call onto its span, which has none of Tollkeeper's attributes but its tenant's: that is on the resource, or was put on
// the span before.
func (w *worker) tag(c *ledger.Call, attrs pcommon.Map) {
	told := told(w.reader.Told())
	put := inplace.Append(attrs, tagCount(c, told))
	if c.Unpriced == "" {
		cost := c.TotalCost()
		var text [24]byte
		put.Bytes(TagCostUSD, cost.AppendShort(text[:0]))
		put.Double(TagCost, ledger.SumOf(cost).Float64())
	} else {
		put.Str(TagUnpriced, c.Unpriced)
	}
	for i, n := range &c.Usage.Tokens {
		if n != 0 {
			put.Int(usageTags[i], n)
		}
	}
	for i, n := range &c.Usage.Units {
		if n != 0 {
			put.Int(unitTags[i], n)
		}
	}
	if c.PriceEntry != "" {
		put.Str(TagPriceEntry, c.PriceEntry)
	}
	if model := told.model(c); model != "" {
		put.Str(TagModel, model)
	}
	if agent := told.agent(c); agent != "" {
		put.Str(TagAgent, agent)
	}
	put.Str(TagRule, c.Rule)
	if c.Flags != 0 {
		put.Str(TagFlags, w.flagText(c.Flags))
	}
	put.Done()
}
