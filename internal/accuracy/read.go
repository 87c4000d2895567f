package accuracy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// Recordings judges every recording below a folder, in the order of their names. Each is received when its last span ended:
// prices are those of its day, whenever this runs.
func Recordings(ctx context.Context, dir string) ([]Row, error) {
	all, err := replay.Load(dir)
	if err != nil {
		return nil, err
	}
	book, err := pricing.Builtin()
	if err != nil {
		return nil, fmt.Errorf("load prices: %w", err)
	}
	var llm tagger
	if err := llm.start(ctx, llmcost.SettleLearned); err != nil {
		return nil, fmt.Errorf("start llmcost: %w", err)
	}
	rows := make([]Row, len(all))
	for i := range all {
		// A world of its own each: what was seen in one recording (a gateway, a framework) says nothing of the next.
		for _, rs := range all[i].Traces.ResourceSpans().All() {
			rs.Resource().Attributes().PutStr("tenant.id", all[i].Name)
		}
		calls, err := llm.calls(ctx, all[i].Traces)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", all[i].Path, err), llm.processor.Shutdown(ctx))
		}
		rows[i] = Judge(book, &all[i], calls)
	}
	return rows, llm.processor.Shutdown(ctx)
}

// tagger is the collector's llmcost as it is configured by default, with a clock that stands still.
type tagger struct {
	processor processor.Traces
	now       time.Time
	tagged    ptrace.Traces
}

// start starts it; clients is settle_clients.
func (t *tagger) start(ctx context.Context, clients string) (err error) {
	factory := llmcost.NewFactoryAt(func() time.Time { return t.now })
	settings := processor.Settings{ID: component.NewID(llmcost.Type), TelemetrySettings: component.TelemetrySettings{
		Logger: zap.NewNop(), MeterProvider: metricnoop.NewMeterProvider(), TracerProvider: tracenoop.NewTracerProvider(),
		Resource: pcommon.NewResource(),
	}}
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		t.tagged = td
		return nil
	})
	if err != nil {
		return err
	}
	cfg := factory.CreateDefaultConfig().(*llmcost.Config)
	cfg.SettleClients = clients
	if t.processor, err = factory.CreateTraces(ctx, settings, cfg, next); err != nil {
		return err
	}
	return t.processor.Start(ctx, nil)
}

// calls sends traces through llmcost and decodes the calls that it found.
func (t *tagger) calls(ctx context.Context, td ptrace.Traces) ([]ledger.Call, error) {
	var end pcommon.Timestamp
	eachSpan(td, func(s ptrace.Span) { end = max(end, s.EndTimestamp()) })
	t.now = end.AsTime()
	if err := t.processor.ConsumeTraces(ctx, td); err != nil {
		return nil, err
	}
	var calls []ledger.Call
	var faults []error
	for i, rs := range t.tagged.ResourceSpans().All() {
		v, ok := rs.Resource().Attributes().Get(ledger.AttrCalls)
		if !ok {
			continue
		}
		err := ledger.DecodeBatch(v.Bytes().AsRaw(), func(c *ledger.Call, _ []byte) { calls = append(calls, *c) })
		if err != nil {
			faults = append(faults, fmt.Errorf("decode the calls of resource %d: %w", i, err))
		}
	}
	return calls, errors.Join(faults...)
}

func eachSpan(td ptrace.Traces, f func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				f(s)
			}
		}
	}
}
