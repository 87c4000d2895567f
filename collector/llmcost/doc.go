// Package llmcost is the collector's processor that reads what each span's call to a model used, finds out who pays, prices it
// and tags the span. The tags are documented in README.md.
//
// Data comes in as traces and goes out as the same traces with tollkeeper.* attributes: on every resource (or span) its
// tenant, on every call its price and its usage in disjoint buckets and, for callsplit alone, on every resource the encoded
// ledger.Calls of its spans. Attributes of that name which a client sent are removed first. Spans that have nothing to do with a model cost a look at their keys.
//
// It refuses nothing: what can't be read or priced is tagged so, counted by reason, and goes on as an unpriced call.
package llmcost
