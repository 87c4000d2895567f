package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/internal/goals"
)

const (
	perRequest = 1000
	requests   = 15
)

// start makes and starts a processor with its configuration laid over the default one.
func start(ctx context.Context, f processor.Factory, config map[string]any, next consumer.Traces) (processor.Traces, error) {
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(config).Unmarshal(cfg); err != nil {
		return nil, err
	}
	p, err := f.CreateTraces(ctx, processortest.NewNopSettings(f.Type()), cfg, next)
	if err != nil {
		return nil, err
	}
	return p, p.Start(ctx, componenttest.NewNopHost())
}

func discard() consumer.Traces {
	c, _ := consumer.NewTraces(func(context.Context, ptrace.Traces) error { return nil })
	return c
}

// ottl is llmcost's tagging as far as OTTL can: doubles for money, the prices of some models written out, those of a provider passed
// over at once by other providers' calls. It can't do exact decimals, dates and tiers of prices, other emitters' keys,
// contradictions, identity and settlement, nor the encoded call.
func ottl(prices []model) map[string]any {
	const isCall = `span.attributes["gen_ai.request.model"] != nil`
	group := func(condition string, statements []string) map[string]any {
		return map[string]any{"context": "span", "conditions": []any{condition}, "statements": anys(statements)}
	}
	groups := []any{group(isCall, []string{
		`delete_matching_keys(span.attributes, "^tollkeeper[.]")`,
		`set(span.attributes["tollkeeper.usage.cache_read"], span.attributes["gen_ai.usage.cache_read.input_tokens"]) where span.attributes["gen_ai.usage.cache_read.input_tokens"] != nil`,
		`set(span.attributes["tollkeeper.usage.fresh_input"], span.attributes["gen_ai.usage.input_tokens"] - span.attributes["gen_ai.usage.cache_read.input_tokens"])`,
		`set(span.attributes["tollkeeper.usage.reasoning"], span.attributes["gen_ai.usage.reasoning.output_tokens"]) where span.attributes["gen_ai.usage.reasoning.output_tokens"] != nil`,
		`set(span.attributes["tollkeeper.usage.text_output"], span.attributes["gen_ai.usage.output_tokens"] - span.attributes["gen_ai.usage.reasoning.output_tokens"])`,
	})}
	for len(prices) > 0 {
		provider := prices[0].provider
		var statements []string
		for len(prices) > 0 && prices[0].provider == provider {
			m := prices[0]
			prices = prices[1:]
			is := fmt.Sprintf(` where span.attributes["gen_ai.response.model"] == %q`, m.name)
			statements = append(statements,
				fmt.Sprintf(`set(span.attributes["tollkeeper.cost"], (span.attributes["tollkeeper.usage.fresh_input"] * %s + span.attributes["tollkeeper.usage.cache_read"] * %s + span.attributes["gen_ai.usage.output_tokens"] * %s) / 1000000.0)`,
					m.fresh, m.read, m.text)+is,
				fmt.Sprintf(`set(span.attributes["tollkeeper.price.entry"], %q)`, m.provider+"/"+m.name)+is)
		}
		groups = append(groups, group(fmt.Sprintf(`span.attributes["gen_ai.provider.name"] == %q`, provider), statements))
	}
	groups = append(groups, group(isCall, []string{
		`set(span.attributes["tollkeeper.cost.usd"], String(span.attributes["tollkeeper.cost"]))`,
		`set(span.attributes["tollkeeper.unpriced"], "unknown_model") where span.attributes["tollkeeper.cost"] == nil`,
		`set(span.attributes["tollkeeper.rule"], "otel.genai")`,
		`set(span.attributes["tollkeeper.flags"], "unique_id,stream,tenant_claimed") where span.attributes["gen_ai.response.id"] != nil and span.attributes["gen_ai.request.stream"] == true`,
		`set(resource.attributes["tollkeeper.tenant"], resource.attributes["tenant.id"])`,
		`set(resource.attributes["tollkeeper.tenant_source"], "resource")`,
		`set(resource.attributes["tollkeeper.currency"], "USD")`,
	}))
	return map[string]any{"error_mode": "ignore", "trace_statements": groups}
}

func anys(in []string) (out []any) {
	for _, s := range in {
		out = append(out, s)
	}
	return out
}

