package llmcost

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// identity is what an authenticator attaches to a request.
type identity map[string]any

func (i identity) GetAttribute(name string) any { return i[name] }
func (i identity) GetAttributeNames() []string  { return nil }

var someCall = map[string]any{
	"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini",
	"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
}

func merged(maps ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func TestTenant(t *testing.T) {
	type m = map[string]any
	spanFirst := func(c *Config) { c.Tenant.Order = []string{"span", "resource"} }
	onlySpan := func(c *Config) { c.Tenant.Order = []string{"span"} }
	fallback := func(c *Config) { c.Tenant.Default = "house" }
	require1 := func(c *Config) { c.Tenant.RequireAuth = true }
	headerFirst := func(c *Config) { c.Tenant.Order = []string{"header", "resource", "span"} }
	teams := func(c *Config) {
		c.Tenant.Order = []string{"mapping", "resource"}
		c.Tenant.Mapping = []Mapping{{Attribute: "team", Tenants: map[string]string{"t1": "one", "t2": "two"}}}
	}
	inMetadata := func(c *Config) {
		c.Tenant.Order = []string{"mapping", "span"}
		c.Tenant.SpanKeys = []string{"metadata#customer"}
		c.Tenant.Mapping = []Mapping{{Attribute: "metadata#team", Tenants: map[string]string{"t1": "one", "7": "seven"}}}
	}
	own := func(c *Config) { c.Tenant.ResourceKeys, c.Tenant.SpanKeys = []string{"org"}, []string{"acct"} }
	for name, c := range map[string]struct {
		config         func(*Config)
		auth           identity
		resource, span m
		tenant, source string
		claimed        bool
	}{
		"nobody":                       {nil, nil, nil, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"default":                      {fallback, nil, nil, nil, "house", ledger.TenantFromDefault, false},
		"resource":                     {fallback, nil, m{"tenant.id": "acme"}, nil, "acme", ledger.TenantFromResource, true},
		"second key":                   {nil, nil, m{"tenant": "acme"}, nil, "acme", ledger.TenantFromResource, true},
		"first key wins":               {nil, nil, m{"tenant": "b", "tenant.id": "a"}, nil, "a", ledger.TenantFromResource, true},
		"field of an object":           {inMetadata, nil, nil, m{"metadata": `{"customer":"acme","team":"x"}`}, "acme", ledger.TenantFromSpan, true},
		"mapped field":                 {inMetadata, nil, nil, m{"metadata": `{"customer":"acme","team":"t1"}`}, "one", ledger.TenantFromMapping, true},
		"mapped number":                {inMetadata, nil, nil, m{"metadata": `{"team": 7}`}, "seven", ledger.TenantFromMapping, true},
		"field of a map":               {inMetadata, nil, nil, m{"metadata": m{"customer": "acme"}}, "acme", ledger.TenantFromSpan, true},
		"field that isn't there":       {inMetadata, nil, nil, m{"metadata": `{"a":{"customer":"acme"}}`}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"field of no object":           {inMetadata, nil, nil, m{"metadata": `"customer"`}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"field that is no name":        {inMetadata, nil, nil, m{"metadata": `{"customer":["acme"],"team":1.5}`}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"field of half an object":      {inMetadata, nil, nil, m{"metadata": `{"customer":"acme"`}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"field of a huge object":       {inMetadata, nil, nil, m{"metadata": `{"customer":"acme","x":"` + strings.Repeat("x", maxObject) + `"}`}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"span":                         {nil, nil, nil, m{"tenant.id": "acme"}, "acme", ledger.TenantFromSpan, true},
		"resource before span":         {nil, nil, m{"tenant.id": "a"}, m{"tenant.id": "b"}, "a", ledger.TenantFromResource, true},
		"span before resource":         {spanFirst, nil, m{"tenant.id": "a"}, m{"tenant.id": "b"}, "b", ledger.TenantFromSpan, true},
		"span first, but silent":       {spanFirst, nil, m{"tenant.id": "a"}, nil, "a", ledger.TenantFromResource, true},
		"resource doesn't count":       {onlySpan, nil, m{"tenant.id": "a"}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"own keys":                     {own, nil, m{"org": "a", "tenant.id": "x"}, m{"acct": "b"}, "a", ledger.TenantFromResource, true},
		"gateway's key, silent":        {nil, identity{"tenant": "gw", "claims": true}, nil, nil, "gw", ledger.TenantFromAuth, false},
		"gateway's key, resource":      {nil, identity{"tenant": "gw", "claims": true}, m{"tenant.id": "a"}, nil, "a", ledger.TenantFromResource, true},
		"gateway's key, auth required": {require1, identity{"tenant": "gw", "claims": true}, nil, m{"tenant.id": "b"}, "b", ledger.TenantFromSpan, true},
		"header, which isn't asked":    {nil, identity{"header": "h"}, nil, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"header first":                 {headerFirst, identity{"header": "h"}, m{"tenant.id": "a"}, m{"tenant.id": "b"}, "h", ledger.TenantFromHeader, true},
		"header under a key":           {headerFirst, identity{"header": "h", "tenant": "real"}, nil, nil, "real", ledger.TenantFromAuth, false},
		"header of a gateway":          {headerFirst, identity{"header": "h", "tenant": "gw", "claims": true}, nil, nil, "h", ledger.TenantFromHeader, true},
		"header, auth required":        {func(c *Config) { headerFirst(c); require1(c) }, identity{"header": "h"}, nil, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"team of the span":             {teams, nil, m{"tenant.id": "a", "team": "t1"}, m{"team": "t2"}, "two", ledger.TenantFromMapping, true},
		"team of the resource":         {teams, nil, m{"tenant.id": "a", "team": "t1"}, nil, "one", ledger.TenantFromMapping, true},
		"team in another case":         {teams, nil, m{"tenant.id": "a", "team": "T1"}, nil, "a", ledger.TenantFromResource, true},
		"team with a joiner":           {teams, nil, m{"team": "t1\u200d"}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"team under a key":             {teams, identity{"tenant": "real"}, m{"team": "t1"}, m{"team": "t2"}, "real", ledger.TenantFromAuth, false},
		"a joiner in the name":         {nil, nil, m{"tenant.id": "ac\u200dme"}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"written from the right":       {nil, nil, m{"tenant.id": "\u202eemca"}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"auth wins":                    {spanFirst, identity{"tenant": "real"}, m{"tenant.id": "a"}, m{"tenant.id": "b"}, "real", ledger.TenantFromAuth, false},
		"auth without a tenant":        {nil, identity{"subject": "x"}, m{"tenant.id": "a"}, nil, "a", ledger.TenantFromResource, true},
		"auth with another type":       {nil, identity{"tenant": []string{"x"}}, m{"tenant.id": "a"}, nil, "a", ledger.TenantFromResource, true},
		"claims don't count":           {require1, nil, m{"tenant.id": "a"}, m{"tenant.id": "b"}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"auth required and there":      {require1, identity{"tenant": "real"}, m{"tenant.id": "a"}, nil, "real", ledger.TenantFromAuth, false},
		"our own tag is no claim":      {nil, nil, m{"tollkeeper.tenant": "evil"}, m{"tollkeeper.tenant": "evil"}, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"a number":                     {nil, nil, m{"tenant.id": 17}, nil, "17", ledger.TenantFromResource, true},
		"blank":                        {nil, nil, m{"tenant.id": "  "}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"spaces around":                {nil, nil, m{"tenant.id": " acme\n"}, nil, "acme", ledger.TenantFromResource, true},
		"too long to be a name":        {nil, nil, m{"tenant.id": strings.Repeat("x", maxTenant+1)}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"not a text":                   {nil, nil, m{"tenant.id": []any{"acme"}}, nil, ledger.Unattributed, ledger.TenantFromNowhere, false},
		"claims to be unattributed":    {nil, nil, m{"tenant.id": ledger.Unattributed}, nil, ledger.Unattributed, ledger.TenantFromResource, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTest(t, c.config)
			ctx := context.Background()
			if c.auth != nil {
				info := client.Info{Auth: c.auth}
				if h, ok := c.auth["header"].(string); ok {
					info.Metadata = client.NewMetadata(map[string][]string{"X-Tenant-Id": {h}})
				}
				ctx = client.NewContext(ctx, info)
			}
			td, span := oneSpan("app", c.resource, merged(someCall, c.span))
			other := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
			require.NoError(t, other.Attributes().FromRaw(merged(map[string]any{"http.route": "/"}, c.span)))
			_, err := p.process(ctx, td)
			require.NoError(t, err)
			call, ok := callOf(t, td, span)
			require.True(t, ok)
			require.Equal(t, []string{c.tenant, c.source}, []string{call.Tenant, call.TenantSource})
			require.Equal(t, c.claimed, call.Flags&ledger.FlagTenantClaimed != 0)
			for _, s := range []ptrace.Span{span, other} {
				require.Equal(t, []string{c.tenant, c.source}, tenantOf(td, s), s.Attributes().AsRaw())
			}
		})
	}
}

// tenantOf reads the tags as a reader of stored spans does: the span's own, else the resource's.
func tenantOf(td ptrace.Traces, s ptrace.Span) []string {
	var out []string
	for _, k := range []string{TagTenant, TagTenantSource} {
		v, ok := s.Attributes().Get(k)
		if !ok {
			v, _ = td.ResourceSpans().At(0).Resource().Attributes().Get(k)
		}
		out = append(out, v.Str())
	}
	return out
}

func TestConfigFaultsAreToldAtOnce(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	c.Tenant.Order = []string{"baggage", "span", "span"}
	c.Tenant.SpanKeys = []string{"", "metadata#"}
	c.Tenant.Mapping = []Mapping{{Attribute: "#team", Tenants: map[string]string{"a": "b"}}}
	c.Tenant.Default = strings.Repeat("x", maxTenant+1)
	c.PriceFiles = []string{"/nowhere/prices.yaml"}
	c.TrustCostOf = []string{""}
	err := c.Validate()
	for _, want := range []string{
		`tenant.order: "baggage" is not a source`, `"span" is there twice`, "tenant.span_keys: a key is empty", `tenant.span_keys: "metadata#" names no`, "tenant.mapping[0]: wants", "tenant.default: 129 bytes",
		"/nowhere/prices.yaml", "trust_cost_of",
	} {
		require.ErrorContains(t, err, want)
	}
}
