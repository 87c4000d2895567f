package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Deps are what the role needs of its surroundings. All may be left out.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Ingester is the role.
type Ingester struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	calls   health
	spans   health
	fresh   *freshness         // of the calls
	step    func(string) error // tests only
	look    time.Duration      // stream.lookEvery
	shared  func()             // stream.shared
}

// errNotStarted is the readiness before the first assignment.
var errNotStarted = errors.New("no partitions assigned yet")

// New checks the configuration. It connects to nothing.
func New(cfg Config, deps Deps) (*Ingester, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	i := &Ingester{cfg: cfg, log: deps.Log, now: deps.Now, fresh: &freshness{}, look: lookEvery}
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	if i.now == nil {
		i.now = time.Now
	}
	var err error
	if i.metrics, err = newMetrics(deps.Metrics, func() float64 { return i.fresh.age(i.now()).Seconds() }); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	i.calls.set("start", errNotStarted)
	return i, nil
}

// Ready returns nil while calls are being stored, else what keeps them from it. Spans are best effort and don't count.
func (i *Ingester) Ready(context.Context) error { return i.calls.err() }

// Run works until ctx ends, then stores and commits what was read and returns nil. Servers that aren't there are waited
// for.
func (i *Ingester) Run(ctx context.Context) error {
	kafka, err := openBrokers(kafkaclient.Servers{Brokers: i.cfg.Brokers, Security: i.cfg.Security})
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	defer kafka.close()
	calls, err := i.callStream(kafka)
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	defer calls.close()
	streams := []*member{calls}
	if i.cfg.Spans {
		spans, err := i.spanStream(kafka)
		if err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
		defer spans.close()
		streams = append(streams, spans)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { i.checkTopics(ctx, kafka); return nil })
	for _, s := range streams {
		group.Go(func() error { return s.run(ctx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// member is a stream and what it holds open.
type member struct {
	*stream
	closers []func()
}

func (m *member) close() {
	for _, f := range m.closers {
		f()
	}
}

func (i *Ingester) stream(kafka *brokers, name, topic, group string, h *health) *stream {
	return &stream{
		name: name, topic: topic, group: group, cfg: i.cfg, log: i.log.With("stream", name), metrics: i.metrics,
		health: h, brokers: kafka, step: i.step, fresh: &freshness{}, now: i.now,
		lag: newLag(name, i.metrics), lookEvery: i.look, shared: i.shared,
	}
}

func (i *Ingester) deadLetters(kafka *brokers, topic string) *deadLetters {
	return &deadLetters{client: kafka.produce, topic: topic, now: i.now}
}

func (i *Ingester) callStream(kafka *brokers) (*member, error) {
	target, err := schema.ParseURL(i.cfg.ClickHouse)
	if err != nil {
		return nil, err
	}
	conn, err := schema.Open(i.cfg.ClickHouse)
	if err != nil {
		return nil, err
	}
	s := i.stream(kafka, "calls", ledger.TopicCalls, i.cfg.Group, &i.calls)
	in := newInserter(target, i.cfg.InsertTimeout)
	heart := &heartbeat{
		topic: ledger.TopicCalls, fresh: i.fresh, every: i.cfg.FreshnessEvery, conn: conn, inserter: in, table: newFreshnessTable(),
		log: s.log, metrics: i.metrics, now: i.now,
	}
	s.fresh, s.beat = i.fresh, heart.beat
	s.sink = &callSink{
		stream: s, conn: conn, inserter: in, heart: heart, dead: i.deadLetters(kafka, ledger.TopicCalls), log: s.log, metrics: i.metrics, now: i.now,
		columns: [2]*columns{newColumns(), newColumns()}, marks: newMarkTable(), ranges: newRangeTable(),
	}
	return &member{s, []func(){in.close, func() { _ = conn.Close() }}}, nil
}

func (i *Ingester) spanStream(kafka *brokers) (*member, error) {
	target, err := schema.ParseURL(i.cfg.ClickHouse)
	if err != nil {
		return nil, err
	}
	s := i.stream(kafka, "spans", ledger.TopicSpans, i.cfg.Group+"-spans", &i.spans)
	in := newInserter(target, i.cfg.InsertTimeout)
	s.sink = &spanSink{stream: s, inserter: in, dead: i.deadLetters(kafka, ledger.TopicSpans), now: i.now, table: newSpanTable()}
	return &member{s, []func(){in.close}}, nil
}

// checkTopics warns, once the brokers answer, where acknowledged calls could be lost with one broker.
func (i *Ingester) checkTopics(ctx context.Context, kafka *brokers) {
	for {
		warnings, err := kafka.weakTopics(ctx, ledger.TopicCalls, ledger.TopicDeadLetter)
		if err == nil {
			for _, w := range warnings {
				i.log.Warn("a topic is less durable than it should be", "problem", w)
			}
			return
		}
		if !pause(ctx, i.cfg.RetryMax) {
			return
		}
	}
}
