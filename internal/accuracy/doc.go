// Package accuracy holds every recording of a real instrumentation against the bill of the model server that it called.
//
// Data comes in as recordings (package replay) and goes through the collector's own llmcost, with the built-in rules and
// prices. It goes out as one row per recording: billed, ours, and a verdict. Equal means equal to 10⁻¹² USD. Told means
// another amount, and at least one call that says why: no price and the reason, something that the emitter leaves out, or
// calls that two instrumentations reported, some of which add up to the bill. Different is everything else, and more than the
// bill where we say "at least": that must never be.
//
// It refuses recordings that can't be read and calls that can't be decoded. It judges amounts; counts are judged in
// collector/genai, the way through Kafka and ClickHouse in internal/app.
package accuracy
