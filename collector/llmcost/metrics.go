package llmcost

import (
	"context"
	"math/bits"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/collector/llmcost/internal/metadata"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// counts is what one request held.
type counts struct {
	outcome  [genai.NumOutcomes]int64
	unpriced map[unpricedKey]int64
	flags    [32]int64
}

// unpricedKey is by what calls without a price are counted.
type unpricedKey struct{ reason, model string }

func (n *counts) reset() {
	clear(n.unpriced) // the names are the request's memory
	*n = counts{unpriced: n.unpriced}
}

func (n *counts) add(c *ledger.Call) {
	if c.Unpriced != "" {
		if n.unpriced == nil {
			n.unpriced = map[unpricedKey]int64{}
		}
		n.unpriced[unpricedKey{c.Unpriced, modelNamed(c)}]++
	}
	for f := c.Flags; f != 0; f &= f - 1 {
		n.flags[bits.TrailingZeros32(uint32(f))]++
	}
}

// metrics of the processor; metadata.yaml lists them.
type metrics struct {
	*metadata.TelemetryBuilder
	outcomes [genai.NumOutcomes]metric.MeasurementOption
	flags    [32]metric.MeasurementOption

	mu       sync.Mutex // guards the next two
	models   map[string]bool
	unpriced map[unpricedKey]metric.MeasurementOption

	reloadTaken, reloadFailed metric.MeasurementOption
}

func newMetrics(set component.TelemetrySettings) (*metrics, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	m := metrics{TelemetryBuilder: b, models: map[string]bool{}, unpriced: map[unpricedKey]metric.MeasurementOption{}}
	option := func(key, value string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
	}
	m.reloadTaken, m.reloadFailed = option("result", "taken"), option("result", "refused")
	for i := range m.outcomes {
		m.outcomes[i] = option("outcome", genai.Outcome(i).String())
	}
	for i := range m.flags {
		m.flags[i] = option("flag", ledger.Flags(1<<i).String())
	}
	return &m, nil
}

func (m *metrics) record(ctx context.Context, n *counts) {
	add(ctx, m.LlmcostSpans, n.outcome[:], m.outcomes[:])
	for k, v := range n.unpriced {
		m.LlmcostUnpriced.Add(ctx, v, m.unpricedOption(k))
	}
	add(ctx, m.LlmcostFlagged, n.flags[:], m.flags[:])
}

// The model's name where the span has none, and where too many were met.
const (
	noModel     = "(none)"
	otherModels = "(other)"
	// maxUnpricedModels bounds the names that are told apart, which are up to the senders.
	maxUnpricedModels = 100
)

// modelNamed is the model for which a price is missing.
func modelNamed(c *ledger.Call) string {
	switch {
	case c.Model != "":
		return c.Model
	case c.RequestModel != "":
		return c.RequestModel
	}
	return noModel
}

// unpricedOption are the labels of a count.
func (m *metrics) unpricedOption(k unpricedKey) metric.MeasurementOption {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o, ok := m.unpriced[k]; ok {
		return o
	}
	model := ledger.CleanText(k.model)
	if !m.models[model] {
		if len(m.models) >= maxUnpricedModels {
			model = otherModels
			k.model = model
			if o, ok := m.unpriced[k]; ok {
				return o
			}
		} else {
			model = strings.Clone(model)
			m.models[model] = true
		}
	}
	k.model = model
	o := metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", k.reason), attribute.String("model", model)))
	m.unpriced[k] = o
	return o
}

func add(ctx context.Context, c metric.Int64Counter, values []int64, options []metric.MeasurementOption) {
	for i, v := range values {
		if v != 0 {
			c.Add(ctx, v, options[i])
		}
	}
}
