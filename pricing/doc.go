// Package pricing turns a call's usage into money: the dated price book and its exact arithmetic.
//
// Data comes in as YAML files, the built-in catalogue (folder catalogue, facts with their source and the day they were
// checked) and an operator's overrides laid over it, and as ledger.Call with usage in disjoint buckets. It goes out as the
// call's cost parts, savings, price version and price entry, or as the reason why there is no price; and,
// for people, as rows (List, History), as the sum behind an amount line by line (Explain), and as what is wrong with a price
// file (Lint).
//
// Every amount is tokens × price, with one rounding per bucket (half to even, to 10⁻¹² USD) after all factors. Nothing is
// clamped, averaged or guessed: a name the book doesn't know, a bucket without a price, a tier without a price, an amount
// out of range are each an unpriced call with a reason, never a zero.
package pricing
