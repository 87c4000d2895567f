package tenantlimit

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

type limiter struct {
	next    consumer.Traces
	table   *table
	repeats repeats
	sized   bool
	log     *zap.Logger
	metrics *metrics
	now     func() time.Time
}

// Start does nothing: buckets are filled when they are looked at.
func (*limiter) Start(context.Context, component.Host) error { return nil }

// Shutdown takes the gauge off.
func (l *limiter) Shutdown(context.Context) error {
	l.metrics.Shutdown()
	return nil
}

// Capabilities says that spans are removed where a part of a request is refused.
func (*limiter) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

// ConsumeTraces hands the request on, or refuses it with the time to wait. Of a request of several tenants those within their
// limits are handed on first, so that they don't wait for the others.
func (l *limiter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	r := measure(td, l.sized)
	done := l.recognize(r, td)
	refused, wait := l.table.admit(r.shares, l.now())
	if refused == 0 && done == 0 {
		return l.forward(ctx, td, r)
	}
	if mixed := refused > 0 && refused+done < len(r.shares); mixed {
		r.sum(td)
		refused += l.table.hold(r.shares)
	}
	if refused+done < len(r.shares) {
		r.keepAdmitted(td)
		if err := l.forward(ctx, td, r); err != nil {
			return err // retryable as it is, and the whole request comes again
		}
	}
	if refused == 0 {
		return nil
	}
	if refused+done < len(r.shares) {
		l.remember(ctx, r)
	}
	return l.refuse(ctx, r, wait)
}

// recognize marks the parts of a repeated request that were taken at an earlier try.
func (l *limiter) recognize(r *request, td ptrace.Traces) (done int) {
	if len(r.shares) < 2 || l.repeats.empty() {
		return 0
	}
	r.sum(td)
	for i := range r.shares {
		if s := &r.shares[i]; !s.unrecognizable && l.repeats.known(s.part, l.now()) {
			s.reason = recorded
			done++
		}
	}
	return done
}

// remember keeps the parts that were taken of a request that is refused now.
func (l *limiter) remember(ctx context.Context, r *request) {
	l.metrics.TenantlimitRequestsSplit.Add(ctx, 1)
	for i := range r.shares {
		if s := &r.shares[i]; s.reason == "" {
			l.repeats.add(s.part, l.now())
		}
	}
}

func (l *limiter) forward(ctx context.Context, td ptrace.Traces, r *request) error {
	taken := false
	defer func() { l.table.end(r.shares, taken) }() // whatever comes next does
	err := l.next.ConsumeTraces(ctx, td)
	taken = err == nil
	return err
}

// refuse counts the refusal and says when to come again, in whole seconds as Retry-After has them.
func (l *limiter) refuse(ctx context.Context, r *request, wait time.Duration) error {
	wait = min(max((wait+time.Second-1).Truncate(time.Second), minWait), maxWait)
	var first *share
	for i := range r.shares {
		s := &r.shares[i]
		if s.reason == "" || s.reason == recorded {
			continue
		}
		l.metrics.refuse(ctx, s)
		if s.reason == withOthers {
			continue
		}
		if first == nil {
			first = s
		}
		if l.table.warn(s.bucket, l.now()) {
			l.log.Warn("tenant is above its limit: its requests are refused, its clients keep them; said once a minute",
				zap.String("tenant", s.tenant), zap.String("limit", s.reason), zap.Float64("spans_per_second", s.bucket.spans),
				zap.Float64("kib_per_second", s.bucket.bytes/1024), zap.Int("max_in_flight", s.bucket.inFlight))
		}
	}
	st, err := status.New(codes.ResourceExhausted, fmt.Sprintf("tenant %q is above its limit of %s: send the whole request again in %s",
		first.tenant, first.limit(), wait)).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	if err != nil {
		return fmt.Errorf("tenantlimit: %w", err)
	}
	return st.Err()
}

// A wait is told in these bounds: shorter ones make clients hammer, longer ones are more than an SDK waits for.
const (
	minWait = time.Second
	maxWait = 30 * time.Second
)

// limit is the limit that the share is above, in words.
func (s *share) limit() string {
	switch s.reason {
	case overSpans:
		return fmt.Sprintf("%.0f spans a second", s.bucket.spans)
	case overBytes:
		return fmt.Sprintf("%.0f KiB a second", s.bucket.bytes/1024)
	}
	return fmt.Sprintf("%d requests at a time", s.bucket.inFlight)
}
