// Package payloadkafka writes sampled spans to Kafka, best effort.
//
// Data comes in as traces from the payload pipeline and goes out as OTLP protobuf records on ledger.TopicSpans, acks all,
// zstd, batched below a broker's record limit. Spans are encoded where they come in, once, and wait as bytes: the queue is
// asynchronous and bounded by just those bytes, and when it is full the data is refused, never waited for. It never creates a topic.
//
// Contrib's Kafka exporter, which this took the place of (docs/adr/0047), measures what waits again and again, and waits at shutdown
// without a deadline for a record that may have been written (facts/collector.md §5). Shutdown here gives up after shutdown_timeout;
// what is left in the queue then is lost.
package payloadkafka
