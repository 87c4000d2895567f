// Command collector measures the collector against what people would use instead, side by side in one run (DESIGN §6):
//
//   - llmcost against contrib's transform processor that tags the same spans by OTTL, and against reading the span off the wire;
//   - llmsampling against contrib's tail_sampling with the same policies;
//   - the whole collector, in its own process, against the same collector with one plain OTLP pipeline to Kafka.
//
// Times are processor time. Rounds of all rows are interleaved, the medians are printed, and what is compared was measured in the
// same run. It is a module of its own so that contrib's processors aren't dependencies of the product.
package main
