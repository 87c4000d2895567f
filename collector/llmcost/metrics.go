package llmcost

import (
	"context"
	"errors"
	"math/bits"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// unpricedReasons in the order in which they are counted.
var unpricedReasons = [...]string{
	ledger.UnpricedModel, ledger.UnpricedNoModel, ledger.UnpricedUsage, ledger.UnpricedBadUsage, ledger.UnpricedBucket,
	ledger.UnpricedTier, ledger.UnpricedOverflow,
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

// metrics are the processor's counters:
//
//	tollkeeper_llmcost_spans_total{outcome}      spans by what they were: other, not_call, aggregate, call
//	tollkeeper_llmcost_unpriced_total{reason}    calls without a price
//	tollkeeper_llmcost_flagged_total{flag}       calls by flag; a call with two flags counts in both
//	tollkeeper_llmcost_price_reloads_total{result}  changed price files: taken, or refused and the old ones kept
type metrics struct {
	spans, unpriced, flagged metric.Int64Counter
	outcomes                 [genai.NumOutcomes]metric.MeasurementOption
	reasons                  [len(unpricedReasons)]metric.MeasurementOption
	flags                    [32]metric.MeasurementOption

	reloads                   metric.Int64Counter
	reloadTaken, reloadFailed metric.MeasurementOption
}

func newMetrics(mp metric.MeterProvider) (*metrics, error) {
	meter := mp.Meter("github.com/tollkeeper/tollkeeper/collector/llmcost")
	var m metrics
	var errs [4]error
	m.spans, errs[0] = meter.Int64Counter("tollkeeper_llmcost_spans",
		metric.WithDescription("Spans by what they were."), metric.WithUnit("{span}"))
	m.unpriced, errs[1] = meter.Int64Counter("tollkeeper_llmcost_unpriced",
		metric.WithDescription("Calls without a price, by reason."), metric.WithUnit("{call}"))
	m.flagged, errs[2] = meter.Int64Counter("tollkeeper_llmcost_flagged",
		metric.WithDescription("Calls by flag; a call with two flags counts in both."), metric.WithUnit("{call}"))
	option := func(key, value string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
	}
	m.reloads, errs[3] = meter.Int64Counter("tollkeeper_llmcost_price_reloads",
		metric.WithDescription("Changed price files: taken, or refused and the old ones kept."), metric.WithUnit("{reload}"))
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
	return &m, errors.Join(errs[:]...)
}

func (m *metrics) record(ctx context.Context, n *counts) {
	add(ctx, m.spans, n.outcome[:], m.outcomes[:])
	add(ctx, m.unpriced, n.unpriced[:], m.reasons[:])
	add(ctx, m.flagged, n.flags[:], m.flags[:])
}

func add(ctx context.Context, c metric.Int64Counter, values []int64, options []metric.MeasurementOption) {
	for i, v := range values {
		if v != 0 {
			c.Add(ctx, v, options[i])
		}
	}
}
