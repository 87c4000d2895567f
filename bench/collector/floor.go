package main

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/collector/llmsampling"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// What no code can do without that sets these tags in a Collector: the measure of what is left to gain.

// withTags is a request as the payload pipeline hands it on when it keeps all.
func withTags(ctx context.Context, wire []byte) ([]byte, error) {
	p, err := start(ctx, llmcost.NewFactory(), nil, discard())
	if err != nil {
		return nil, err
	}
	td := decode(wire)
	if err := p.ConsumeTraces(ctx, td); err != nil {
		return nil, err
	}
	for _, rs := range td.ResourceSpans().All() {
		rs.Resource().Attributes().Remove(ledger.AttrCalls)
		for _, s := range rs.ScopeSpans().At(0).Spans().All() {
			s.Attributes().PutStr(llmsampling.AttrKept, "random")
			s.Attributes().PutDouble(llmsampling.AttrProbability, 1)
		}
	}
	if err := p.Shutdown(ctx); err != nil {
		return nil, err
	}
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}

// putOnly looks at every attribute once and puts the tags that llmcost would, known beforehand, with pdata's own functions: no reading
// of what the attributes say, no price, no amount written as text, no call for Kafka.
func putOnly(ctx context.Context, ours consumer.Traces, wire []byte) (consumer.Traces, error) {
	td := decode(wire)
	if err := ours.ConsumeTraces(ctx, td); err != nil {
		return nil, err
	}
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	type tag struct {
		key    string
		kind   pcommon.ValueType
		text   string
		number int64
		double float64
	}
	tags := make([][]tag, spans.Len())
	for i, s := range spans.All() {
		for k, v := range s.Attributes().All() {
			if !strings.HasPrefix(k, ledger.AttrPrefix) {
				continue
			}
			t := tag{key: k, kind: v.Type()}
			switch t.kind {
			case pcommon.ValueTypeStr:
				t.text = v.Str()
			case pcommon.ValueTypeInt:
				t.number = v.Int()
			case pcommon.ValueTypeDouble:
				t.double = v.Double()
			}
			tags[i] = append(tags[i], t)
		}
	}
	return consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		looked := 0
		for i, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			attrs := s.Attributes()
			for k, v := range attrs.All() {
				looked += len(k) + int(v.Type())
			}
			attrs.EnsureCapacity(attrs.Len() + len(tags[i]))
			for _, t := range tags[i] {
				switch t.kind {
				case pcommon.ValueTypeStr:
					attrs.PutStr(t.key, t.text)
				case pcommon.ValueTypeInt:
					attrs.PutInt(t.key, t.number)
				case pcommon.ValueTypeDouble:
					attrs.PutDouble(t.key, t.double)
				}
			}
		}
		sink = looked
		return nil
	})
}

// keysOnly looks at the first letter of every attribute's key, by pdata's own functions: what can't be left out by who is to find the few
// spans that tell of a model. It is a processor of a Collector, as llmcost is, so that a request costs what a Collector takes for one.
func keysOnly(ctx context.Context) (processor.Traces, error) {
	look := func(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) {
		looked := 0
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			for k := range s.Attributes().All() {
				looked += int(k[0])
			}
		}
		sink = looked
		return td, nil
	}
	kind := component.MustNewType("look")
	f := processor.NewFactory(kind, func() component.Config { return &struct{}{} }, processor.WithTraces(
		func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			return processorhelper.NewTraces(ctx, set, cfg, next, look, processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
		}, component.StabilityLevelDevelopment))
	return start(ctx, f, nil, discard())
}

// sink keeps what is measured from being left out.
var sink int
