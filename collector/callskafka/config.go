package callskafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

// maxBrokerRecord is what a Kafka broker accepts by default (message.max.bytes, 1,048,588), less the overhead of a batch.
const maxBrokerRecord = 1_000_000

// Config of the exporter.
type Config struct {
	// Brokers are the seed brokers, host:port.
	Brokers []string `mapstructure:"brokers"`
	// Security is what the brokers ask of clients: TLS, SASL.
	kafkaclient.Security `mapstructure:",squash"`
	// Topic is ledger.TopicCalls unless told otherwise.
	Topic string `mapstructure:"topic"`
	// ClientID is what the broker logs.
	ClientID string `mapstructure:"client_id"`
	// Timeout bounds the wait for one request's records.
	Timeout time.Duration `mapstructure:"timeout"`
	// ShutdownTimeout bounds the flush at stop.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
	// MaxRecordBytes is where a CallBatch is split, uncompressed.
	MaxRecordBytes int `mapstructure:"max_record_bytes"`
	// MaxBufferedBytes bounds what waits in the producer; beyond it requests wait for room, at most Timeout.
	MaxBufferedBytes int `mapstructure:"max_buffered_bytes"`
}

func (c *Config) servers() kafkaclient.Servers {
	return kafkaclient.Servers{Brokers: c.Brokers, Security: c.Security}
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New(`brokers: none given; list at least one "host:port"`))
	}
	if err := c.servers().Validate(); err != nil {
		errs = append(errs, err)
	}
	if c.Topic == "" {
		errs = append(errs, errors.New("topic: empty; name the topic that ingest reads"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s is not positive; use 5s", c.Timeout))
	}
	if c.ShutdownTimeout <= 0 {
		errs = append(errs, fmt.Errorf("shutdown_timeout: %s is not positive; use 3s", c.ShutdownTimeout))
	}
	if c.MaxRecordBytes < 1024 || c.MaxRecordBytes > maxBrokerRecord {
		errs = append(errs, fmt.Errorf("max_record_bytes: %d is not between 1024 and %d, a broker's default limit; use 900000", c.MaxRecordBytes, maxBrokerRecord))
	}
	if c.MaxBufferedBytes < c.MaxRecordBytes {
		errs = append(errs, fmt.Errorf("max_buffered_bytes: %d holds not even one record of %d; use 67108864", c.MaxBufferedBytes, c.MaxRecordBytes))
	}
	return errors.Join(errs...)
}