// fresh measures a processor on requests that were just read off the wire, in nanoseconds per span.
func fresh(ctx context.Context, p consumer.Traces, wire []byte) (float64, error) {
	in := make([]ptrace.Traces, requests)
	for i := range in {
		in[i] = decode(wire)
	}
	runtime.GC()
	before := cpuTime()
	for _, td := range in {
		if err := p.ConsumeTraces(ctx, td); err != nil {
			return 0, err
		}
	}
	return float64(cpuTime()-before) / (requests * perRequest), nil
}

// sentSpansAtMost is how many spans an SDK sends in a request, unless it is told otherwise (OTel specification, "Batching processor",
// maxExportBatchSize).
const sentSpansAtMost = 512

// inPlace measures reading requests off the wire and processing each directly after, in one goroutine, as the otlp receiver does for
// its pipeline: nanoseconds a span for either. No garbage is collected meanwhile: a process with as small a heap would do nothing else.
func inPlace(ctx context.Context, p consumer.Traces, wire []byte, spans int) (read, process float64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	requests := max(1, requests*perRequest/spans)
	var reading, processing time.Duration
	for range requests {
		began := threadTime()
		td := decode(wire)
		then := threadTime()
		if err := p.ConsumeTraces(ctx, td); err != nil {
			return 0, 0, err
		}
		reading += then - began
		processing += threadTime() - then
	}
	all := float64(requests * spans)
	return float64(reading) / all, float64(processing) / all, nil
}

// reading is the yardstick: the same requests off the wire.
func reading(wire []byte) float64 {
	keep := make([]ptrace.Traces, requests)
	runtime.GC()
	before := cpuTime()
	for i := range keep {
		keep[i] = decode(wire)
	}
	spent := cpuTime() - before
	runtime.KeepAlive(keep)
	return float64(spent) / (requests * perRequest)
}

// passes over the same requests, for what changes nothing and is over in no time. A request that the receiver has just read is in
// the processor's cache, as a small request is that is passed over again and again; twenty megabytes of them aren't.
const passes = 40

func untouched(ctx context.Context, p consumer.Traces, in []ptrace.Traces, passes int) (float64, error) {
	runtime.GC()
	before := cpuTime()
	for range passes {
		for _, td := range in {
			if err := p.ConsumeTraces(ctx, td); err != nil {
				return 0, err
			}
		}
	}
	return float64(cpuTime()-before) / float64(passes*len(in)*in[0].SpanCount()), nil
}

// allocations of one request whose spans have nothing to do with a model: the fewest of many tries, since others (a pool that a
// collection of garbage emptied, the runtime) allocate too.
func allocations(ctx context.Context, p processor.Traces, spans int) (float64, error) {
	td := decode(wire(1, spans, none))
	fewest := math.Inf(1)
	var before, after runtime.MemStats
	for range 200 {
		runtime.ReadMemStats(&before)
		if err := p.ConsumeTraces(ctx, td); err != nil {
			return 0, err
		}
		runtime.ReadMemStats(&after)
		fewest = min(fewest, float64(after.Mallocs-before.Mallocs))
	}
	return fewest, nil
}

