package llmcost

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// apart splits traces into requests of one span each.
func apart(td ptrace.Traces) (requests []ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				one := ptrace.NewTraces()
				ors := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(ors.Resource())
				oss := ors.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(oss.Scope())
				s.CopyTo(oss.Spans().AppendEmpty())
				requests = append(requests, one)
			}
		}
	}
	return requests
}

// Where a recording tells more than was billed, two layers told of one call. Once a collector has seen it, the same calls in
// requests of their own are candidates on both sides: settlement sees nothing else.
func TestCallsToldTwiceAreCandidatesEvenApart(t *testing.T) {
	all, err := replay.Load("../genai/testdata/recordings")
	require.NoError(t, err)
	doubled := 0
	for i := range all {
		p := newTest(t, nil)
		requests := apart(all[i].Traces)
		var told, flagged int
		for range 2 {
			told, flagged = 0, 0
			for _, td := range requests {
				again := ptrace.NewTraces()
				td.CopyTo(again)
				_, err := p.process(context.Background(), again)
				require.NoError(t, err)
				eachSpan(again, func(s ptrace.Span) {
					if c, ok := callOf(t, again, s); ok && c.ErrorClass == "" {
						told++
						if c.Flags&ledger.FlagCandidate != 0 {
							flagged++
						}
					}
				})
			}
		}
		if told > len(all[i].Billed) {
			doubled++
			require.Equal(t, told, flagged, all[i].Name)
		}
	}
	require.Greater(t, doubled, 5)
}

func layered(scope, service, provider string, more map[string]any) ptrace.Traces {
	attrs := map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": "gpt-4o-mini",
		"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1,
	}
	for k, v := range more {
		attrs[k] = v
	}
	td, _ := oneSpan(scope, map[string]any{"service.name": service, "tenant.id": "acme"}, attrs)
	return td
}

func TestWhoIsACandidate(t *testing.T) {
	const sdk, other, framework, gateway = "opentelemetry.instrumentation.openai.v1", "openinference.instrumentation.openai", "pydantic-ai", "litellm"
	direct := map[string]any{"server.address": "api.openai.com"}
	for name, c := range map[string]struct {
		before []ptrace.Traces
		then   ptrace.Traces
		want   bool
	}{
		"a client alone":                          {nil, layered(sdk, "shop", "openai", nil), false},
		"a client of the provider's own host":     {nil, layered(sdk, "shop", "openai", direct), false},
		"a client of Azure's host":                {nil, layered(sdk, "shop", "openai", map[string]any{"server.address": "x.openai.azure.com"}), false},
		"a client of a gateway":                   {nil, layered(sdk, "shop", "openai", map[string]any{"server.address": "litellm.internal"}), true},
		"a client of a gateway, by its URL":       {nil, layered(sdk, "shop", "openai", map[string]any{"gen_ai.openai.api_base": "http://localhost:4000/v1"}), true},
		"a framework":                             {nil, layered(framework, "shop", "openai", direct), true},
		"a gateway":                               {nil, layered(gateway, "proxy", "openai", nil), true},
		"a client in a framework's service":       {[]ptrace.Traces{layered(framework, "shop", "openai", nil)}, layered(sdk, "shop", "openai", direct), true},
		"a client in another service":             {[]ptrace.Traces{layered(framework, "bots", "openai", nil)}, layered(sdk, "shop", "openai", nil), false},
		"a client of a tenant with a gateway":     {[]ptrace.Traces{layered(gateway, "proxy", "openai", nil)}, layered(sdk, "shop", "openai", nil), true},
		"the same, but it called the provider":    {[]ptrace.Traces{layered(gateway, "proxy", "openai", nil)}, layered(sdk, "shop", "openai", direct), false},
		"two instrumentations of one client":      {[]ptrace.Traces{layered(other, "shop", "openai", nil)}, layered(sdk, "shop", "openai", direct), true},
		"two instrumentations of two clients":     {[]ptrace.Traces{layered(other, "shop", "anthropic", nil)}, layered(sdk, "shop", "openai", direct), false},
		"one instrumentation, two calls":          {[]ptrace.Traces{layered(sdk, "shop", "openai", nil)}, layered(sdk, "shop", "openai", nil), false},
		"two instrumentations of nameless places": {[]ptrace.Traces{layered(gateway, "", "openai", nil)}, layered(sdk, "", "openai", direct), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTest(t, nil)
			for _, td := range append(c.before, c.then) {
				_, err := p.process(context.Background(), td)
				require.NoError(t, err)
			}
			call, ok := callOf(t, c.then, c.then.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
			require.True(t, ok)
			require.Equal(t, c.want, call.Flags&ledger.FlagCandidate != 0, call.Flags.String())
		})
	}
}

