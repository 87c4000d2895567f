// Package ingest moves calls and spans from Kafka to ClickHouse. It owns the tables ingest_ranges and
// ingest_freshness, inserts into call_reports, settle_candidates, dirty_windows and spans, and changes nothing else.
//
// Calls come in as CallBatch records of ledger.TopicCalls and are exactly once in effect (DESIGN D3): stored at least
// once, under an identity and a version that make a second storing change nothing. One insert per tick takes all
// partitions together; then come marks of the touched minutes, a row per partition in ingest_ranges, and the commit,
// fenced by the consumer group's generation. A crash between any two of them replays; start.go finds where to begin.
// Beside them it says every few seconds up to which time the ledger is complete, traffic or not (fresh.go).
// Spans come in as OTLP of ledger.TopicSpans, in a loop of their own that the money never waits for.
//
// What can't be read goes to ledger.TopicDeadLetter with its bytes, origin and reason; the offset moves on only after
// the dead letter is acknowledged. It refuses nothing else: a database that is down, full or slow stops the reading, the
// records stay in Kafka, and Ready says why.
//
// Metrics are listed in metrics.go.
package ingest
