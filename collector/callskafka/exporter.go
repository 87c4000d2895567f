package callskafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/callskafka/internal/metadata"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

type callsExporter struct {
	cfg     Config
	log     *zap.Logger
	metrics *metadata.TelemetryBuilder
	linger  time.Duration
	client  *kgo.Client
	waiting atomic.Int64 // requests
}

// linger is how long a request's calls wait for those of others, if others are under way: eight requests' calls in one write, compressed
// together, take half of the CPU of eight writes.
const linger = time.Millisecond

// Start makes the Kafka client. It needs no broker: until one answers, requests end by their deadline.
func (e *callsExporter) Start(context.Context, component.Host) error {
	opts, err := e.cfg.servers().Options()
	if err != nil {
		return fmt.Errorf("callskafka: %w", err)
	}
	client, err := kgo.NewClient(append(opts,
		kgo.ClientID(e.cfg.ClientID),
		kgo.DefaultProduceTopic(e.cfg.Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()), // with the idempotent writes that franz-go does by default
		// A request's calls are few and mostly random: the default level makes them 2 % smaller at most, in a fifth to a third more time.
		kgo.ProducerBatchCompression(kgo.ZstdCompression().WithLevel(int(zstd.SpeedFastest)), kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(maxBrokerRecord),
		kgo.MaxBufferedBytes(e.cfg.MaxBufferedBytes),
		kgo.MaxBufferedRecords(100_000),
		kgo.ProducerLinger(e.linger),
		// A leader change costs a metadata round of at most 100 ms, not the default's 5 s (facts/collector.md §2).
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
		kgo.DialTimeout(2*time.Second),
		kgo.ProduceRequestTimeout(3*time.Second),
		kgo.RequestTimeoutOverhead(2*time.Second),
		// What was told to the client as refused must not wait in the buffer for a broker that comes back.
		kgo.RecordDeliveryTimeout(max(e.cfg.Timeout, time.Second)),
		kafkaclient.Log(e.log),
	)...)
	if err != nil {
		return fmt.Errorf("callskafka: client for brokers %v: %w", e.cfg.Brokers, err)
	}
	e.client = client
	return nil
}

// Shutdown flushes what is buffered, at most shutdown_timeout, then closes the client.
func (e *callsExporter) Shutdown(ctx context.Context) error {
	if e.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.ShutdownTimeout)
	defer cancel()
	if err := e.client.Flush(ctx); err != nil {
		e.log.Warn("stopped with calls unacknowledged; their clients were told to send them again",
			zap.Int64("records", e.client.BufferedProduceRecords()), zap.Error(err))
	}
	e.client.Close()
	return nil
}

// Capabilities says that the data is only read.
func (*callsExporter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces produces the calls of td and waits until Kafka has acknowledged all of their records, ctx ends or the
// timeout passes. Any failure is one error for all: the caller sends all again.
func (e *callsExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	records := batches(td, e.cfg.MaxRecordBytes)
	if len(records) == 0 {
		return nil
	}
	started := time.Now()
	writing, written := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.Timeout, fmt.Errorf("no acknowledgement within %s", e.cfg.Timeout))
	defer cancel()
	results := make(chan error, len(records))
	bytes := 0
	for _, value := range records {
		bytes += len(value)
	}
	go e.produce(writing, records, e.waiting.Add(1) == 1, results)
	err := await(ctx, results, len(records))
	e.waiting.Add(-1)
	if err == nil {
		written()
	} else { // what others wrote with it isn't to fail because this client went
		context.AfterFunc(writing, written)
	}
	e.metrics.CollectorCallsKafkaWaitSeconds.Record(ctx, time.Since(started).Seconds())
	if err != nil {
		e.metrics.CollectorCallsKafkaRecordsFailed.Add(ctx, int64(len(records)))
		return fmt.Errorf("write calls to Kafka topic %s: %w", e.cfg.Topic, err)
	}
	e.metrics.CollectorCallsKafkaRecords.Add(ctx, int64(len(records)))
	e.metrics.CollectorCallsKafkaRecordBytes.Add(ctx, int64(bytes))
	return nil
}

// produce writes values as records, each of which gives a result. A record that comes alone doesn't linger.
func (e *callsExporter) produce(ctx context.Context, values [][]byte, alone bool, results chan<- error) {
	if alone && len(values) == 1 {
		results <- e.client.ProduceSync(ctx, &kgo.Record{Value: values[0]}).FirstErr()
		return
	}
	for _, value := range values {
		e.client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) { results <- err })
	}
}

// await collects n results, the first failure or the end of ctx.
func await(ctx context.Context, results <-chan error, n int) error {
	for range n {
		select {
		case err := <-results:
			if err != nil {
				return because(ctx, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// errTogether is how a request's records end that lie with those of another one whose time is over: the client fails them all.
var errTogether = errors.New("calls that were to be written with them got no acknowledgement in time; send them again")

// because prefers the reason why ctx ended to the bare context error that the client reports for it.
func because(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return errTogether
	}
	return err
}
