package countsink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Queue names a gauge of model servers that says how many calls wait there.
type Queue struct {
	Metric string `mapstructure:"metric" yaml:"metric"` // like vllm:num_requests_waiting
	Model  string `mapstructure:"model" yaml:"model"`   // the attribute of its points that names the model, like model_name; empty: none does
}

// Validate reports names that match nothing or twice.
func (c *Config) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for i, q := range c.Queues {
		switch {
		case q.Metric == "":
			errs = append(errs, fmt.Errorf("queue_depth[%d].metric is empty: name the gauge of the model server, like vllm:num_requests_waiting", i))
		case seen[q.Metric]:
			errs = append(errs, fmt.Errorf("queue_depth[%d].metric %q is listed twice: leave one", i, q.Metric))
		}
		seen[q.Metric] = true
	}
	return errors.Join(errs...)
}

const (
	queueKeep  = 90 * time.Second // a server that says nothing for longer has no queue that we know of
	queueMost  = 1000             // series; what comes beyond is not taken
	queueLabel = 200              // characters of a name
)

// queues is what the servers said last.
type queues struct {
	named map[string]string // metric → attribute of the model
	now   func() time.Time

	mu   sync.Mutex
	last map[queueOf]depth
}

type queueOf struct{ model, server string }

type depth struct {
	calls float64
	at    time.Time
}

func newQueues(c *Config, now func() time.Time) *queues {
	q := &queues{named: map[string]string{}, now: now, last: map[queueOf]depth{}}
	for _, n := range c.Queues {
		q.named[n.Metric] = n.Model
	}
	return q
}

// observe reports what is known and forgets what is old.
func (q *queues) observe(_ context.Context, o metric.Float64Observer) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for of, d := range q.last {
		if q.now().Sub(d.at) > queueKeep {
			delete(q.last, of)
			continue
		}
		o.Observe(d.calls, metric.WithAttributes(attribute.String("model", of.model), attribute.String("server", of.server)))
	}
	return nil
}

// take reads the named gauges out of the metrics.
func (q *queues) take(md pmetric.Metrics) {
	if len(q.named) == 0 {
		return
	}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if model, ok := q.named[m.Name()]; ok {
					q.points(rm.Resource().Attributes(), m, model)
				}
			}
		}
	}
}

func (q *queues) points(resource pcommon.Map, m pmetric.Metric, model string) {
	var points pmetric.NumberDataPointSlice
	switch {
	case m.Type() == pmetric.MetricTypeGauge:
		points = m.Gauge().DataPoints()
	case m.Type() == pmetric.MetricTypeSum && !m.Sum().IsMonotonic() && m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityCumulative:
		points = m.Sum().DataPoints() // an up-down counter
	default:
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range points.All() {
		value := p.DoubleValue()
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			value = float64(p.IntValue())
		}
		if p.Flags().NoRecordedValue() || !(value >= 0 && value < 1e12) { // also not a number
			continue
		}
		of := queueOf{server: server(resource, p.Attributes(), model)}
		if v, ok := p.Attributes().Get(model); ok && model != "" {
			of.model = short(v.AsString())
		}
		if _, known := q.last[of]; known || len(q.last) < queueMost {
			q.last[of] = depth{value, q.now()}
		}
	}
}

// server tells the series of one model apart: by the instance that the resource names, and by what the point says beside
// the model (an engine of several on one server).
func server(resource, point pcommon.Map, model string) string {
	var parts []string
	for _, key := range []string{"service.instance.id", "instance", "host.name", "k8s.pod.name"} {
		if v, ok := resource.Get(key); ok {
			parts = append(parts, v.AsString())
			break
		}
	}
	type pair struct{ key, value string }
	var rest []pair
	for key, v := range point.All() {
		if key != model {
			rest = append(rest, pair{key, v.AsString()})
		}
	}
	slices.SortFunc(rest, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	for _, r := range rest {
		parts = append(parts, r.key+"="+r.value)
	}
	return short(strings.Join(parts, " "))
}

func short(s string) string {
	if r := []rune(strings.ToValidUTF8(s, "�")); len(r) > queueLabel {
		return string(r[:queueLabel])
	}
	return strings.ToValidUTF8(s, "�")
}
