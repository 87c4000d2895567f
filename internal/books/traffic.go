package books

import (
	"encoding/binary"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var (
	tenants = []string{"acme", "globex", "umbrella"}
	models  = []string{"gpt-4o", "gpt-4o-mini", "gpt-4o", "gpt-4o-mini", "gpt-4o", "gpt-4o-mini", "gpt-4o", "not-in-a-price-book"}
)

// new is a call with its first report, at one of the busy minutes of a month: a few, so that a rollup of all is quick.
func (b *Books) new(month time.Time) *call {
	day, hour, minute := b.rng.IntN(b.days)*(30/b.days), 5+b.rng.IntN(b.hours)*6, b.rng.IntN(2)*29
	at := month.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(b.rng.IntN(30))*time.Second)
	c := &call{id: len(b.truth.calls) + 1, tenant: tenants[b.rng.IntN(len(tenants))], model: models[b.rng.IntN(len(models))], at: at}
	b.truth.calls = append(b.truth.calls, c)
	b.report(c, false)
	return c
}

// report adds what a client or a gateway says of a call. Only the gateway knows what came from the cache.
func (b *Books) report(c *call, gateway bool) *report {
	r := &report{gateway: gateway, input: 100 + b.rng.Int64N(100_000), output: 1 + b.rng.Int64N(4000)}
	if len(c.reports) > 0 {
		whole := c.reports[0].input + c.reports[0].cached
		r.cached = b.rng.Int64N(whole)
		r.input, r.output = whole-r.cached, c.reports[0].output
	}
	r.charge(b.prices, c)
	c.reports = append(c.reports, r)
	return r
}

// record is a report as the collector sends it, priced by the product's own book.
func (b *Books) record(c *call, r *report) ledger.Call {
	out := ledger.Call{
		Start: c.at.UnixNano(), Received: c.at.UnixNano() + int64(time.Second), Duration: int64(2 * time.Second), Tenant: c.tenant, TenantSource: ledger.TenantFromAuth,
		Provider: "openai", Model: c.model, RequestModel: c.model, Operation: "chat", Emitter: "client@1", Rule: "otel.genai", Rank: 20, ResponseID: uint64(c.id),
		Flags: ledger.FlagCandidate | ledger.FlagUniqueID, Service: "shop", Team: "team-" + c.tenant,
	}
	if r.gateway {
		out.Emitter, out.Rank, out.SpanID[0] = "gateway@1", 30, 1
	}
	out.SetMinute()
	binary.BigEndian.PutUint64(out.TraceID[8:], uint64(c.id))
	if r.gateway {
		out.TraceID[0] = 1 // another trace: only the response tells
	}
	binary.BigEndian.PutUint32(out.SpanID[4:], uint32(c.id))
	out.Raw.Set(ledger.RawInput, r.input+r.cached)
	out.Raw.Set(ledger.RawOutput, r.output)
	out.Raw.Set(ledger.RawCacheRead, r.cached)
	out.Usage.Tokens[ledger.FreshInput], out.Usage.Tokens[ledger.CacheRead], out.Usage.Tokens[ledger.TextOutput] = r.input, r.cached, r.output
	b.book.Charge(&out, nil)
	return out
}
