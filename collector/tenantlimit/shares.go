package tenantlimit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// The tags of llmcost that are read here.
const (
	tagTenant = ledger.AttrPrefix + "tenant"
	tagRule   = ledger.AttrPrefix + "rule" // on spans of which a call is recorded
)

// share is a tenant's part of one request.
type share struct {
	tenant       string
	spans, bytes int
	// unrecognizable: a call of it has no identity by which a repeat is known to be one.
	unrecognizable bool

	part   part    // once summed
	bucket *bucket // whose limits are told
	holds  [2]hold // what it took, while it goes on
	reason string  // why it doesn't go on; empty = it does
}

// request is what one request holds, by tenant.
type request struct {
	shares []share
	index  map[string]int // of shares, once there are many
	last   int            // spans come in runs of one tenant
	summed bool
}

// fewTenants are found faster by comparing than by hashing.
const fewTenants = 8

// of is the tenant's share.
func (r *request) of(tenant string) *share {
	if r.last < len(r.shares) && r.shares[r.last].tenant == tenant {
		return &r.shares[r.last]
	}
	r.last = len(r.shares)
	if len(r.shares) <= fewTenants {
		for i := range r.shares {
			if r.shares[i].tenant == tenant {
				r.last = i
			}
		}
	} else {
		if r.index == nil {
			r.index = map[string]int{}
			for i := range r.shares {
				r.index[r.shares[i].tenant] = i
			}
		}
		if i, ok := r.index[tenant]; ok {
			r.last = i
		}
		r.index[tenant] = r.last
	}
	if r.last == len(r.shares) {
		r.shares = append(r.shares, share{tenant: tenant})
	}
	return &r.shares[r.last]
}

// measure counts a request's spans, and if sized their bytes, by tenant.
func measure(td ptrace.Traces, sized bool) *request {
	r := &request{shares: make([]share, 0, 2)}
	for _, rs := range td.ResourceSpans().All() {
		resource, named := tenantOf(rs.Resource().Attributes(), ledger.Unattributed), ""
		own, ownBytes := 0, 0
		if sized {
			ownBytes = inplace.AroundSpans(rs)
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				tenant, bytes := look(span, resource, sized)
				if tenant == resource {
					own++
					ownBytes += bytes
					continue
				}
				s := r.of(tenant)
				s.spans++
				s.bytes += bytes
				named = tenant
			}
		}
		switch {
		case own > 0:
			s := r.of(resource)
			s.spans += own
			s.bytes += ownBytes
		case named != "": // what the resource itself takes is somebody's
			r.of(named).bytes += ownBytes
		}
	}
	return r
}

// look finds a span's tenant and, if sized, its bytes, in one walk over its attributes.
func look(span ptrace.Span, otherwise string, sized bool) (tenant string, bytes int) {
	attrs := span.Attributes()
	if !sized {
		return tenantOf(attrs, otherwise), 0
	}
	list, found := inplace.Of(attrs), false
	tenant = otherwise
	for i := range list {
		p := &list[i]
		bytes += p.Size(attrs)
		if p.Key == tagTenant && !found {
			found = true
			if name, _ := p.Text(attrs); name != "" {
				tenant = name
			}
		}
	}
	return tenant, inplace.Field(inplace.SpanSize(span, bytes))
}

func tenantOf(attrs pcommon.Map, otherwise string) string {
	if v, ok := attrs.Get(tagTenant); ok && v.Str() != "" {
		return v.Str()
	}
	return otherwise
}

// keepAdmitted removes the spans that don't go on, and the calls of their tenants.
func (r *request) keepAdmitted(td ptrace.Traces) {
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		resource := tenantOf(rs.Resource().Attributes(), ledger.Unattributed)
		r.keepCalls(rs.Resource().Attributes())
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				return r.of(tenantOf(span.Attributes(), resource)).reason != ""
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
}

// keepCalls removes the calls of tenants that don't go on from those that llmcost put on their resource.
func (r *request) keepCalls(resource pcommon.Map) {
	v, ok := resource.Get(ledger.AttrCalls)
	if !ok || v.Type() != pcommon.ValueTypeBytes {
		return
	}
	kept := ledger.AppendBatchHeader(nil)
	none := len(kept)
	err := ledger.DecodeBatch(v.Bytes().AsRaw(), func(c *ledger.Call, body []byte) {
		if !r.stays(c.Tenant) {
			kept = ledger.AppendBatchCall(kept, body)
		}
	})
	switch {
	case err != nil: // nobody but llmcost writes it; whoever reads it next says what is wrong
	case len(kept) == none:
		resource.Remove(ledger.AttrCalls)
	default:
		resource.PutEmptyBytes(ledger.AttrCalls).FromRaw(kept) // in place, it would change copies of the request too: they share the bytes
	}
}

// stays reports whether what the tenant sent doesn't go on.
func (r *request) stays(tenant string) bool {
	for i := range r.shares {
		if r.shares[i].tenant == tenant {
			return r.shares[i].reason != ""
		}
	}
	return false
}
