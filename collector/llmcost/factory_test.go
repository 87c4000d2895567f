package llmcost

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
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
		"tollkeeper_llmcost_unpriced": {"unknown_model": 1},
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

func TestConfigKeys(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	in := confmap.NewFromStringMap(map[string]any{
		"tenant": map[string]any{
			"order": []any{"span"}, "resource_keys": []any{"org"}, "span_keys": []any{"acct"}, "default": "house", "require_auth": true,
		},
		"price_files": []any{"a.yaml"}, "price_reload": "1m", "trust_cost_of": []any{"litellm"},
	})
	require.NoError(t, in.Unmarshal(cfg))
	require.Equal(t, &Config{
		Tenant:     TenantConfig{Order: []string{"span"}, HeaderKeys: []string{"x-tenant-id"}, ResourceKeys: []string{"org"}, SpanKeys: []string{"acct"}, Default: "house", RequireAuth: true},
		PriceFiles: []string{"a.yaml"}, PriceReload: time.Minute, TrustCostOf: []string{"litellm"},
	}, cfg)
	require.Error(t, confmap.NewFromStringMap(map[string]any{"prices": 1}).Unmarshal(NewFactory().CreateDefaultConfig()))
}
