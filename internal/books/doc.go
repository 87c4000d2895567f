// Package books keeps a month of synthetic traffic through everything that happens to books: calls that come twice, late, and
// reported by two layers, prices that were wrong, re-rates, a closing, a reopening. After each stage it asks the product for every
// total, and compares it to 10⁻¹² USD with a recomputation in plain Go that shares no code with rollup, pricing or settlement.
//
// The traffic goes the product's way from Kafka on: CallBatch records, ingest, settlement, rollup, re-rate, the books.
package books