func benchCost(ctx context.Context, rounds int) ([]goals.Row, error) {
	b, err := newCostBench(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	for range rounds + 1 { // the first warms up
		if err := b.outOfCache(); err != nil {
			return nil, err
		}
		if err := b.inPlace(); err != nil {
			return nil, err
		}
	}
	for k := range b.took {
		b.took[k] = b.took[k][1:]
	}
	one, err := allocations(ctx, b.ours, 1)
	if err != nil {
		return nil, err
	}
	many, err := allocations(ctx, b.ours, perRequest)
	if err != nil {
		return nil, err
	}
	return b.rows((many - one) / (perRequest - 1)), nil
}

// costBench is what is compared, what it is given, and how long it took.
type costBench struct {
	ctx                            context.Context
	ours, theirs, theirAll         processor.Traces // llmcost; the transform processor with the load's models and with all
	least, look                    consumer.Traces  // that put the tags alone, and look at the keys alone
	models                         int              // that theirAll knows
	calls, mixed, shuffled, others []byte           // requests
	cold, hot                      []ptrace.Traces  // of others
	took                           series
}

func newCostBench(ctx context.Context) (b *costBench, err error) {
	b = &costBench{ctx: ctx, took: series{}}
	if b.ours, err = start(ctx, llmcost.NewFactory(), nil, discard()); err != nil {
		return nil, err
	}
	all, err := catalogue()
	if err != nil {
		return nil, err
	}
	b.models = len(all)
	transform := transformprocessor.NewFactory()
	if b.theirs, err = start(ctx, transform, ottl(models), discard()); err != nil {
		return nil, err
	}
	if b.theirAll, err = start(ctx, transform, ottl(all), discard()); err != nil {
		return nil, err
	}
	b.calls = wire(2, perRequest, every)
	b.mixed = wire(3, perRequest, everyThird)
	b.shuffled = wireOf(2, perRequest, every, true)
	b.others = wire(4, perRequest, none)
	for _, other := range []processor.Traces{b.theirs, b.theirAll} {
		if err := sameTags(ctx, b.ours, other, b.calls); err != nil {
			return nil, err
		}
	}
	if b.least, err = putOnly(ctx, b.ours, b.calls); err != nil {
		return nil, err
	}
	if b.look, err = keysOnly(ctx); err != nil {
		return nil, err
	}
	for range requests {
		b.cold = append(b.cold, decode(b.others))
	}
	b.hot = []ptrace.Traces{decode(wire(5, 99, none))}
	return b, nil
}

func every(int) bool { return true }
func none(int) bool  { return false }

func (b *costBench) close() {
	for _, p := range []processor.Traces{b.ours, b.theirs, b.theirAll} {
		_ = p.Shutdown(b.ctx)
	}
}

// outOfCache measures one round of what comes from memory, and of what is looked at again and again.
func (b *costBench) outOfCache() error {
	for _, m := range []struct {
		name string
		run  func() (float64, error)
	}{
		{"read call", func() (float64, error) { return reading(b.calls), nil }},
		{"call", func() (float64, error) { return fresh(b.ctx, b.ours, b.calls) }},
		{"shuffled", func() (float64, error) { return fresh(b.ctx, b.ours, b.shuffled) }},
		{"least", func() (float64, error) { return fresh(b.ctx, b.least, b.calls) }},
		{"ottl call", func() (float64, error) { return fresh(b.ctx, b.theirs, b.calls) }},
		{"ottl all", func() (float64, error) { return fresh(b.ctx, b.theirAll, b.calls) }},
		{"mixed", func() (float64, error) { return fresh(b.ctx, b.ours, b.mixed) }},
		{"ottl mixed", func() (float64, error) { return fresh(b.ctx, b.theirs, b.mixed) }},
		{"read other", func() (float64, error) { return reading(b.others), nil }},
		{"other", func() (float64, error) { return untouched(b.ctx, b.ours, b.hot, passes*100) }},
		{"keys only", func() (float64, error) { return untouched(b.ctx, b.look, b.hot, passes*100) }},
		{"other cold", func() (float64, error) { return untouched(b.ctx, b.ours, b.cold, passes/4) }},
	} {
		v, err := m.run()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		b.took.add(m.name, v)
	}
	return nil
}

// inPlace measures one round of requests that are processed directly after they were read.
func (b *costBench) inPlace() error {
	for _, m := range []struct {
		name  string
		p     consumer.Traces
		wire  []byte
		spans int
	}{
		{"call in place", b.ours, wire(2, sentSpansAtMost, every), sentSpansAtMost}, {"call of 99 in place", b.ours, wire(2, 99, every), 99},
		{"ottl all in place", b.theirAll, wire(2, sentSpansAtMost, every), sentSpansAtMost},
		{"other in place", b.ours, wire(5, sentSpansAtMost, none), sentSpansAtMost}, {"other of 99 in place", b.ours, wire(5, 99, none), 99},
		{"keys only in place", b.look, wire(5, 99, none), 99},
	} {
		read, process, err := inPlace(b.ctx, m.p, m.wire, m.spans)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		b.took.add(m.name, process)
		b.took.add("read "+m.name, read)
	}
	return nil
}

// rows are the figures; another span makes so many allocations.
func (b *costBench) rows(allocations float64) []goals.Row {
	s := b.took
	return []goals.Row{
		goals.Told("reading a call's span off the wire, ns", fmt.Sprintf("%.0f", s.median("read call"))),
		goals.AtMost("llmcost, a call's span, ns", "%.0f", s.median("call"), 2000),
		goals.AtMost("… of reading that span off the wire", "%.2f", s.ratio("call", "read call"), 0.25),
		goals.Told(fmt.Sprintf("… directly after reading it, as behind a receiver, requests of %d (99), ns", sentSpansAtMost), fmt.Sprintf("%.0f (%.0f)", s.median("call in place"), s.median("call of 99 in place"))),
		goals.Told("… of reading it, as no garbage is collected", fmt.Sprintf("%.2f (%.2f)", s.ratio("call in place", "read call in place"), s.ratio("call of 99 in place", "read call of 99 in place"))),
		goals.Told("… with its attributes in an order of its own, as no instrumentation writes them, ns", fmt.Sprintf("%.0f", s.median("shuffled"))),
		goals.Told("putting the same tags with pdata's own functions, and nothing else, a call's span, ns", fmt.Sprintf("%.0f", s.median("least"))),
		goals.Told("… of llmcost", fmt.Sprintf("%.2f", s.ratio("least", "call"))),
		goals.AtMost("llmcost, another span of a request of 99 just read, ns", "%.0f", s.median("other"), 50),
		goals.AtMost("… of reading that span off the wire", "%.4f", s.ratio("other", "read other"), 0.01),
		goals.Told("looking at the first letter of each of its keys, and nothing else, ns", fmt.Sprintf("%.0f", s.median("keys only"))),
		goals.Told("llmcost, another span that has left the processor's cache, ns", fmt.Sprintf("%.0f", s.median("other cold"))),
		goals.Told(fmt.Sprintf("… directly after reading it, as behind a receiver, requests of %d (99), ns", sentSpansAtMost), fmt.Sprintf("%.0f (%.0f)", s.median("other in place"), s.median("other of 99 in place"))),
		goals.Told("looking at the first letter of each of its keys there, and nothing else, requests of 99, ns", fmt.Sprintf("%.0f", s.median("keys only in place"))),
		goals.AtMost("llmcost, another span, allocations", "%.3f", allocations, 0),
		goals.Told(fmt.Sprintf("transform processor with the prices of the catalogue's %d models, a call's span, ns", b.models), fmt.Sprintf("%.0f", s.median("ottl all"))),
		goals.AtLeast("… ÷ llmcost", "%.1f", s.ratio("ottl all", "call"), 10),
		goals.Told("… ÷ llmcost, both directly after reading", fmt.Sprintf("%.1f", s.ratio("ottl all in place", "call in place"))),
		goals.Told("… ÷ putting the same tags with pdata's own functions, and nothing else", fmt.Sprintf("%.1f", s.ratio("ottl all", "least"))),
		goals.Told(fmt.Sprintf("transform processor that knows only the load's %d models, a call's span, ns", len(models)), fmt.Sprintf("%.0f", s.median("ottl call"))),
		goals.Told("… ÷ llmcost", fmt.Sprintf("%.1f", s.ratio("ottl call", "call"))),
		goals.Told("… ÷ llmcost, one in three a call", fmt.Sprintf("%.1f", s.ratio("ottl mixed", "mixed"))),
	}
}

// sameTags makes sure that both compute the same, or the comparison says nothing.
func sameTags(ctx context.Context, ours, theirs processor.Traces, wire []byte) error {
	a, b := decode(wire), decode(wire)
	if err := ours.ConsumeTraces(ctx, a); err != nil {
		return err
	}
	if err := theirs.ConsumeTraces(ctx, b); err != nil {
		return err
	}
	as, bs := a.ResourceSpans().At(0).ScopeSpans().At(0).Spans(), b.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range as.Len() {
		x, y := as.At(i).Attributes().AsRaw(), bs.At(i).Attributes().AsRaw()
		for k := range x {
			if !strings.HasPrefix(k, "tollkeeper.") || k == llmcost.TagCost || k == llmcost.TagCostUSD {
				continue // amounts in OTTL are doubles and how they are written
			}
			if x[k] == nil || x[k] != y[k] {
				return fmt.Errorf("span %d: llmcost says %s = %v, transform %v", i, k, x[k], y[k])
			}
		}
		for k := range y {
			if strings.HasPrefix(k, "tollkeeper.") && x[k] == nil {
				return fmt.Errorf("span %d: transform says %s = %v, llmcost nothing", i, k, y[k])
			}
		}
		cost, _ := x["tollkeeper.cost"].(float64)
		other, _ := y["tollkeeper.cost"].(float64)
		if cost == 0 || math.Abs(cost-other) > 1e-12 {
			return fmt.Errorf("span %d: llmcost says cost %v, transform %v", i, cost, other)
		}
	}
	return nil
}
