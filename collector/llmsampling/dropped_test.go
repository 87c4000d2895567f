package llmsampling

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tollkeeper/tollkeeper/collector/llmsampling/internal/metadatatest"
)

// What is dropped is counted by reason: a trace with a reason is dropped for want of room only, one without if its randomness says so,
// whatever room there is, and else for want of room.
func TestDroppedByReason(t *testing.T) {
	for name, budget := range map[string]int{"no budget": 0, "no room": 1} {
		t.Run(name, func(t *testing.T) {
			tel := componenttest.NewTelemetry()
			defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
			cfg := DefaultConfig()
			cfg.Probability, cfg.FloorPerMinute, cfg.BudgetKiB, cfg.DecisionWait = 0.5, 0, budget, time.Second
			sink, clock := new(consumertest.TracesSink), time.Unix(1_800_000_000, 0)
			s, err := newSampler(cfg, metadatatest.NewSettings(tel), sink, func() time.Time { return clock })
			require.NoError(t, err)
			note := map[string]any{"note": strings.Repeat("x", 1000)}
			const each = 64
			for i := range each {
				random := uint64(i) * (randomRange / each)
				require.NoError(t, s.ConsumeTraces(t.Context(), build(span{name: fmt.Sprint(i), trace: traceWith(random), attrs: note})))
				require.NoError(t, s.ConsumeTraces(t.Context(), build(span{name: fmt.Sprint("failed", i), trace: traceWith(random + 1), attrs: note, failed: true})))
			}
			clock = clock.Add(2 * time.Second)
			s.release(t.Context(), clock, 1<<30)

			spans, bytes := byReason(t, tel, "spans"), byReason(t, tel, "bytes")
			require.EqualValues(t, each/2, spans["dropped"]["random"])
			require.Equal(t, sumOf(spans), int64(2*each))
			require.EqualValues(t, sink.SpanCount(), spans["kept"]["error"]+spans["kept"]["random"])
			if budget == 0 {
				require.EqualValues(t, each, spans["kept"]["error"])
				require.Zero(t, spans["dropped"]["budget"])
			} else {
				require.Greater(t, spans["dropped"]["budget"], int64(each))
			}
			for what, reasons := range spans {
				for reason, n := range reasons {
					size := bytes[what][reason] / max(n, 1)
					require.True(t, size > 1000 && size < 1400, "%s %s: %d bytes a span", what, reason, size)
				}
			}
		})
	}
}

// What a full queue refuses is told in bytes too.
func TestRefusedBytes(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
	cfg := DefaultConfig()
	cfg.DecisionWait = 0
	s, err := newSampler(cfg, metadatatest.NewSettings(tel), consumertest.NewErr(errors.New("queue is full")), time.Now)
	require.NoError(t, err)
	require.NoError(t, s.ConsumeTraces(t.Context(), build(span{failed: true, attrs: map[string]any{"note": strings.Repeat("x", 1000)}})))
	for metric, least := range map[string]int64{"spans": 1, "bytes": 1000} {
		m, err := tel.GetMetric("tollkeeper_collector_sampling_" + metric + "_refused")
		require.NoError(t, err)
		require.GreaterOrEqual(t, m.Data.(metricdata.Sum[int64]).DataPoints[0].Value, least)
	}
}

// byReason reads what was kept and dropped.
func byReason(t *testing.T, tel *componenttest.Telemetry, unit string) map[string]map[string]int64 {
	out := map[string]map[string]int64{"kept": {}, "dropped": {}}
	for what, reasons := range out {
		m, err := tel.GetMetric("tollkeeper_collector_sampling_" + unit + "_" + what)
		if err != nil {
			continue // nothing was
		}
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			v, ok := p.Attributes.Value("reason")
			require.True(t, ok)
			reasons[v.AsString()] += p.Value
		}
	}
	return out
}

func sumOf(of map[string]map[string]int64) (n int64) {
	for _, reasons := range of {
		for _, v := range reasons {
			n += v
		}
	}
	return n
}
