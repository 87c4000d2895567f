package llmcost

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestInACollector(t *testing.T) {
	f := NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	next := new(consumertest.TracesSink)
	p, err := f.CreateTraces(context.Background(), set, cfg, next)
	require.NoError(t, err)
	require.True(t, p.Capabilities().MutatesData)
	require.NoError(t, p.Start(context.Background(), componenttest.NewNopHost()))
	td, _ := oneSpan("app", map[string]any{"tenant.id": "acme"}, merged(someCall, map[string]any{"gen_ai.request.model": "nobody-knows"}))
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(0).SetStartTimestamp(0) // outside at any hour of the day
	spans.AppendEmpty().SetName("http")
	require.NoError(t, spans.AppendEmpty().Attributes().FromRaw(map[string]any{"gen_ai.operation.name": "invoke_agent"}))
	require.NoError(t, p.ConsumeTraces(context.Background(), td))
	require.Equal(t, 3, next.SpanCount())
	require.NoError(t, p.Shutdown(context.Background()))
	for metric, want := range map[string]map[string]int64{
		"tollkeeper_llmcost_spans":    {"call": 1, "other": 1, "aggregate": 1},
		"tollkeeper_llmcost_unpriced": {"unknown_model": 1, "nobody-knows": 1},
		"tollkeeper_llmcost_flagged":  {"tenant_claimed": 1, "start_outside": 1, "candidate": 1},
	} {
		got, err := tel.GetMetric(metric)
		require.NoError(t, err)
		sum := map[string]int64{}
		for _, p := range got.Data.(metricdata.Sum[int64]).DataPoints {
			for _, kv := range p.Attributes.ToSlice() {
				sum[kv.Value.AsString()] += p.Value
			}
		}
		require.Equal(t, want, sum, metric)
	}
	require.NoError(t, tel.Shutdown(context.Background()))
}

// Calls without a price are counted by model, of so many models and no more: names are up to the senders.
func TestUnpricedModelsAreBounded(t *testing.T) {
	tel := componenttest.NewTelemetry()
	m, err := newMetrics(tel.NewTelemetrySettings())
	require.NoError(t, err)
	p := newTest(t, nil)
	p.metrics = m
	send := func(model any) {
		attrs := merged(someCall, map[string]any{"gen_ai.request.model": model})
		td, _ := oneSpan("app", nil, attrs)
		_, err := p.process(t.Context(), td)
		require.NoError(t, err)
	}
	for i := range maxUnpricedModels + 50 {
		send(fmt.Sprintf("nobody-knows-%d", i))
	}
	send("nobody-knows-7")
	send("nobody-knows-120")
	got, err := tel.GetMetric("tollkeeper_llmcost_unpriced")
	require.NoError(t, err)
	byModel, total := map[string]int64{}, int64(0)
	for _, d := range got.Data.(metricdata.Sum[int64]).DataPoints {
		reason, _ := d.Attributes.Value("reason")
		require.Equal(t, ledger.UnpricedModel, reason.AsString())
		model, _ := d.Attributes.Value("model")
		byModel[model.AsString()] = d.Value
		total += d.Value
	}
	require.Len(t, byModel, maxUnpricedModels+1)
	require.EqualValues(t, maxUnpricedModels+52, total)
	require.EqualValues(t, 2, byModel["nobody-knows-7"])
	require.EqualValues(t, 51, byModel[otherModels])

	require.NoError(t, tel.Shutdown(t.Context()))
	require.Equal(t, noModel, modelNamed(&ledger.Call{}))
	require.Equal(t, "asked", modelNamed(&ledger.Call{RequestModel: "asked"}))
}

func TestConfigKeys(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	in := confmap.NewFromStringMap(map[string]any{
		"tenant": map[string]any{
			"order": []any{"span"}, "resource_keys": []any{"org"}, "span_keys": []any{"acct"}, "default": "house", "require_auth": true,
		},
		"price_files": []any{"a.yaml"}, "price_reload": "1m", "trust_cost_of": []any{"litellm"}, "settle_clients": "always",
	})
	require.NoError(t, in.Unmarshal(cfg))
	require.Equal(t, &Config{
		Tenant:     TenantConfig{Order: []string{"span"}, HeaderKeys: []string{"x-tenant-id"}, ResourceKeys: []string{"org"}, SpanKeys: []string{"acct"}, Default: "house", RequireAuth: true},
		PriceFiles: []string{"a.yaml"}, PriceReload: time.Minute, TrustCostOf: []string{"litellm"}, SettleClients: SettleAlways,
	}, cfg)
	cfg.PriceFiles, cfg.SettleClients = nil, "sometimes"
	require.ErrorContains(t, cfg.Validate(), `settle_clients: "sometimes" is unknown; use learned or always`)
	require.Error(t, confmap.NewFromStringMap(map[string]any{"prices": 1}).Unmarshal(NewFactory().CreateDefaultConfig()))
}
