package llmcost

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/collector/llmcost/internal/metadata"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// Type is the name of the processor in a collector's configuration.
var Type = metadata.Type

// NewFactory returns the processor's factory.
func NewFactory() processor.Factory { return NewFactoryAt(time.Now) }

// NewFactoryAt is NewFactory with another clock: a recording is received when it was made, or its times would be out of bounds.
func NewFactoryAt(now func() time.Time) processor.Factory {
	create := func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
		return createTraces(ctx, set, cfg, next, now)
	}
	return processor.NewFactory(Type,
		func() component.Config { return DefaultConfig() },
		processor.WithTraces(create, metadata.TracesStability))
}

func createTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces, now func() time.Time) (processor.Traces, error) {
	c := cfg.(*Config)
	rules, err := genai.BuiltinRules()
	if err != nil {
		return nil, err
	}
	prices, err := pricing.NewWatch(c.PriceFiles...)
	if err != nil {
		return nil, fmt.Errorf("load prices: %w", err)
	}
	m, err := newMetrics(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	p := newProcessor(c, rules, prices, m, now)
	reload := &reload{prices: prices, every: c.PriceReload, log: set.Logger, metrics: m}
	return processorhelper.NewTraces(ctx, set, cfg, next, p.process,
		processorhelper.WithStart(reload.start), processorhelper.WithShutdown(reload.stop),
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
}

func newProcessor(cfg *Config, rules *genai.Rules, prices *pricing.Watch, m *metrics, now func() time.Time) *costProcessor {
	p := &costProcessor{
		tenants: newTenants(cfg.Tenant), rules: rules, prices: prices, metrics: m, now: now, trusted: map[string]bool{},
		layers: layers{seen: map[place]sight{}, always: cfg.SettleClients == SettleAlways},
	}
	for _, e := range cfg.TrustCostOf {
		p.trusted[e] = true
	}
	p.workers.New = func() any {
		return &worker{
			reader: genai.NewReader(rules), byID: newIndex(), byResponse: newIndex(),
			flagTexts: map[ledger.Flags]string{},
		}
	}
	return p
}
