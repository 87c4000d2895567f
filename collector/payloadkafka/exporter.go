package payloadkafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/payloadkafka/internal/metadata"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

// writer encodes spans and writes them.
type writer struct {
	cfg     Config
	log     *zap.Logger
	metrics *metadata.TelemetryBuilder
	client  *kgo.Client
	desks   desks
	cancel  context.CancelFunc // ends whatever the client waits for
}

// start makes the Kafka client. It needs no broker.
func (w *writer) start(context.Context, component.Host) error {
	opts, err := w.cfg.servers().Options()
	if err != nil {
		return fmt.Errorf("payloadkafka: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	client, err := kgo.NewClient(append(opts,
		kgo.WithContext(ctx),
		kgo.ClientID(w.cfg.ClientID),
		kgo.DefaultProduceTopic(w.cfg.Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(maxBrokerRecord),
		kgo.ProducerLinger(0),
		kgo.ProduceRequestTimeout(w.cfg.Timeout),
		kafkaclient.Log(w.log),
	)...)
	if err != nil {
		cancel()
		return fmt.Errorf("payloadkafka: client for brokers %v: %w", w.cfg.Brokers, err)
	}
	w.client, w.cancel = client, cancel
	return nil
}

// stop closes the client, once nothing is written any more.
func (w *writer) stop(context.Context) error {
	if w.client != nil {
		w.cancel()
		w.client.Close()
	}
	return nil
}

// encode is done where the spans come in, so that they wait as bytes.
func (w *writer) encode(ctx context.Context, td ptrace.Traces) (xexporterhelper.Request, error) {
	out, tooLarge, err := w.desks.encode(td, w.cfg.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	if tooLarge > 0 {
		w.metrics.CollectorPayloadKafkaSpansTooLarge.Add(ctx, int64(tooLarge))
		err := fmt.Errorf("%d spans of more than max_record_bytes (%d) each", tooLarge, w.cfg.MaxRecordBytes)
		if out.spans == 0 {
			return nil, err
		}
		w.log.Warn("sampled spans discarded; money is not affected", zap.Error(err))
	}
	return out, nil
}

// write produces a request's records and waits for them. What Kafka will never take is a permanent error.
func (w *writer) write(ctx context.Context, request xexporterhelper.Request) error {
	in, ok := request.(*encoded)
	if !ok {
		return consumererror.NewPermanent(errForeign)
	}
	var records []*kgo.Record
	for part := range in.parts(w.cfg.MaxRecordBytes) {
		records = append(records, &kgo.Record{Value: part.message()})
	}
	var errs []error
	for _, r := range w.client.ProduceSync(ctx, records...) {
		if r.Err == nil {
			continue
		}
		err := fmt.Errorf("write spans to Kafka topic %s: %w", w.cfg.Topic, r.Err)
		if refusal := (*kerr.Error)(nil); errors.As(r.Err, &refusal) && !refusal.Retriable {
			err = consumererror.NewPermanent(err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// bounded ends Shutdown after limit.
type bounded struct {
	exporter.Traces
	limit  time.Duration
	log    *zap.Logger
	giveUp context.CancelFunc // ends what Shutdown waits for
}

// Shutdown drains the queue, at most limit.
func (b *bounded) Shutdown(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- b.Traces.Shutdown(context.WithoutCancel(ctx)) }()
	timer := time.NewTimer(b.limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	b.log.Warn("stopped with payload still queued: Kafka did not take it; money is not affected", zap.Duration("waited", b.limit))
	b.giveUp()
	timer.Reset(b.limit)
	select {
	case <-done: // what it says is what was just told
	case <-timer.C:
	}
	return nil
}
