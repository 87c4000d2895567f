package llmcost

import (
	"context"
	"math/bits"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/collector/llmcost/internal/metadata"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// unpricedReasons in the order in which they are counted.
var unpricedReasons = [...]string{
	ledger.UnpricedModel, ledger.UnpricedNoModel, ledger.UnpricedUsage, ledger.UnpricedBadUsage, ledger.UnpricedBucket,
	ledger.UnpricedTier, ledger.UnpricedUnits, ledger.UnpricedOverflow,
}

// counts is what one request held.
type counts struct {
	outcome  [genai.NumOutcomes]int64
	unpriced [len(unpricedReasons)]int64
	flags    [32]int64
}

func (n *counts) add(c *ledger.Call) {
	if c.Unpriced != "" {
		for i, r := range unpricedReasons {
			if r == c.Unpriced {
				n.unpriced[i]++
			}
		}
	}
	for f := c.Flags; f != 0; f &= f - 1 {
		n.flags[bits.TrailingZeros32(uint32(f))]++
	}
}

// metrics of the processor; metadata.yaml lists them.
type metrics struct {
	*metadata.TelemetryBuilder
	outcomes [genai.NumOutcomes]metric.MeasurementOption
	reasons  [len(unpricedReasons)]metric.MeasurementOption
	flags    [32]metric.MeasurementOption

	reloadTaken, reloadFailed metric.MeasurementOption
}

func newMetrics(set component.TelemetrySettings) (*metrics, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	m := metrics{TelemetryBuilder: b}
	option := func(key, value string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
	}
	m.reloadTaken, m.reloadFailed = option("result", "taken"), option("result", "refused")
	for i := range m.outcomes {
		m.outcomes[i] = option("outcome", genai.Outcome(i).String())
	}
	for i := range m.reasons {
		m.reasons[i] = option("reason", unpricedReasons[i])
	}
	for i := range m.flags {
		m.flags[i] = option("flag", ledger.Flags(1<<i).String())
	}
	return &m, nil
}

func (m *metrics) record(ctx context.Context, n *counts) {
	add(ctx, m.LlmcostSpans, n.outcome[:], m.outcomes[:])
	add(ctx, m.LlmcostUnpriced, n.unpriced[:], m.reasons[:])
	add(ctx, m.LlmcostFlagged, n.flags[:], m.flags[:])
}

func add(ctx context.Context, c metric.Int64Counter, values []int64, options []metric.MeasurementOption) {
	for i, v := range values {
		if v != 0 {
			c.Add(ctx, v, options[i])
		}
	}
}
