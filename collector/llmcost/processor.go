package llmcost

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

type costProcessor struct {
	tenants tenants
	rules   *genai.Rules
	prices  *pricing.Watch
	trusted map[string]bool
	metrics *metrics
	now     func() time.Time
	workers sync.Pool
	layers  layers
}

// worker is what one request needs: a reader, a call and its encoding, and the counts of what was seen.
type worker struct {
	reader *genai.Reader
	book   *pricing.Book // one for the whole request
	calls  []billed

	encoder ledger.Encoder
	encoded []byte // all calls
	handed  []handed
	changed []byte // calls of which something was found out after they were encoded
	changes []change
	body    []byte // for passing use

	byID       index
	byResponse index
	flagTexts  map[ledger.Flags]string
	lastFlags  ledger.Flags
	lastText   string // of lastFlags
	noted      noted

	seen counts
}

// process tags the traces in place.
func (p *costProcessor) process(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	w := p.workers.Get().(*worker)
	defer func() {
		w.forget()
		p.workers.Put(w)
	}()
	w.book = p.prices.Book()
	received := p.now().UnixNano()
	sender := p.tenants.of(ctx)
	for _, rs := range td.ResourceSpans().All() {
		attrs := rs.Resource().Attributes()
		stripReserved(attrs)
		who, open := p.tenants.ofResource(&sender, attrs)
		attrs.PutStr(TagTenant, who.name)
		attrs.PutStr(TagTenantSource, who.source)
		p.spans(w, rs, who, sender.order[:open], received)
	}
	if err := w.flagTwins(&p.layers, received); err != nil {
		return td, fmt.Errorf("read back a call that was just written: %w", err)
	}
	w.handOn()
	p.metrics.record(ctx, &w.seen)
	return td, nil
}

// spans tags the spans of one resource, each of which may name a tenant of its own by the sources in own.
func (p *costProcessor) spans(w *worker, rs ptrace.ResourceSpans, resourceTenant tenant, own []string, received int64) {
	var res genai.Resource
	var call ledger.Call // on the stack, where the garbage collector needn't hear of what is written
	described, priced := false, false
	for _, ss := range rs.ScopeSpans().All() {
		var scope *genai.Scope // set at the first span about a model
		onlyModels := false    // a scope of which no other span is known, so that there is no need for a look before reading
		others := w.seen.outcome[genai.NotModel]
		for _, span := range ss.Spans().All() {
			attrs := span.Attributes()
			if !onlyModels {
				model, reserved := genai.Mentions(attrs)
				if reserved {
					stripReserved(attrs)
				}
				if !model {
					if len(own) > 0 {
						p.ofSpan(own, attrs, resourceTenant)
					}
					w.seen.outcome[genai.NotModel]++
					continue
				}
				if scope == nil {
					scope = w.reader.Scope(ss.Scope())
					onlyModels = scope.OnlyModels()
				}
			}
			if !described {
				res, described = genai.ReadResource(rs.Resource()), true
			}
			call.Role = ledger.RoleLeaf // Read leaves the call alone where the span is none
			outcome := w.reader.Read(span, &res, scope, &call)
			if w.reader.Reserved() {
				stripReserved(attrs)
			}
			who := p.ofSpan(own, attrs, resourceTenant)
			w.seen.outcome[outcome]++
			if outcome != genai.Call && call.Role != ledger.RoleAggregate {
				continue
			}
			p.bill(w, &call, who, received)
			at, end := w.encode(&call, rs.Resource().Attributes())
			if outcome == genai.Aggregate {
				// It has no cost of its own: the calls beneath it carry theirs, and a sum over spans must not count them twice.
				// Settlement finds out what of it no call explains (DESIGN D4).
				attrs.PutStr(TagRule, call.Rule)
				continue
			}
			w.tag(&call, attrs)
			w.keep(&call, attrs, at, end)
			if !priced {
				priced = true
				rs.Resource().Attributes().PutStr(TagPriceVersion, w.book.Version())
				rs.Resource().Attributes().PutStr(TagCurrency, "USD")
			}
		}
		if scope != nil {
			scope.Saw(ss.Spans().Len(), int(w.seen.outcome[genai.NotModel]-others))
		}
	}
}

// ofSpan is a span's tenant by the sources in own, written onto it where it isn't its resource's.
func (p *costProcessor) ofSpan(own []string, attrs pcommon.Map, resourceTenant tenant) tenant {
	if len(own) == 0 {
		return resourceTenant
	}
	who := p.tenants.ofSpan(own, attrs, resourceTenant)
	if who != resourceTenant {
		attrs.PutStr(TagTenant, who.name)
		attrs.PutStr(TagTenantSource, who.source)
	}
	return who
}

// bill completes the call: who pays, when it counts, what it costs.
func (p *costProcessor) bill(w *worker, c *ledger.Call, who tenant, received int64) {
	c.Tenant, c.TenantSource, c.Received = who.name, who.source, received
	if who.claimed() {
		c.Flags |= ledger.FlagTenantClaimed
	}
	c.SetMinute()
	if c.Flags&ledger.FlagStartOutside != 0 {
		// The minute is the receipt's: a copy sent again gets another one, so that identity alone doesn't find it (DESIGN D3).
		c.Flags |= ledger.FlagCandidate
	}
	origin := w.reader.Origin()
	if c.Role == ledger.RoleAggregate {
		origin.Layer = genai.LayerFramework // what its service's clients report, it may repeat
	}
	if now := (noted{origin.Layer, c.Tenant, c.Service, c.Provider, c.Emitter}); now != w.noted {
		p.layers.note(origin.Layer, c, received)
		w.noted = now
	}
	if c.Flags&ledger.FlagCandidate == 0 && p.layers.around(c.Tenant, c.Service, origin.Direct, received) {
		c.Flags |= ledger.FlagCandidate
	}
	w.book.Charge(c, p.trusted)
	if c.Role != ledger.RoleAggregate && !origin.Repeats { // which is counted where it is told first
		w.seen.add(c)
	}
}

// stripReserved removes what only Tollkeeper may set.
func stripReserved(attrs pcommon.Map) {
	attrs.RemoveIf(func(k string, _ pcommon.Value) bool { return strings.HasPrefix(k, ledger.AttrPrefix) })
}
