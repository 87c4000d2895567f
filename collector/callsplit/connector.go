package callsplit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/callsplit/internal/metadata"
	"github.com/tollkeeper/tollkeeper/ledger"
)

type namedBranch struct {
	name  string
	label metric.MeasurementOption // the name
	next  consumer.Traces
}

func newBranch(name string, next consumer.Traces) namedBranch {
	return namedBranch{name, metric.WithAttributeSet(attribute.NewSet(attribute.String("pipeline", name))), next}
}

type splitter struct {
	calls    consumer.Traces
	branches []namedBranch
	maxWait  time.Duration
	slots    chan struct{} // one per request that waits for money
	log      *zap.Logger
	trouble  func() string // why calls are not recorded, if it is known; nil: nobody knows
	metrics  *metadata.TelemetryBuilder
}

// Start does nothing: the connector has no goroutine of its own but those of requests in flight.
func (*splitter) Start(context.Context, component.Host) error { return nil }

// Shutdown does nothing; requests in flight end by max_wait.
func (*splitter) Shutdown(context.Context) error { return nil }

// Capabilities says that spans are changed: ledger.AttrCalls is taken off their resources.
func (*splitter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces hands the calls on, waits for their result, and after success offers the spans. The error is nil or
// retryable, never permanent.
func (s *splitter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	spans := td.SpanCount()
	s.metrics.CollectorSpans.Add(ctx, int64(spans))
	if calls, n := takeCalls(td); n > 0 {
		if err := s.money(ctx, calls, int64(n)); err != nil {
			return err
		}
	}
	s.offer(ctx, td, spans)
	return nil
}

// money waits for the calls pipeline, at most maxWait and at most as long as the client does. A pipeline that ignores
// its context keeps its slot until it returns, so that what hangs is bounded too.
func (s *splitter) money(ctx context.Context, calls ptrace.Traces, n int64) error {
	select {
	case s.slots <- struct{}{}:
	default:
		s.metrics.CollectorCallsRefused.Add(ctx, n, reason("full"))
		return fmt.Errorf("tollkeeper is busy: %d requests already wait for Kafka; send the batch again", cap(s.slots))
	}
	s.metrics.CollectorCallsRequestsInFlight.Add(ctx, 1)
	ctx, cancel := context.WithTimeoutCause(ctx, s.maxWait, errWaited)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := s.calls.ConsumeTraces(ctx, calls)
		s.metrics.CollectorCallsRequestsInFlight.Add(ctx, -1)
		<-s.slots
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// The result may have come at the same moment; a success that is known is told.
		select {
		case err = <-done:
		default:
			err = context.Cause(ctx)
		}
	}
	switch {
	case err == nil:
		s.metrics.CollectorCalls.Add(ctx, n)
		return nil
	case ctx.Err() != nil:
		s.metrics.CollectorCallsRefused.Add(ctx, n, reason("timeout"))
	default:
		s.metrics.CollectorCallsRefused.Add(ctx, n, reason("error"))
	}
	if why := s.known(); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	s.log.Warn("calls refused; the client keeps them and sends them again", zap.Int64("calls", n), zap.Error(err))
	return retryable(err)
}

func (s *splitter) known() string {
	if s.trouble == nil {
		return ""
	}
	return s.trouble()
}

var errWaited = errors.New("no acknowledgement from Kafka within max_wait")

// retryable makes an error of which OTLP receivers make Unavailable or 503: neither marked permanent nor carrying a
// status of its own. So it keeps the text only.
func retryable(err error) error {
	return errors.New("calls are not recorded, send the batch again: " + err.Error())
}

// offer gives the spans to the best-effort pipelines and counts what they refuse. A single branch gets the data itself;
// several share it read-only, and those that change it get copies.
func (s *splitter) offer(ctx context.Context, td ptrace.Traces, spans int) {
	if spans == 0 {
		return
	}
	copies := make([]ptrace.Traces, len(s.branches))
	for i, b := range s.branches {
		copies[i] = td
		if len(s.branches) > 1 && b.next.Capabilities().MutatesData {
			copies[i] = ptrace.NewTraces()
			td.CopyTo(copies[i])
		}
	}
	if len(s.branches) > 1 {
		td.MarkReadOnly()
	}
	for i, b := range s.branches {
		s.metrics.CollectorPayloadSpansOffered.Add(ctx, int64(spans), b.label)
		if err := b.next.ConsumeTraces(ctx, copies[i]); err != nil {
			s.metrics.CollectorPayloadSpansDiscarded.Add(ctx, int64(spans), b.label)
			s.log.Warn("payload discarded; money is not affected", zap.String("pipeline", b.name), zap.Int("spans", spans), zap.Error(err))
		}
	}
}

// takeCalls moves the calls off the resources of td into new traces, a span for each resource's with nothing else on it, and counts
// them. The attribute is removed from td whatever its type.
func takeCalls(td ptrace.Traces) (out ptrace.Traces, calls int) {
	out = ptrace.NewTraces()
	var dest ptrace.SpanSlice
	for _, rs := range td.ResourceSpans().All() {
		attrs := rs.Resource().Attributes()
		v, ok := attrs.Get(ledger.AttrCalls)
		if !ok {
			continue
		}
		if n := count(v); n > 0 {
			if calls == 0 {
				dest = out.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
			}
			calls += n
			v.Bytes().MoveTo(dest.AppendEmpty().Attributes().PutEmptyBytes(ledger.AttrCalls))
		}
		attrs.Remove(ledger.AttrCalls)
	}
	return out, calls
}

// count is how many calls a CallBatch holds.
func count(v pcommon.Value) (calls int) {
	if v.Type() == pcommon.ValueTypeBytes {
		ledger.EachCall(v.Bytes().AsRaw(), func([]byte) { calls++ })
	}
	return calls
}
