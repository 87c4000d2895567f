package llmsampling

import (
	"context"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/llmsampling/internal/metadata"
)

// traceOverhead is what an undecided trace costs in the table, in bytes, beside its spans.
const traceOverhead = 384

// batch is held until due.
type batch struct {
	td     ptrace.Traces
	packed packed // spans that aren't in td
	due    time.Time
	bytes  int64
	spans  []heldSpan    // scope by scope, the packed ones of each after the others
	traces []*traceState // of them, each once
	alone  []alone       // spans without a trace
	cohort *cohort

	verdicts []verdict // of traces, once decided: a trace's own may change after
}

// verdict is what was decided of a span.
func (b *batch) verdict(held *heldSpan) *verdict {
	if held.trace < 0 {
		return &b.alone[^held.trace].verdict
	}
	return &b.verdicts[held.trace]
}

// Sizes of what is known of spans, in bytes.
const heldSpanSize, aloneSize = int(unsafe.Sizeof(heldSpan{})), int(unsafe.Sizeof(alone{}))

// heldSpan is what is known of a span that is held.
type heldSpan struct {
	bytes  uint32
	trace  int32 // where in the batch's traces; where it has none, the complement of where in alone
	marked bool  // by a sampler before
}

// alone is a span without a trace, which is decided by itself.
type alone struct {
	evidence
	random  uint64
	verdict verdict
}

// decide decides it, whatever was decided before.
func (a *alone) decide(r *rules, s shares) {
	a.verdict = a.evidence.decide(r.weigh(&a.evidence, nil, 0), false, a.random, s)
}

type sampler struct {
	cfg     Config
	wait    time.Duration // for what else a trace brings
	next    consumer.Traces
	log     *zap.Logger
	now     func() time.Time
	began   time.Time
	metrics *metadata.TelemetryBuilder
	rules   rules
	content *contentMatcher
	sizer   ptrace.ProtoMarshaler

	arrivals sync.Pool
	rooms    rooms
	mu       sync.Mutex // guards the rest
	table    *traceTable
	budget   *budget
	held     []batch // oldest first
	bytes    int64   // of held
	ready    ready

	stop context.CancelFunc
	done chan struct{}
}

func newSampler(cfg Config, set processor.Settings, next consumer.Traces, now func() time.Time) (*sampler, error) {
	s := &sampler{cfg: cfg, next: next, log: set.Logger, now: now, began: now(), content: newContentMatcher(), ready: ready{td: ptrace.NewTraces()}}
	if !cfg.keepsAll() {
		s.wait = cfg.DecisionWait
	}
	s.arrivals.New = func() any { return &arrival{index: map[pcommon.TraceID]int{}} }
	var err error
	if s.rules, err = newRules(cfg); err != nil {
		return nil, fmt.Errorf("llmsampling: min_cost: %w", err)
	}
	s.table = newTraceTable(&s.rules, cfg)
	s.budget = newBudget(int64(cfg.BudgetKiB)<<10, cfg.Probability)
	if s.metrics, err = newMetrics(set.TelemetrySettings, s); err != nil {
		return nil, fmt.Errorf("llmsampling: metrics: %w", err)
	}
	return s, nil
}

// Capabilities says that spans are changed and removed.
func (*sampler) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

// Start begins to decide what is due.
func (s *sampler) Start(context.Context, component.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done = cancel, make(chan struct{})
	go s.loop(ctx)
	return nil
}

func (s *sampler) loop(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(max(10*time.Millisecond, min(s.cfg.DecisionWait/8, 250*time.Millisecond)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.release(ctx, s.now(), int64(s.cfg.MaxHeldMiB)<<20)
		}
	}
}

// Shutdown decides all that is held.
func (s *sampler) Shutdown(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
	s.mu.Lock()
	s.budget.draining = true
	s.mu.Unlock()
	s.release(ctx, s.now(), 0)
	s.metrics.Shutdown()
	return nil
}

func (s *sampler) heldBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// second counts the seconds by which budgets and windows go. They are those of the clock as it was when the sampler was made: set by an hour
// since, it would stall or empty them for as long.
func (s *sampler) second(now time.Time) int64 {
	return s.began.Add(now.Sub(s.began)).Unix()
}
