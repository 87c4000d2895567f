package countsink

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func gauge(md pmetric.Metrics, name, instance, model string, value float64) {
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.instance.id", instance)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetDoubleValue(value)
	p.Attributes().PutStr("model_name", model)
}

func TestQueuesKeepWhatTheNamedGaugesSayLast(t *testing.T) {
	now := time.Unix(1000, 0)
	q := newQueues(&Config{Queues: []Queue{{Metric: "vllm:num_requests_waiting", Model: "model_name"}}}, func() time.Time { return now })
	md := pmetric.NewMetrics()
	gauge(md, "vllm:num_requests_waiting", "a", "llama", 3)
	gauge(md, "vllm:num_requests_waiting", "b", "llama", 4)
	gauge(md, "vllm:num_requests_waiting", "a", "llama", 5)
	gauge(md, "vllm:num_requests_running", "a", "llama", 9)
	gauge(md, "vllm:num_requests_waiting", "c", "llama", -1)
	q.take(md)
	require.Equal(t, map[queueOf]depth{{"llama", "a"}: {5, now}, {"llama", "b"}: {4, now}}, q.last)

	sum := pmetric.NewMetrics()
	m := sum.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("vllm:num_requests_waiting")
	s := m.SetEmptySum()
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	s.DataPoints().AppendEmpty().SetIntValue(7)
	q.take(sum)
	require.Equal(t, depth{7, now}, q.last[queueOf{}], "an up-down counter of no named model")
	s.SetIsMonotonic(true)
	s.DataPoints().At(0).SetIntValue(8)
	q.take(sum)
	require.Equal(t, depth{7, now}, q.last[queueOf{}], "a counter is no depth")
}

func TestQueuesAreBounded(t *testing.T) {
	q := newQueues(&Config{Queues: []Queue{{Metric: "m", Model: "model_name"}}}, time.Now)
	for i := range queueMost + 10 {
		md := pmetric.NewMetrics()
		gauge(md, "m", string(rune('0'+i%10))+time.Duration(i).String(), "llama", 1)
		q.take(md)
	}
	require.Len(t, q.last, queueMost)
}

func TestQueueConfig(t *testing.T) {
	require.NoError(t, (&Config{Queues: []Queue{{Metric: "a"}, {Metric: "b"}}}).Validate())
	err := (&Config{Queues: []Queue{{}, {Metric: "b"}, {Metric: "b"}}}).Validate()
	require.ErrorContains(t, err, "queue_depth[0].metric is empty")
	require.ErrorContains(t, err, `queue_depth[2].metric "b" is listed twice`)
}
