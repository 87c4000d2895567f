package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"

	"github.com/tollkeeper/tollkeeper/collector/llmsampling"
	"github.com/tollkeeper/tollkeeper/internal/goals"
)

const (
	sampled      = 300 // requests a round
	sampledSpans = 99
	decisionWait = 5 * time.Second // longer than a machine takes for a round: what is decided isn't held any more
	longestWait  = 80 * time.Second
)

// errDecided says that the machine was so busy that spans were decided before their memory was measured.
var errDecided = errors.New("decided before it was measured")

// held is what one round of a sampler took.
type held struct {
	perSpan float64 // CPU, ns
	bytes   float64 // heap per span while all are held
	kept    int64
	errors  int64
}

// sample gives a sampler traces, one request after the other, and waits until all are decided, wait after they came.
func sample(ctx context.Context, f processor.Factory, config map[string]any, wait time.Duration, seed uint64) (held, error) {
	config = maps.Clone(config)
	config["decision_wait"] = wait.String()
	var out, outErrors atomic.Int64
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out.Add(1)
					if s.Status().Code() == ptrace.StatusCodeError {
						outErrors.Add(1)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return held{}, err
	}
	p, err := start(ctx, f, config, next)
	if err != nil {
		return held{}, err
	}
	base := heap()
	in := make([]ptrace.Traces, sampled)
	for i := range in {
		in[i] = decode(wire(seed+uint64(i), sampledSpans, everyThird))
	}
	runtime.GC()
	from, began := cpuTime(), time.Now()
	for i, td := range in {
		in[i] = ptrace.Traces{}
		if err := p.ConsumeTraces(ctx, td); err != nil {
			return held{}, err
		}
	}
	spent := cpuTime() - from
	bytes := heap() - base
	if time.Since(began) >= wait {
		return held{}, errors.Join(errDecided, p.Shutdown(ctx))
	}
	from = cpuTime()
	// All are due after the wait; both decide by a ticker of a second at most. Shutdown decides what is left.
	select {
	case <-time.After(wait + 1200*time.Millisecond):
	case <-ctx.Done():
		return held{}, ctx.Err()
	}
	if err := p.Shutdown(ctx); err != nil {
		return held{}, err
	}
	spent += cpuTime() - from
	n := float64(sampled * sampledSpans)
	return held{float64(spent) / n, bytes / n, out.Load(), outErrors.Load()}, nil
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func benchSampling(ctx context.Context, rounds int) ([]goals.Row, error) {
	rounds = min(rounds, 3)
	ours := map[string]any{"max_held_mib": 512, "keep_unpriced": false, "keep_flagged": false,
		"min_cost": "", "probability": 0.1, "content": "keep", "budget_kib_per_second": 0, "floor_per_minute": 0, "keep_first": false,
		"keep_unusual_cost": false, "keep_unusual_duration": false}
	theirs := map[string]any{"num_traces": 100_000, "policies": []any{
		map[string]any{"name": "errors", "type": "status_code", "status_code": map[string]any{"status_codes": []any{"ERROR"}}},
		map[string]any{"name": "share", "type": "probabilistic", "probabilistic": map[string]any{"sampling_percentage": 10}},
	}}
	s := series{}
	spans, failed := float64(sampled*sampledSpans), int64(sampled*((sampledSpans+59)/60))
	for round := range rounds {
		for _, m := range []struct {
			name   string
			f      processor.Factory
			config map[string]any
		}{{"ours", llmsampling.NewFactory(), ours}, {"theirs", tailsamplingprocessor.NewFactory(), theirs}} {
			wait := decisionWait
			h, err := sample(ctx, m.f, m.config, wait, uint64(round*1_000_000))
			for errors.Is(err, errDecided) && wait < longestWait {
				wait *= 2
				h, err = sample(ctx, m.f, m.config, wait, uint64(round*1_000_000))
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			if h.errors != failed {
				return nil, fmt.Errorf("%s kept %d of %d failed spans", m.name, h.errors, failed)
			}
			s.add(m.name+" cpu", h.perSpan)
			s.add(m.name+" heap", h.bytes)
			s.add(m.name+" kept", float64(h.kept)/spans)
		}
	}
	return []goals.Row{
		goals.Told("llmsampling, a span, ns", fmt.Sprintf("%.0f", s.median("ours cpu"))),
		goals.Told("tail_sampling, a span, ns", fmt.Sprintf("%.0f", s.median("theirs cpu"))),
		goals.AtMost("llmsampling ÷ tail_sampling, CPU", "%.2f", s.ratio("ours cpu", "theirs cpu"), 1),
		goals.AtMost("llmsampling ÷ tail_sampling, memory held", "%.2f", s.ratio("ours heap", "theirs heap"), 1),
		goals.Told("llmsampling, heap a held span, bytes", fmt.Sprintf("%.0f", s.median("ours heap"))),
		goals.Told("tail_sampling, heap a held span, bytes", fmt.Sprintf("%.0f", s.median("theirs heap"))),
		goals.Told("kept (all failed traces and 10 % of the others)", fmt.Sprintf("%.3f and %.3f", s.median("ours kept"), s.median("theirs kept"))),
	}, nil
}
