// Package collector is Tollkeeper's OpenTelemetry Collector distribution: it takes OTLP from apps and gateways, prices
// every call to a model, and answers the client when Kafka has the calls (DESIGN §3, D1, D2).
//
// Data comes in over OTLP gRPC and HTTP. llmcost reads usage, finds the tenant, prices and tags; tenantlimit refuses what is
// above a tenant's limit; callsplit sends the calls to Kafka first and alone (callskafka, ledger.TopicCalls), then offers the
// spans to the payload pipeline, which samples (llmsampling) and writes what is kept (payloadkafka, ledger.TopicSpans). Metrics
// and logs are accepted and counted; of log events by which coding agents tell of calls, eventspans makes spans. Exporters of the
// user's own can pass tagged traces, metrics and logs on.
//
//	logs ─ eventspans ─╮
//	otlp ─ memory_limiter ─ llmcost ─ tenantlimit ─ callsplit ─┬─ traces/calls:   callskafka
//	                                                           ├─ traces/payload: memory_limiter/payload ─ llmsampling ─ payloadkafka
//	                                                           └─ traces/forward: the user's exporters
//	otlp ─ memory_limiter ─ metrics, logs: countsink, the user's exporters
//
// The Collector runs in process on a configuration made from Config; nothing is written to disk, and no port is opened
// but the two receivers'. It logs to the given slog.Logger and counts in the given Prometheus registry, under
// tollkeeper_collector_ for our own components and otelcol_ for the standard ones.
//
// It refuses to wait without bound: for Kafka, for the payload, or at stop.
package collector
