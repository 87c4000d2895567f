package llmsampling

import (
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

// BenchmarkSampler takes batches of 99 spans in 33 traces with 20 attributes each, one of them a prompt, and keeps a tenth.
// The copy that each round needs is measured apart ("copy").
func BenchmarkSampler(b *testing.B) {
	var in []span
	for range 33 {
		attrs := map[string]any{attrCost: "0.0012", attrTenant: "acme", "gen_ai.input.messages": "secret"}
		for _, k := range []string{"a.b", "c.d", "e.f", "g.h", "i.j", "k.l", "m.n", "o.p", "q.r", "s.t", "u.v", "w.x", "y.z", "http.route", "db.system", "net.peer", "app.x"} {
			attrs[k] = "some value of usual length"
		}
		trace := traceWith(rand.Uint64())
		in = append(in, span{name: "root", trace: trace, attrs: attrs}, span{name: "chat", trace: trace, attrs: attrs}, span{name: "db", trace: trace, attrs: attrs})
	}
	td := build(in...)
	fresh := func() ptrace.Traces {
		c := ptrace.NewTraces()
		td.CopyTo(c)
		return c
	}
	b.Run("copy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fresh()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*99), "ns/span")
	})
	b.Run("copy+sample", func(b *testing.B) {
		cfg := DefaultConfig()
		cfg.DecisionWait = 0
		p, err := NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(NewFactory().Type()), &cfg, consumertest.NewNop())
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Start(b.Context(), componenttest.NewNopHost()); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			_ = p.ConsumeTraces(b.Context(), fresh())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*99), "ns/span")
		_ = p.Shutdown(b.Context())
	})
}
