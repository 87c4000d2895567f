package callsplit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var (
	callsID   = pipeline.NewIDWithName(pipeline.SignalTraces, "calls")
	payloadID = pipeline.NewIDWithName(pipeline.SignalTraces, "payload")
	forwardID = pipeline.NewIDWithName(pipeline.SignalTraces, "forward")
)

// split makes a connector in front of the given pipelines.
func split(t *testing.T, change func(*Config), next map[pipeline.ID]consumer.Traces) connector.Traces {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Calls = callsID
	for id := range next {
		if id != callsID {
			cfg.BestEffort = append(cfg.BestEffort, id)
		}
	}
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	f := NewFactory()
	c, err := f.CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(f.Type()), cfg, connector.NewTracesRouter(next))
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), nil))
	t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
	return c
}

// traffic has a plain span for every billable one.
func traffic(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	add(td, n)
	return td
}

// add adds a resource with n calls, and a plain span for each.
func add(td ptrace.Traces, n int) (batch []byte) {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	batch = ledger.AppendBatchHeader(nil)
	for i := range n {
		spans.AppendEmpty().SetName("plain")
		s := spans.AppendEmpty()
		s.SetName("call")
		s.Attributes().PutStr("gen_ai.request.model", "m")
		batch = new(ledger.Encoder).AppendToBatch(batch, &ledger.Call{Minute: int64(i) * 60})
	}
	if n > 0 {
		rs.Resource().Attributes().PutEmptyBytes(ledger.AttrCalls).FromRaw(batch)
	}
	return batch
}

func TestSplit(t *testing.T) {
	calls, payload := new(consumertest.TracesSink), new(consumertest.TracesSink)
	c := split(t, nil, map[pipeline.ID]consumer.Traces{callsID: calls, payloadID: payload})
	td := ptrace.NewTraces()
	first := add(td, 2)
	add(td, 0)
	third := add(td, 300)
	for _, odd := range [][]byte{{}, ledger.AppendBatchHeader(nil), {0x12, 200}} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutEmptyBytes(ledger.AttrCalls).FromRaw(odd)
		rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	}
	td.ResourceSpans().At(1).Resource().Attributes().PutStr(ledger.AttrCalls, "not bytes")
	require.NoError(t, c.ConsumeTraces(t.Context(), td))

	require.Len(t, calls.AllTraces(), 1)
	var got []map[string]any
	for _, s := range calls.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		got = append(got, s.Attributes().AsRaw())
	}
	require.Equal(t, []map[string]any{{ledger.AttrCalls: first}, {ledger.AttrCalls: third}}, got)
	require.Equal(t, 2*302+3, payload.SpanCount())
	for _, rs := range payload.AllTraces()[0].ResourceSpans().All() {
		require.NotContains(t, rs.Resource().Attributes().AsRaw(), ledger.AttrCalls)
	}
}

func TestNoCallsNoCall(t *testing.T) {
	payload := new(consumertest.TracesSink)
	c := split(t, nil, map[pipeline.ID]consumer.Traces{callsID: consumertest.NewErr(errors.New("never asked")), payloadID: payload})
	td := traffic(1)
	td.ResourceSpans().At(0).Resource().Attributes().Remove(ledger.AttrCalls)
	require.NoError(t, c.ConsumeTraces(t.Context(), td))
	require.Equal(t, 2, payload.SpanCount())
	require.NoError(t, c.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	require.Len(t, payload.AllTraces(), 1)
}

// Whatever the calls pipeline says, the client gets an error after which it keeps its batch, and no payload is offered.
func TestMoneyErrorsAreRetryable(t *testing.T) {
	for name, err := range map[string]error{
		"plain":       errors.New("broker away"),
		"permanent":   consumererror.NewPermanent(errors.New("MESSAGE_TOO_LARGE")),
		"with status": status.Error(codes.InvalidArgument, "no"),
		"both":        consumererror.NewPermanent(status.Error(codes.Internal, "no")),
	} {
		t.Run(name, func(t *testing.T) {
			payload := new(consumertest.TracesSink)
			c := split(t, nil, map[pipeline.ID]consumer.Traces{callsID: consumertest.NewErr(err), payloadID: payload})
			got := c.ConsumeTraces(t.Context(), traffic(1))
			require.Error(t, got)
			require.False(t, consumererror.IsPermanent(got))
			_, hasStatus := status.FromError(got)
			require.False(t, hasStatus)
			require.Zero(t, payload.SpanCount())
		})
	}
}

func TestPayloadErrorsAreSwallowed(t *testing.T) {
	calls := new(consumertest.TracesSink)
	emptying, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
		return consumererror.NewPermanent(errors.New("sending queue is full"))
	}, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	require.NoError(t, err)
	c := split(t, nil, map[pipeline.ID]consumer.Traces{callsID: calls, payloadID: emptying})
	require.NoError(t, c.ConsumeTraces(t.Context(), traffic(3)))
	require.Equal(t, 1, calls.SpanCount())
}

