// Package callskafka is the exporter of money: it writes calls to Kafka as ledger.CallBatch records and says OK only when
// Kafka has acknowledged every one of them (DESIGN D2).
//
// Data comes in as the small traces of callsplit, spans with encoded calls in ledger.AttrCalls and nothing else, and goes
// out as unkeyed records of at most max_record_bytes on ledger.TopicCalls. Traces without calls make no record.
//
// There is no queue. Calls wait a millisecond for those of other requests if others are under way, so that many share a write; a request
// that comes alone is written at once. Every wait ends by the context's deadline or timeout, whichever is first, and that of one request
// ends no other's; stopping ends by shutdown_timeout even when the broker is dead.
// A record that may have been written when its wait ends can still arrive: the client's retry is then a duplicate, which
// ingest settles by identity. It never creates a topic.
package callskafka
