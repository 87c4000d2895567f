// Package llmsampling is the processor that decides which spans are worth keeping, in the payload pipeline only: money has
// been recorded before, so nothing here can change a total (DESIGN law 2).
//
// Data comes in as traces tagged by llmcost and goes out as the spans of kept traces, each with the attributes
//
//	tollkeeper.sampling.kept         why: error, unpriced, flagged, cost, random
//	tollkeeper.sampling.probability  the chance that a trace like this one is kept, SDK head sampling (th) included
//
// A trace is kept when a span of it failed, when a call of it has no price or a doubtful number, when its calls seen so far
// cost at least min_cost, or else when its randomness says so: OpenTelemetry's consistent sampling, the low 56 bits of the
// trace id or rv against a threshold. So any number of collectors decide alike without talking, and the
// threshold is written to the trace state (th) of what was kept at random.
//
// A batch is held for decision_wait, so that what comes later can save what came earlier. Later spans follow the decision,
// which is remembered; but a later span with a reason of its own turns "drop" into "keep" from then on. What is held
// is bounded in bytes: when it is full the oldest batch is decided at once with what is known. Nothing waits for the
// decision, and what the next consumer refuses is counted and forgotten.
//
// Prompts and answers are taken off every span at arrival (content.go) unless content is on for the span's tenant, and with
// them the texts of errors, which quote them: the status' message, exception.message and exception.stacktrace, but not
// error.type and exception.type. Every value is cut at max_value_bytes. Spans that forward.traces passes on to other backends
// don't come by here: they keep all their content.
package llmsampling
