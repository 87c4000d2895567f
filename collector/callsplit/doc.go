// Package callsplit is the connector (traces to traces) where money and payload part (DESIGN D1, D2).
//
// Data comes in as traces whose resources carry the encoded ledger.Calls of their spans in the attribute ledger.AttrCalls, put there
// by llmcost. The connector moves those bytes into a small ptrace.Traces of their own, hands that to the calls pipeline and
// answers the client with that pipeline's result, and with nothing else. Only after success does it offer the spans,
// free of ledger.AttrCalls, to the other pipelines; what those refuse is counted and forgotten.
//
// It refuses to wait longer than max_wait for money, to hold more than max_in_flight requests that wait, and to let a
// permanent error reach the client: an OTLP client drops its batch on one, and the batch is somebody's money.
//
// Telemetry: see metadata.yaml.
package callsplit
