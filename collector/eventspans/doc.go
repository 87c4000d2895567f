// Package eventspans is the connector (logs to traces) that makes a span of each log event by which a coding agent tells of a
// call to a model: Claude Code, Codex and Gemini CLI report usage in log events, and in spans partly or not at all
// (docs/adr/0046).
//
// Data comes in as logs. events.yaml says which events are meant and which of their attributes are which of the conventions';
// other records are passed over by the name of their scope. Spans go to the pipeline with llmcost, which reads, prices and tags
// them as any others, and its result is the client's: an event is acknowledged when Kafka has its call.
//
// An event that is sent again makes the same span: trace and span ids are the record's own or hashes of all it says. The time of a
// span is the event's, less the duration it tells.
//
// It refuses to hand on texts of prompts, answers and errors, and any other text above 256 bytes.
//
// Telemetry: see metadata.yaml.
package eventspans