// A pipeline that changes spans and one that only reads them each see the whole.
func TestBranchesDontDisturbEachOther(t *testing.T) {
	forward := new(consumertest.TracesSink)
	dropping, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
		return nil
	}, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	require.NoError(t, err)
	c := split(t, nil, map[pipeline.ID]consumer.Traces{callsID: consumertest.NewNop(), payloadID: dropping, forwardID: forward})
	for range 10 {
		require.NoError(t, c.ConsumeTraces(t.Context(), traffic(1)))
	}
	require.Equal(t, 20, forward.SpanCount())
}

// A calls pipeline that hangs, and ignores its context, can't hold the client longer than max_wait, nor more than
// max_in_flight requests.
func TestWaitIsBounded(t *testing.T) {
	gate := make(chan struct{})
	stuck, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		<-gate
		return nil
	})
	require.NoError(t, err)
	payload := new(consumertest.TracesSink)
	c := split(t, func(c *Config) { c.MaxWait, c.MaxInFlight = 20*time.Millisecond, 2 },
		map[pipeline.ID]consumer.Traces{callsID: stuck, payloadID: payload})
	for range 2 {
		require.ErrorContains(t, c.ConsumeTraces(t.Context(), traffic(1)), "within max_wait")
	}
	require.ErrorContains(t, c.ConsumeTraces(t.Context(), traffic(1)), "2 requests already wait")
	require.Zero(t, payload.SpanCount())
	close(gate)
	require.Eventually(t, func() bool { return c.ConsumeTraces(t.Context(), traffic(1)) == nil }, 10*time.Second, time.Millisecond)
}

// A client that goes away ends its own wait.
func TestClientGoes(t *testing.T) {
	waiting, err := consumer.NewTraces(func(ctx context.Context, _ ptrace.Traces) error {
		<-ctx.Done()
		return ctx.Err()
	})
	require.NoError(t, err)
	c := split(t, func(c *Config) { c.MaxWait = 9 * time.Second }, map[pipeline.ID]consumer.Traces{callsID: waiting})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.ConsumeTraces(ctx, traffic(1)) }()
	cancel()
	require.ErrorContains(t, <-done, "canceled")
}

func TestConfigProblems(t *testing.T) {
	c := Config{BestEffort: []pipeline.ID{{}}, MaxWait: 10 * time.Second}
	err := c.Validate()
	for _, want := range []string{"calls: no pipeline", "best_effort", "max_wait: 10s", "max_in_flight: 0"} {
		require.ErrorContains(t, err, want)
	}
	f := NewFactory()
	cfg := createDefaultConfig().(*Config)
	cfg.Calls = pipeline.NewIDWithName(pipeline.SignalTraces, "nowhere")
	_, err = f.CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(f.Type()), cfg,
		connector.NewTracesRouter(map[pipeline.ID]consumer.Traces{callsID: consumertest.NewNop()}))
	require.ErrorContains(t, err, "nowhere")
}
