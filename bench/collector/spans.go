package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// attr is an attribute. An instrumentation writes its attributes in the order of its code, which is the same for all of its spans.
type attr struct {
	key   string
	value any
}

// otherAttrs are the 20 attributes of a span that has nothing to do with a model.
var otherAttrs = []attr{
	{"http.request.method", "POST"}, {"http.route", "/v1/orders"}, {"http.response.status_code", 200}, {"url.path", "/v1/orders/17"},
	{"url.scheme", "https"}, {"server.address", "shop.example"}, {"server.port", 443}, {"network.protocol.version", "1.1"},
	{"user_agent.original", "curl/8"}, {"client.address", "10.0.0.7"}, {"thread.id", 12}, {"thread.name", "worker-3"},
	{"db.system.name", "postgresql"}, {"db.namespace", "shop"}, {"db.operation.name", "SELECT"}, {"db.collection.name", "orders"},
	{"messaging.system", "kafka"}, {"code.function.name", "handle"}, {"code.line.number", 42}, {"peer.service", "orders"},
}

// model is one that calls are made to, and its prices in USD per million tokens: fresh input, cached, output.
type model struct {
	provider, name    string
	fresh, read, text string
}

// models of the load.
var models = []model{
	{"openai", "gpt-4o-mini", "0.15", "0.075", "0.6"}, {"openai", "gpt-4o", "2.5", "1.25", "10.0"}, {"openai", "gpt-4.1", "2.0", "0.5", "8.0"},
	{"openai", "gpt-4.1-mini", "0.4", "0.1", "1.6"}, {"openai", "o4-mini", "1.1", "0.275", "4.4"},
}

// catalogue are all models that llmcost prices out of the box by their input and output tokens, as far as OTTL is told of them: today's
// standard prices of short requests, under the models' own names.
func catalogue() ([]model, error) {
	w, err := pricing.NewWatch()
	if err != nil {
		return nil, err
	}
	var out []model
	for _, full := range w.Book().Models() {
		provider, name, _ := strings.Cut(full, "/")
		e, ok := w.Book().Lookup(provider, name, time.Now())
		if !ok {
			continue
		}
		t := e.Table(pricing.Standard, 1)
		if t == nil || !t.Has(ledger.FreshInput) || !t.Has(ledger.TextOutput) {
			continue
		}
		million, _ := t.Prices()
		price := func(b ledger.Bucket) string {
			if !t.Has(b) {
				b = ledger.FreshInput
			}
			p := million[b.String()]
			if !strings.Contains(p, ".") {
				p += ".0"
			}
			return p
		}
		out = append(out, model{provider, name, price(ledger.FreshInput), price(ledger.CacheRead), price(ledger.TextOutput)})
	}
	return out, nil
}

// modelAttrs are the 20 attributes of a call.
func modelAttrs(i int) []attr {
	return []attr{
		{"gen_ai.provider.name", "openai"}, {"gen_ai.operation.name", "chat"}, {"gen_ai.request.model", models[i%len(models)].name},
		{"gen_ai.response.model", models[i%len(models)].name}, {"gen_ai.response.id", fmt.Sprintf("chatcmpl-9J3uyL8f2k3j4h5g6f7d8s%06d", i)},
		{"gen_ai.usage.input_tokens", 1200 + i%700}, {"gen_ai.usage.output_tokens", 321 + i%90}, {"gen_ai.usage.cache_read.input_tokens", 1024},
		{"gen_ai.usage.reasoning.output_tokens", 64}, {"gen_ai.response.finish_reasons", []any{"stop"}},
		{"gen_ai.request.temperature", 0.2}, {"gen_ai.request.max_tokens", 1024}, {"gen_ai.conversation.id", "c-8123"},
		{"gen_ai.agent.name", "helper"}, {"server.address", "api.openai.com"}, {"server.port", 443}, {"user.id", "u-77"},
		{"gen_ai.request.top_p", 1.0}, {"gen_ai.request.stream", true}, {"http.response.status_code", 200},
	}
}

// wire makes a request of n spans, three a trace; calls says of each whether it is a call to a model.
func wire(seed uint64, n int, call func(i int) bool) []byte { return wireOf(seed, n, call, false) }

// wireOf is wire; shuffled, every span has its attributes in an order of its own, as no instrumentation writes them.
func wireOf(seed uint64, n int, call func(i int) bool, shuffled bool) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	_ = rs.Resource().Attributes().FromRaw(map[string]any{
		"service.name": "shop", "tenant.id": "acme", "host.name": "web-3", "deployment.environment.name": "production",
		"telemetry.sdk.language": "go", "telemetry.sdk.version": "1.44.0",
	})
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("shop")
	var trace pcommon.TraceID
	for i := range n {
		s := ss.Spans().AppendEmpty()
		if i%3 == 0 {
			binary.BigEndian.PutUint64(trace[:8], random.Uint64())
			binary.BigEndian.PutUint64(trace[8:], random.Uint64())
		}
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], random.Uint64())
		s.SetTraceID(trace)
		s.SetSpanID(id)
		s.SetName("POST /v1/orders")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-2 * time.Second)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		if i%60 == 0 {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
		attrs := otherAttrs
		if call(i) {
			attrs = modelAttrs(i)
		}
		if shuffled {
			attrs = slices.Clone(attrs)
			random.Shuffle(len(attrs), func(i, k int) { attrs[i], attrs[k] = attrs[k], attrs[i] })
		}
		for _, a := range attrs {
			_ = s.Attributes().PutEmpty(a.key).FromRaw(a.value)
		}
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		panic(err) // what was just made
	}
	return b
}

func everyThird(i int) bool { return i%3 == 0 }

func decode(b []byte) ptrace.Traces {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
	if err != nil {
		panic(err)
	}
	return td
}
