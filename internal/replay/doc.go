// Package replay sends recorded spans to any OTLP endpoint, and reads recordings together with what was billed for them.
//
// Data comes in as files of OTLP: JSON of traces or logs (one document or one per line) or protobuf, TracesData or
// ExportTraceServiceRequest. It goes out over OTLP, gRPC or HTTP, as an SDK would send it: retryable refusals are tried again,
// rejected spans are counted. By default a recording is moved in time so that its newest span ends now; repeated passes get
// ids of their own. Nothing else in a span is changed.
//
// It refuses files that are not OTLP or hold no spans, before anything is sent.
package replay
