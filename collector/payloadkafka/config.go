package payloadkafka

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// maxBrokerRecord is what a Kafka broker accepts by default (message.max.bytes, 1,048,588), less the overhead of a batch.
const maxBrokerRecord = 1_000_000

// Config of the exporter.
type Config struct {
	// Brokers are the seed brokers, host:port.
	Brokers []string `mapstructure:"brokers"`
	// Security is what the brokers ask of clients: TLS, SASL.
	kafkaclient.Security `mapstructure:",squash"`
	// Topic is ledger.TopicSpans unless told otherwise.
	Topic string `mapstructure:"topic"`
	// ClientID is what the broker logs.
	ClientID string `mapstructure:"client_id"`
	// Timeout bounds one try to write a record that Kafka hasn't been sent.
	Timeout time.Duration `mapstructure:"timeout"`
	// ShutdownTimeout bounds the drain of the queue at stop.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
	// MaxRecordBytes bounds a record, uncompressed.
	MaxRecordBytes int `mapstructure:"max_record_bytes"`
	// Retry and Queue are the Collector's own, for what Kafka doesn't take at once.
	Retry configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

func defaultConfig() *Config {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = 500*time.Millisecond, 5*time.Second, time.Minute
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer, queue.QueueSize, queue.NumConsumers = exporterhelper.RequestSizerTypeBytes, 32<<20, 4
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		Sizer: exporterhelper.RequestSizerTypeBytes, FlushTimeout: 200 * time.Millisecond, MinSize: 400_000, MaxSize: 900_000,
	})
	return &Config{
		Topic: ledger.TopicSpans, ClientID: "tollkeeper-collector-payload",
		Timeout: 5 * time.Second, ShutdownTimeout: 3 * time.Second, MaxRecordBytes: 900_000,
		Retry: retry, Queue: configoptional.Some(queue),
	}
}

func (c *Config) servers() kafkaclient.Servers {
	return kafkaclient.Servers{Brokers: c.Brokers, Security: c.Security}
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 {
		bad(`brokers: none given; list at least one "host:port"`)
	}
	if err := c.servers().Validate(); err != nil {
		errs = append(errs, err)
	}
	if c.Topic == "" {
		bad("topic: empty; name the topic that ingest reads")
	}
	if c.Timeout <= 0 {
		bad("timeout: %s is not positive; use 5s", c.Timeout)
	}
	if c.ShutdownTimeout <= 0 {
		bad("shutdown_timeout: %s is not positive; use 3s", c.ShutdownTimeout)
	}
	if c.MaxRecordBytes < 1024 || c.MaxRecordBytes > maxBrokerRecord {
		bad("max_record_bytes: %d is not between 1024 and %d, a broker's default limit; use 900000", c.MaxRecordBytes, maxBrokerRecord)
	}
	if !c.Queue.HasValue() {
		return errors.Join(errs...)
	}
	queue := c.Queue.Get()
	if queue.StorageID != nil {
		bad("sending_queue.storage: %s: this queue is in memory only; leave it out", queue.StorageID)
	}
	if batch := queue.Batch.Get(); batch != nil && batch.Sizer != exporterhelper.RequestSizerTypeBytes {
		bad("sending_queue.batch.sizer: %s: what waits is encoded and can be cut by bytes only; use bytes", batch.Sizer.String())
	}
	return errors.Join(errs...)
}
