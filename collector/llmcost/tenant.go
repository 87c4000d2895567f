package llmcost

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// maxTenant bounds a tenant's name in bytes; a longer one is no name.
const maxTenant = 128

// The attributes of an authenticated client: its tenant, and whether it may name others.
const (
	AuthAttribute       = "tenant"
	AuthClaimsAttribute = "claims"
)

// tenant is who pays, and how we know.
type tenant struct{ name, source string }

// claimed reports whether the sender said so himself.
func (t tenant) claimed() bool {
	switch t.source {
	case ledger.TenantFromHeader, ledger.TenantFromResource, ledger.TenantFromSpan, ledger.TenantFromMapping:
		return true
	}
	return false
}

// tenants finds the tenant by a chain of sources. An authenticated identity stands above the chain.
type tenants struct {
	order                  []string
	headerKeys             []string
	resourceKeys, spanKeys []tenantKey
	mapping                []mapped
	fallback               tenant
	requireAuth            bool
}

// mapped are the tenants of what stands under one key.
type mapped struct {
	key     tenantKey
	tenants map[string]string
}

func newTenants(cfg TenantConfig) tenants {
	t := tenants{
		order: cfg.Order, headerKeys: cfg.HeaderKeys, resourceKeys: tenantKeysOf(cfg.ResourceKeys), spanKeys: tenantKeysOf(cfg.SpanKeys),
		fallback: tenant{ledger.Unattributed, ledger.TenantFromNowhere}, requireAuth: cfg.RequireAuth,
	}
	for _, m := range cfg.Mapping {
		t.mapping = append(t.mapping, mapped{tenantKeyOf(m.Attribute), m.Tenants})
	}
	if name := cleanTenant(cfg.Default); name != "" {
		t.fallback = tenant{name, ledger.TenantFromDefault}
	}
	return t
}

// sender is what is known of a request before its spans are read.
type sender struct {
	order    []string // the sources that count for it: none if its tenant is certain
	header   string
	fallback tenant
}

// of looks at the request: its key, and its headers where they count.
func (t *tenants) of(ctx context.Context) sender {
	info := client.FromContext(ctx)
	s := sender{order: t.order, fallback: t.fallback}
	if t.requireAuth {
		s.order = nil
	}
	if info.Auth != nil {
		name, _ := info.Auth.GetAttribute(AuthAttribute).(string)
		if name = cleanTenant(name); name != "" {
			s.fallback, s.order = tenant{name, ledger.TenantFromAuth}, nil
			if claims, _ := info.Auth.GetAttribute(AuthClaimsAttribute).(bool); claims {
				s.order = t.order
			}
		}
	}
	if slices.Contains(s.order, "header") {
		s.header = t.headerOf(info.Metadata)
	}
	return s
}

// headerOf is the tenant in the request's headers. One that is there twice names nobody: a proxy may have added the second.
func (t *tenants) headerOf(headers client.Metadata) string {
	for _, k := range t.headerKeys {
		if values := headers.Get(k); len(values) == 1 {
			if name := cleanTenant(values[0]); name != "" {
				return name
			}
		}
	}
	return ""
}

// ofResource is the tenant of a resource's spans as far as the resource decides it, and how many sources of the sender's
// order a span may still speak by.
func (t *tenants) ofResource(s *sender, attrs pcommon.Map) (who tenant, spans int) {
	for i, source := range s.order {
		switch source {
		case "header":
			if s.header != "" {
				return tenant{s.header, ledger.TenantFromHeader}, spans
			}
		case "resource":
			if name := first(attrs, t.resourceKeys); name != "" {
				return tenant{name, ledger.TenantFromResource}, spans
			}
		case "span":
			spans = i + 1
		case "mapping":
			spans = i + 1 // a span's own team is nearer than its resource's
			if name := t.mapped(attrs); name != "" {
				return tenant{name, ledger.TenantFromMapping}, spans
			}
		}
	}
	return s.fallback, spans
}

// ofSpan is the tenant that a span names by the given sources, or the resource's.
func (t *tenants) ofSpan(order []string, attrs pcommon.Map, resource tenant) tenant {
	for _, source := range order {
		switch source {
		case "span":
			if name := first(attrs, t.spanKeys); name != "" {
				return tenant{name, ledger.TenantFromSpan}
			}
		case "mapping":
			if name := t.mapped(attrs); name != "" {
				return tenant{name, ledger.TenantFromMapping}
			}
		}
	}
	return resource
}

func (t *tenants) mapped(attrs pcommon.Map) string {
	for i := range t.mapping {
		m := &t.mapping[i]
		value := m.key.in(attrs)
		if v, ok := attrs.Get(m.key.attribute); ok && m.key.field == "" {
			value = v.AsString() // whatever its type is
		}
		if name := m.tenants[value]; name != "" {
			return name
		}
	}
	return ""
}

func first(attrs pcommon.Map, keys []tenantKey) string {
	for _, k := range keys {
		if name := cleanTenant(k.in(attrs)); name != "" {
			return name
		}
	}
	return ""
}

// cleanTenant is the name as it is stored; empty if it can't be one: too long, or with characters that nobody sees (joiners, marks
// of direction), by which a claim could look like another tenant's name.
func cleanTenant(s string) string {
	if len(s) > maxTenant {
		return ""
	}
	name := strings.TrimSpace(ledger.CleanText(s))
	for _, r := range name {
		if r >= utf8.RuneSelf && !unicode.IsPrint(r) {
			return ""
		}
	}
	return name
}
