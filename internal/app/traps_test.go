package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Scopes of three layers that can all report one call.
const (
	scopeSDK       = "opentelemetry.instrumentation.genai.openai.chat"
	scopeGateway   = "portkey"
	scopeFramework = "pydantic-ai"
)

// earlier is how many other calls each tenant made before.
const earlier = 2

// reportOf is one report of a good call, by a layer, with a provider's response id.
func reportOf(tenant, scope, id string, at time.Time) (ptrace.Traces, ptrace.Span) {
	td, s := oneSpan(tenant)
	in := td.ResourceSpans().At(0).ScopeSpans().At(0).Scope()
	in.SetName(scope)
	in.SetVersion("2.0.0")
	s.Attributes().PutStr("gen_ai.response.id", id)
	setTime(s, at)
	return td, s
}

// below makes a span the child of another, within it.
func below(child, parent ptrace.Span) {
	child.SetTraceID(parent.TraceID())
	child.SetParentSpanID(parent.SpanID())
	child.SetStartTimestamp(parent.StartTimestamp() + pcommon.Timestamp(10*time.Millisecond))
	child.SetEndTimestamp(parent.EndTimestamp() - pcommon.Timestamp(10*time.Millisecond))
}

// The traps of settlement, the whole way from OTLP to the rollups: each by the order of its reports and by the opposite, first and
// last a rollup apart, so that the later ones find the earlier ones settled. What is wanted is what the provider bills. Not among
// them, because it is known to double (llmcost/layers.go): a client's call that comes before the collector ever saw that its tenant
// has a gateway, or its service a framework.
func TestTrapsOfSettlement(t *testing.T) {
	p := running(t)
	now := time.Now()
	for _, trap := range []struct {
		name    string
		tenants map[string]int // calls that are billed
		reports func(tenant func(string) string) []ptrace.Traces
	}{
		{"a gateway and a client report one call", map[string]int{"a": 1}, func(of func(string) string) []ptrace.Traces {
			client, _ := reportOf(of("a"), scopeSDK, "chatcmpl-one", now)
			gateway, _ := reportOf(of("a"), scopeGateway, "chatcmpl-one", now.Add(-20*time.Millisecond))
			return []ptrace.Traces{client, gateway}
		}},
		{"a response id that repeats", map[string]int{"a": 3}, func(of func(string) string) []ptrace.Traces {
			var all []ptrace.Traces // a cache or a mock gives every answer the same id
			for range 3 {
				td, _ := reportOf(of("a"), scopeSDK, "chatcmpl-same", now)
				all = append(all, td)
			}
			return all
		}},
		{"a response id that repeats at both layers", map[string]int{"a": 2}, func(of func(string) string) []ptrace.Traces {
			var all []ptrace.Traces
			for i := range 2 {
				at := now.Add(-time.Duration(i) * 5 * time.Second)
				client, _ := reportOf(of("a"), scopeSDK, "chatcmpl-both", at)
				gateway, _ := reportOf(of("a"), scopeGateway, "chatcmpl-both", at)
				all = append(all, client, gateway)
			}
			return all
		}},
		{"an id that another tenant copies", map[string]int{"victim": 1, "thief": 1}, func(of func(string) string) []ptrace.Traces {
			mine, _ := reportOf(of("victim"), scopeSDK, "chatcmpl-mine", now)
			theirs, _ := reportOf(of("thief"), scopeGateway, "chatcmpl-mine", now)
			return []ptrace.Traces{mine, theirs}
		}},
		{"a retry that is billed twice", map[string]int{"a": 2}, func(of func(string) string) []ptrace.Traces {
			first, s1 := reportOf(of("a"), scopeSDK, "chatcmpl-first", now)
			again, s2 := reportOf(of("a"), scopeSDK, "chatcmpl-again", now)
			outer, s0 := reportOf(of("a"), scopeFramework, "chatcmpl-again", now)
			below(s1, s0)
			below(s2, s0)
			return []ptrace.Traces{first, again, outer}
		}},
		{"a span that is exported twice", map[string]int{"a": 1}, func(of func(string) string) []ptrace.Traces {
			td, _ := reportOf(of("a"), scopeSDK, "chatcmpl-twice", now)
			copied, both := ptrace.NewTraces(), ptrace.NewTraces()
			td.CopyTo(copied)
			td.CopyTo(both)
			td.ResourceSpans().At(0).CopyTo(both.ResourceSpans().AppendEmpty())
			return []ptrace.Traces{td, copied, both}
		}},
		{"a framework, a client and a gateway", map[string]int{"a": 1}, func(of func(string) string) []ptrace.Traces {
			outer, s0 := reportOf(of("a"), scopeFramework, "chatcmpl-three", now)
			client, s1 := reportOf(of("a"), scopeSDK, "chatcmpl-three", now)
			gateway, _ := reportOf(of("a"), scopeGateway, "chatcmpl-three", now.Add(-20*time.Millisecond))
			below(s1, s0)
			return []ptrace.Traces{outer, client, gateway}
		}},
	} {
		for _, order := range []string{"forward", "backward"} {
			t.Run(trap.name+", "+order, func(t *testing.T) {
				t.Parallel() // tenants of their own
				tenant := func(name string) string { return fmt.Sprintf("trap %s %s/%s", trap.name, order, name) }
				for name := range trap.tenants { // a collector learns that a tenant has layers by seeing them
					for _, scope := range []string{scopeGateway, scopeFramework} {
						td, _ := reportOf(tenant(name), scope, "chatcmpl-earlier-"+scope+name+order+trap.name, now.Add(-40*time.Minute))
						require.NoError(t, p.export(t.Context(), td))
					}
				}
				all := trap.reports(tenant)
				for i := range all {
					if order == "backward" {
						i = len(all) - 1 - i
					}
					require.NoError(t, p.export(t.Context(), all[i]))
					p.wantDrained(t)
					p.wantRolledUp(t, trap.tenants, tenant) // settled, too, before the next one comes
				}
				for name, n := range trap.tenants {
					p.wantTotal(t, tenant(name), n+earlier)
				}
				require.NoError(t, p.export(t.Context(), all[0]), "and once more")
				p.wantDrained(t)
				for name, n := range trap.tenants {
					p.wantTotal(t, tenant(name), n+earlier)
				}
			})
		}
	}
}

// wantRolledUp waits until the rollups of some tenants say what their calls say.
func (p *product) wantRolledUp(t *testing.T, tenants map[string]int, named func(string) string) {
	t.Helper()
	var calls, spend map[string]total
	reached := soon(t, func(c require.TestingT) bool {
		calls, spend = p.calls(c), p.spend(c)
		for name := range tenants {
			if calls[named(name)] != spend[named(name)] {
				return false
			}
		}
		return true
	})
	require.True(t, reached, "calls %v, spend %v", calls, spend)
}
