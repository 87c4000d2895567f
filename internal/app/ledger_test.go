package app_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Waits end as soon as what they wait for is there; the limit is for machines that do much else.
const (
	aWhile  = 90 * time.Second
	aMoment = 50 * time.Millisecond
)

// total is what one tenant did.
type total struct {
	Calls uint64
	Cost  string // USD, twelve decimals
}

func (t total) String() string { return fmt.Sprintf("%d calls, %s USD", t.Calls, t.Cost) }

// window is all of the time that a call can be booked in.
func window() (from, to any) {
	day := time.Now().UTC().Truncate(24 * time.Hour)
	return clickhouse.DateNamed("from", day.AddDate(0, 0, -40), clickhouse.Seconds), clickhouse.DateNamed("to", day.AddDate(0, 0, 2), clickhouse.Seconds)
}

// totals reads calls and cost by tenant from a view with the parameters from and to.
func (p *product) totals(t require.TestingT, calls, view string) map[string]total {
	ctx, cancel := limited()
	defer cancel()
	from, to := window()
	rows, err := p.conn.Query(ctx, fmt.Sprintf("SELECT tenant, toUInt64(%s), toString(sum(cost)) FROM %s(from = @from, to = @to) GROUP BY tenant", calls, view), from, to)
	require.NoError(t, err)
	defer rows.Close()
	byTenant := map[string]total{}
	for rows.Next() {
		var tenant string
		var one total
		require.NoError(t, rows.Scan(&tenant, &one.Calls, &one.Cost))
		sum, err := ledger.ParseSum(one.Cost)
		require.NoError(t, err)
		one.Cost = sum.String()
		byTenant[tenant] = one
	}
	require.NoError(t, rows.Err())
	return byTenant
}

func (p *product) calls(t require.TestingT) map[string]total { return p.totals(t, "count()", "calls") }
func (p *product) spend(t require.TestingT) map[string]total {
	return p.totals(t, "sum(calls)", "spend")
}

// wantTotal waits until the tenant's calls, and then its rolled-up spend, are n calls of one good call's price each.
func (p *product) wantTotal(t *testing.T, tenant string, n int) {
	t.Helper()
	want := total{uint64(n), ledger.SumOf(ledger.Money(n) * goodCost).String()}
	var calls, spend total
	reached := soon(t, func(c require.TestingT) bool {
		if calls = p.calls(c)[tenant]; calls.Calls >= want.Calls {
			spend = p.spend(c)[tenant]
		}
		return calls == want && spend == want
	})
	require.True(t, reached, "%s: want %s; calls says %s, spend says %s", tenant, want, calls, spend)
}

// wantSpendLikeCalls waits until the rollups say what the calls say, and returns that.
func (p *product) wantSpendLikeCalls(t *testing.T) map[string]total {
	t.Helper()
	var calls, spend map[string]total
	reached := soon(t, func(c require.TestingT) bool {
		calls, spend = p.calls(c), p.spend(c)
		return equal(calls, spend)
	})
	if !reached {
		require.Equal(t, calls, spend)
	}
	return calls
}

func equal(a, b map[string]total) bool {
	for tenant := range a {
		if a[tenant] != b[tenant] {
			return false
		}
	}
	return len(a) == len(b)
}

// wantDrained waits until ingest has committed everything in the calls topic.
func (p *product) wantDrained(t *testing.T) {
	t.Helper()
	admin := kadm.NewClient(p.kafka)
	behind := ""
	reached := soon(t, func(c require.TestingT) bool {
		ctx, cancel := limited()
		defer cancel()
		ends, err := admin.ListEndOffsets(ctx, ledger.TopicCalls)
		require.NoError(c, err)
		committed, err := admin.FetchOffsets(ctx, p.Config().Ingest.Group)
		require.NoError(c, err)
		behind = ""
		ends.Each(func(end kadm.ListedOffset) {
			at, ok := committed.Lookup(end.Topic, end.Partition)
			if end.Offset > 0 && (!ok || at.At < end.Offset) {
				behind += fmt.Sprintf(" partition %d at %d of %d;", end.Partition, at.At, end.Offset)
			}
		})
		return behind == ""
	})
	require.True(t, reached, "not ingested:%s", behind)
}

// metric is the sum of a counter or gauge over the series that have all the given label values.
func (p *product) metric(t *testing.T, name string, values ...string) float64 {
	t.Helper()
	families, err := p.Registry.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	series:
		for _, m := range f.GetMetric() {
			for _, want := range values {
				found := false
				for _, l := range m.GetLabel() {
					found = found || l.GetValue() == want
				}
				if !found {
					continue series
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// goodCost is what goodSpan costs: 1,000 fresh tokens at 0.15 and 500 written ones at 0.60 USD a million
// (openai.com/api/pricing, gpt-4o-mini).
const goodCost ledger.Money = 450_000_000

// oneSpan is a request with one span of a call to a model, as an instrumentation of today reports it, of now.
func oneSpan(tenant string) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("tenant.id", tenant)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("shop.models")
	s := ss.Spans().AppendEmpty()
	var trace pcommon.TraceID
	var id pcommon.SpanID
	rand.Read(trace[:])
	rand.Read(id[:])
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetName("chat gpt-4o-mini")
	setTime(s, time.Now())
	a := s.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
	a.PutStr("openai.response.service_tier", "default")
	a.PutInt("gen_ai.usage.input_tokens", 1000)
	a.PutInt("gen_ai.usage.output_tokens", 500)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", 0)
	return td, s
}

func goodCall(tenant string) ptrace.Traces {
	td, _ := oneSpan(tenant)
	return td
}

// setTime lets a span have taken the second before at.
func setTime(s ptrace.Span, at time.Time) {
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(-time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
}
