// Package payloadkafka writes sampled spans to Kafka, best effort: contrib's Kafka exporter (otlp_proto) with the defaults
// that Tollkeeper needs, and with a shutdown that ends.
//
// Data comes in as traces from the payload pipeline and goes out as OTLP protobuf records on ledger.TopicSpans, acks all,
// zstd, batched below a broker's record limit. The queue is asynchronous and bounded in bytes; when it is full the data is
// refused, never waited for. It never creates a topic.
//
// Contrib's exporter waits at shutdown, without a deadline, for a record that may have been written (facts/collector.md
// §5): with a dead broker it doesn't return. Shutdown here gives up after shutdown_timeout; what is left in the queue is
// lost, and some goroutines stay until the broker is back or the process ends.
package payloadkafka
