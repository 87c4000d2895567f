package ledger

// The Kafka topics.
const (
	TopicCalls      = "tollkeeper.calls.v1"      // CallBatch, unkeyed
	TopicSpans      = "tollkeeper.spans.v1"      // OTLP protobuf TracesData, sampled
	TopicDeadLetter = "tollkeeper.deadletter.v1" // raw bytes; origin and reason in headers
)

// AttrCall is the span attribute (bytes) in which llmcost hands an encoded Call to callsplit inside the collector. It
// never leaves the collector and is removed from whatever a client sends.
const AttrCall = "tollkeeper.call"

// AttrPrefix starts every span attribute that Tollkeeper writes; clients can't set them.
const AttrPrefix = "tollkeeper."
