package ledger

import "time"

// Unattributed is the tenant of calls for which no source names one.
const Unattributed = "unattributed"

// Sources of a tenant, strongest first.
const (
	TenantFromAuth     = "auth"     // an authenticated identity
	TenantFromHeader   = "header"   // a header of a trusted listener
	TenantFromResource = "resource" // a resource attribute
	TenantFromSpan     = "span"     // a span attribute
	TenantFromMapping  = "mapping"  // a mapping rule (team, virtual key, key hash)
	TenantFromDefault  = "default"  // the listener's configured tenant
	TenantFromNowhere  = "none"     // unattributed
)

// Reasons why a call has no price of ours. Empty means priced.
const (
	UnpricedModel    = "unknown_model"   // the price book has no entry for the model at that time
	UnpricedNoModel  = "no_model"        // the span names no model
	UnpricedUsage    = "no_usage"        // no usage was reported, or 0 and 0 on a successful stream
	UnpricedBadUsage = "bad_usage"       // usage was reported but can't be read
	UnpricedBucket   = "no_bucket_price" // the entry lacks a price for a bucket that was used
	UnpricedTier     = "no_tier_price"   // the entry lacks a price for the service tier that answered
	UnpricedUnits    = "no_unit_count"   // answers are billed by the image, time or page, and nobody counted them
	UnpricedOverflow = "overflow"        // the amount exceeds what can be stored
)

// Role says what kind of span a report came from.
type Role uint8

// The roles of a report in settlement (DESIGN D4).
const (
	RoleLeaf      Role = iota // one request to a model
	RoleAggregate             // repeats its children's usage (agent, workflow)
	RoleWrapper               // a second layer around one request (framework, gateway client)
)

// CostPart names a share of a call's cost.
type CostPart uint8

// The parts of a cost. A call's cost is exactly the sum of its parts.
const (
	CostInput CostPart = iota // fresh, audio and image input
	CostCacheRead
	CostCacheWrite
	CostOutput // text and audio output
	CostReasoning
	CostOther        // per-request, per-image, per-second, per-page units; an emitter's own cost
	NumCostParts int = iota
)

// Call is what one span says of one billable request to a model: a report. Times are Unix nanoseconds UTC.
type Call struct {
	// Identity: (Minute, Tenant, TraceID, SpanID).
	Minute  int64 // Unix seconds, a multiple of 60; set by the collector, see FlagStartOutside
	Tenant  string
	TraceID [16]byte
	SpanID  [8]byte

	ParentSpanID [8]byte
	TenantSource string
	Start        int64
	Duration     int64 // nanoseconds, ≥ 0
	Received     int64 // when the collector received it
	FirstToken   int64 // nanoseconds from start to the first token; 0 = not reported

	Provider     string // openai, anthropic, gcp.gemini …
	Model        string // the response's model if given, else the requested one
	RequestModel string
	Operation    string // chat, embeddings …
	Kind         string // request kind: sync, stream, batch
	ServiceTier  string
	FinishReason string
	ErrorClass   string // empty = success

	Service, Environment, Region                                         string
	Team, Key, User, Agent, Feature, Prompt, PromptVersion, Conversation string

	ResponseID uint64 // hash of the response id, 0 = none
	Emitter    string // instrumentation scope name@version
	Rule       string // the emitter rule that read the counts
	Role       Role
	Rank       uint8 // trust in the source, higher wins in settlement

	Raw   RawCounts
	Usage Usage

	Cost         [NumCostParts]Money
	ListDelta    Money // list-price cost minus cost: what discounts saved
	CacheSaved   Money // cost without a cache minus cost; negative when cache writes cost more than they saved
	TierSaved    Money // standard-tier cost minus cost
	ProvidedCost Money // the emitter's own figure, valid with FlagHasProvided
	PriceVersion string
	PriceEntry   string
	Unpriced     string // reason, empty = priced
	Flags        Flags

	RequestBytes, ResponseBytes int64 // body sizes, 0 = not reported
}

// TotalCost is the sum of the cost's parts; the collector has checked that it is in range.
func (c *Call) TotalCost() Money {
	var t Money
	for _, p := range c.Cost {
		t += p
	}
	return t
}

// Bounds of a believable start time around the receipt (DESIGN D3).
const (
	MaxLate  = 35 * 24 * time.Hour
	MaxAhead = time.Hour
)

// SetMinute derives the stored minute from Start, or from Received when Start is not believable, and flags the latter.
func (c *Call) SetMinute() {
	at := c.Start
	if at < c.Received-int64(MaxLate) || at > c.Received+int64(MaxAhead) {
		at = c.Received
		c.Flags |= FlagStartOutside
	}
	sec := at / int64(time.Second)
	c.Minute = sec - sec%60
}

// Version is the report's place in a total order over content, so that which of two reports with one identity is kept
// never depends on the order of arrival: completeness (8 bits), re-rate number (16 bits), content hash (40 bits).
func (c *Call) Version(rerate uint16, contentHash uint64) uint64 {
	var complete uint64
	if !c.Usage.Zero() {
		complete |= 4
	}
	if c.Unpriced == "" {
		complete |= 2
	}
	if c.ErrorClass == "" {
		complete |= 1
	}
	return complete<<56 | uint64(rerate)<<40 | contentHash&(1<<40-1)
}
