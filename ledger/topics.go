package ledger

// The Kafka topics.
const (
	TopicCalls      = "tollkeeper.calls.v1"      // CallBatch, unkeyed
	TopicSpans      = "tollkeeper.spans.v1"      // OTLP protobuf TracesData, sampled
	TopicDeadLetter = "tollkeeper.deadletter.v1" // raw bytes; origin and reason in headers
)

// AttrCalls is the resource attribute (bytes) in which llmcost hands the calls of a resource's spans to callsplit, as a CallBatch,
// inside the collector: one for all, since an attribute on each of its spans costs as much as reading a tenth of the span
// (docs/adr/0037). It never leaves the collector and is removed from whatever a client sends.
const AttrCalls = "tollkeeper.calls"

// AttrPrefix starts every span attribute that Tollkeeper writes; clients can't set them.
const AttrPrefix = "tollkeeper."
