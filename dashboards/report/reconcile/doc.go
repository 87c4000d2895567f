// Package reconcile holds a provider's bill against the ledger: it reads the usage and cost exports that providers give (and a
// CSV that anybody can write), matches them with the ledger's calls by day of UTC and model, and says of every part of the
// difference where it comes from: calls that nobody reported, prices, midnight, credits, commitments, tax, rounding. The
// parts add up to the difference exactly. Book books what is left, so that the month equals the bill.
//
// It refuses other currencies than USD, one page of several, and usage that isn't told by model. Amounts are read as exact
// decimals; what is beyond 10⁻¹² USD is rounded once per line, half to even.
package reconcile