// Where every client's call is a candidate, none has to be learned: one that comes before its gateway is settled too.
func TestEveryClientIsACandidateWhereItIsSaid(t *testing.T) {
	for word, want := range map[string]bool{SettleLearned: false, SettleAlways: true} {
		p := newTest(t, func(c *Config) { c.SettleClients = word })
		for _, more := range []map[string]any{nil, {"server.address": "api.openai.com"}} {
			td := layered("opentelemetry.instrumentation.openai.v1", "shop", "openai", more)
			_, err := p.process(t.Context(), td)
			require.NoError(t, err)
			call, ok := callOf(t, td, td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
			require.True(t, ok)
			require.Equal(t, want, call.Flags&ledger.FlagCandidate != 0, word)
		}
	}
}

// Names are up to the senders: the memory has a bound, and what it was told last is in it.
func TestLayersAreBoundedAndForget(t *testing.T) {
	l := &layers{seen: map[place]sight{}}
	around := func(n int, now int64) bool { return l.around("acme", fmt.Sprint(n), false, now) }
	for n := range 3 * maxLayers {
		l.note(genai.LayerFramework, &ledger.Call{Tenant: "acme", Service: strings.Clone(fmt.Sprint(n))}, 1)
		require.True(t, around(n, 1))
	}
	require.LessOrEqual(t, len(l.seen), maxLayers)
	require.False(t, around(3*maxLayers-1, 1+layersKept), "an hour later")
	l.note(genai.LayerFramework, &ledger.Call{Tenant: "acme", Service: "new"}, 1+layersKept)
	require.Len(t, l.seen, 1, "what has expired makes room")
}

// unlinked are the recordings in which nothing in the reports links the two of one call: settlement can only pair them by time and
// counts, or leave them.
var unlinked = map[string]string{
	"litellm-proxy-and-openllmetry/embeddings":       "OpenAI gives embeddings no id, LiteLLM makes one up; one trace, but spans that are no calls lie between",
	"litellm-proxy-v2-and-openllmetry/embeddings":    "as the first version",
	"mistral-sdk-and-openllmetry/mistral":            "Mistral's client gives its own span no id, and a trace of its own",
	"mistral-sdk-and-openllmetry/mistral-cached":     "the same",
	"mistral-sdk-and-openllmetry/mistral-tools":      "the same",
	"openinference-langchain-and-openai/chat-stream": "LangChain's span of a stream keeps no id, and the client's span isn't in its trace",
}

// The two reports of one call are linked: by a unique response id, or as parent and child.
func TestReportsOfOneCallAreLinked(t *testing.T) {
	all, err := replay.Load("../genai/testdata/recordings")
	require.NoError(t, err)
	links := map[string]int{}
	for i := range all {
		p := newTest(t, nil)
		_, err := p.process(context.Background(), all[i].Traces)
		require.NoError(t, err)
		var calls []ledger.Call
		eachSpan(all[i].Traces, func(s ptrace.Span) {
			if c, ok := callOf(t, all[i].Traces, s); ok && c.ErrorClass == "" && c.Role != ledger.RoleAggregate &&
				c.Rule != "litellm.onto" { // the application's span, above all its calls
				calls = append(calls, c)
			}
		})
		if len(calls) <= len(all[i].Billed) {
			continue
		}
		linked := 0
		for a := range calls {
			for b := range calls {
				switch x, y := &calls[a], &calls[b]; {
				case a == b || x.Rank == y.Rank:
				case x.ResponseID != 0 && x.ResponseID == y.ResponseID && x.Flags&y.Flags&ledger.FlagUniqueID != 0:
					linked++
					links["response id"]++
				case x.TraceID == y.TraceID && (x.ParentSpanID == y.SpanID || y.ParentSpanID == x.SpanID):
					linked++
					links["parent"]++
				}
			}
		}
		if reason, ok := unlinked[all[i].Name]; ok {
			require.Zero(t, linked, "%s is linked now (%s): take it off the list", all[i].Name, reason)
			continue
		}
		require.Equal(t, len(calls), linked, "%s: every report has one partner", all[i].Name)
	}
	t.Log(links)
}
