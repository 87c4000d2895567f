package collector

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// tracesOf are testTraces of a tenant.
func tracesOf(t *testing.T, tenant string, traces, callsEach int) ptrace.Traces {
	td := testTraces(t, traces, callsEach)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("tenant.id", tenant)
	return td
}

var quietTenants = []string{"q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9"}

// One tenant floods, nine send what they always do: each of theirs is taken at its first try, and the flood is told to come again
// later, over both protocols. What anybody was told is recorded is, once.
func TestAFloodDoesNotStarveOthers(t *testing.T) {
	const rounds, spansEach = 20, 3
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) {
		keepNone(cfg)
		cfg.Limits.SpansPerSecond = rounds * spansEach // with ten seconds' burst a quiet tenant never comes near it
	})
	grpc, web := c.client(t, "grpc"), c.client(t, "http")
	var group sync.WaitGroup
	stop := make(chan struct{})
	taken := make([]int, 2)
	for i, send := range []func(context.Context, ptrace.Traces) error{grpc, web} {
		group.Go(func() {
			for refused := 0; ; {
				select {
				case <-stop:
					if refused > 0 {
						return
					}
				default:
				}
				err := send(context.Background(), tracesOf(t, "flood", 20, 2))
				if err == nil {
					taken[i] += 40
					continue
				}
				refused++
				if e, ok := err.(httpError); ok {
					require.Equal(t, http.StatusTooManyRequests, e.code, err)
					require.NotEmpty(t, e.retryAfter)
					require.NotEqual(t, "0", e.retryAfter)
					continue
				}
				st := status.Convert(err)
				require.Equal(t, codes.ResourceExhausted, st.Code(), err)
				require.GreaterOrEqual(t, st.Details()[0].(*errdetails.RetryInfo).GetRetryDelay().Seconds, int64(1))
			}
		})
	}
	var quiet sync.WaitGroup
	for _, tenant := range quietTenants {
		quiet.Go(func() {
			for i := range rounds {
				send := grpc
				if i%2 == 1 {
					send = web
				}
				require.NoError(t, send(t.Context(), tracesOf(t, tenant, 1, spansEach-1)), tenant)
			}
		})
	}
	quiet.Wait()
	close(stop)
	group.Wait()
	got := map[string]int{}
	for _, call := range calls(t, broker) {
		got[call.Tenant]++
	}
	want := map[string]int{"flood": taken[0] + taken[1]}
	for _, tenant := range quietTenants {
		want[tenant] = rounds * (spansEach - 1)
	}
	require.Equal(t, want, got)
	require.Positive(t, c.metric(t, "tollkeeper_tenantlimit_requests_refused_total"))
	require.EqualValues(t, 10, c.metric(t, "tollkeeper_tenantlimit_tenants"))
}

// Kafka doesn't answer, and a tenant sends without end: it fills its own places, not the others'.
func TestAFloodDoesNotTakeEveryPlace(t *testing.T) {
	const mine, all = 3, 3 + 9
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) {
		keepNone(cfg)
		cfg.MaxWait, cfg.MaxInFlight, cfg.Limits.MaxInFlight = 9e9, all, mine
	})
	release := hold(t, broker)
	send := c.client(t, "grpc")
	flood, quiet := make(chan error, 40), make(chan error, len(quietTenants))
	for range cap(flood) {
		td := tracesOf(t, "flood", 1, 1)
		go func() { flood <- send(t.Context(), td) }()
	}
	for range cap(flood) - mine {
		require.Equal(t, codes.ResourceExhausted, status.Code(<-flood))
	}
	for _, tenant := range quietTenants {
		td := tracesOf(t, tenant, 1, 1)
		go func() { quiet <- send(t.Context(), td) }()
	}
	require.Eventually(t, func() bool { return c.metric(t, "tollkeeper_collector_calls_requests_in_flight") == all }, waitLimit, pollEvery)
	release()
	for range quietTenants {
		require.NoError(t, <-quiet)
	}
	for range mine {
		require.NoError(t, <-flood)
	}
}

// A gateway's request holds a flooding and nine quiet tenants: the quiet ones' calls are in Kafka though the request is refused,
// and after its repeats every call is there, told apart by its identity alone.
func TestAMixedRequestKeepsTheQuietTenants(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) { keepNone(cfg); cfg.Limits.SpansPerSecond = 10 })
	send := c.client(t, "grpc")
	require.NoError(t, send(t.Context(), tracesOf(t, "flood", 30, 3)), "larger than its burst, from a full bucket")
	mixed := tracesOf(t, "flood", 5, 1)
	for _, tenant := range quietTenants {
		tracesOf(t, tenant, 1, 2).ResourceSpans().At(0).CopyTo(mixed.ResourceSpans().AppendEmpty())
	}
	want := billed(mixed)
	require.Equal(t, codes.ResourceExhausted, status.Code(send(t.Context(), mixed)))
	got := map[string]int{}
	for _, call := range calls(t, broker) {
		got[call.Tenant]++
	}
	require.Equal(t, 90, got["flood"])
	for _, tenant := range quietTenants {
		require.Equal(t, 2, got[tenant], tenant)
	}
	require.EqualValues(t, 1, c.metric(t, "tollkeeper_tenantlimit_requests_split_total"))
	require.Eventually(t, func() bool { return send(t.Context(), mixed) == nil }, waitLimit, pollEvery)
	type identity struct {
		minute      int64
		tenant      string
		trace, span string
	}
	seen := map[identity]bool{}
	for _, call := range calls(t, broker) {
		if want[call.SpanID] {
			seen[identity{call.Minute, call.Tenant, string(call.TraceID[:]), string(call.SpanID[:])}] = true
		}
	}
	require.Len(t, seen, len(want), "each call under one identity, however often it came")
}
