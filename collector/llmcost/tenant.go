package llmcost

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// maxTenant bounds a tenant's name in bytes; a longer one is no name.
const maxTenant = 128

// AuthAttribute is the attribute of the authenticated client that holds its tenant.
const AuthAttribute = "tenant"

// tenant is who pays, and how we know.
type tenant struct{ name, source string }

// claimed reports whether the sender said so himself.
func (t tenant) claimed() bool {
	return t.source == ledger.TenantFromResource || t.source == ledger.TenantFromSpan
}

type tenants struct {
	resourceKeys, spanKeys []string
	spanFirst              bool
	fallback               tenant
}

func newTenants(cfg TenantConfig) tenants {
	t := tenants{fallback: tenant{ledger.Unattributed, ledger.TenantFromNowhere}}
	if name := cleanTenant(cfg.Default); name != "" {
		t.fallback = tenant{name, ledger.TenantFromDefault}
	}
	if cfg.RequireAuth {
		return t
	}
	for i, source := range cfg.Order {
		switch source {
		case "resource":
			t.resourceKeys = cfg.ResourceKeys
		case "span":
			t.spanKeys, t.spanFirst = cfg.SpanKeys, i == 0
		}
	}
	return t
}

// authenticated returns the tenant that the receiver's authenticator vouches for.
func authenticated(ctx context.Context) (tenant, bool) {
	auth := client.FromContext(ctx).Auth
	if auth == nil {
		return tenant{}, false
	}
	name, _ := auth.GetAttribute(AuthAttribute).(string)
	if name = cleanTenant(name); name == "" {
		return tenant{}, false
	}
	return tenant{name, ledger.TenantFromAuth}, true
}

// ofResource is the tenant of a resource's spans as far as the resource decides it.
func (t *tenants) ofResource(attrs pcommon.Map) tenant {
	if name := first(attrs, t.resourceKeys); name != "" {
		return tenant{name, ledger.TenantFromResource}
	}
	return t.fallback
}

// spansDecide reports whether a span may name another tenant than the resource's.
func (t *tenants) spansDecide(of tenant) bool {
	return len(t.spanKeys) > 0 && of.source != ledger.TenantFromAuth &&
		(t.spanFirst || of.source != ledger.TenantFromResource)
}

// ofSpan is the tenant that a span names, or the resource's.
func (t *tenants) ofSpan(attrs pcommon.Map, resource tenant) tenant {
	if name := first(attrs, t.spanKeys); name != "" {
		return tenant{name, ledger.TenantFromSpan}
	}
	return resource
}

func first(attrs pcommon.Map, keys []string) string {
	for _, k := range keys {
		if v, ok := attrs.Get(k); ok {
			var name string
			switch v.Type() {
			case pcommon.ValueTypeStr:
				name = v.Str()
			case pcommon.ValueTypeInt:
				name = v.AsString()
			}
			if name = cleanTenant(name); name != "" {
				return name
			}
		}
	}
	return ""
}

// cleanTenant is the name as it is stored; empty if it can't be one.
func cleanTenant(s string) string {
	if len(s) > maxTenant {
		return ""
	}
	return strings.TrimSpace(ledger.CleanText(s))
}
