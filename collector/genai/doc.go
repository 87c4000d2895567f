// Package genai reads a call to a language model out of a span: who was called, how many tokens of which kind, with what
// result. It sets no price and no tenant.
//
// Data comes in as pdata spans and goes out as a ledger.Call with usage in disjoint buckets, the raw counts, the rule that
// read them and the emitter that wrote them. How an emitter's numbers are to be read (are cached tokens inside the input, is
// reasoning inside the output, what repeats its children) is data in rules.yaml: an ordered table, the first match wins.
//
// Nothing is clamped. Counts that contradict the rule are flagged, counts that can't be read make the call unpriced with a
// reason, and a successful answer without usage is unpriced, not free.
package genai
