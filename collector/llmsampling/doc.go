// Package llmsampling is the processor that decides which spans are worth keeping, in the payload pipeline only: money has
// been recorded before, so nothing here can change a total (DESIGN law 2).
//
// Data comes in as traces tagged by llmcost and goes out as the spans of kept traces, each with the attributes
//
//	tollkeeper.sampling.kept         why: README.md lists the reasons
//	tollkeeper.sampling.probability  the chance that a trace like this one is kept, SDK head sampling (th) included
//
// intake.go takes content off and collects what spans say (evidence.go) by trace (traces.go) and tenant (tenants.go, window.go).
// release.go decides what has been held for decision_wait, or longer ago than there is room for, and at once where nothing is ever dropped. How much may be kept
// besides, the budget says (budget.go); which traces, their own randomness (randomness.go), so that any number of collectors
// decide alike without talking.
//
// Nothing waits for a decision, and what the next consumer refuses is counted and forgotten.
//
// Prompts and answers are taken off every span at arrival (content.go) unless content is on for the span's tenant, and with
// them the texts of errors, which quote them: the status' message, exception.message and exception.stacktrace, but not
// error.type and exception.type. Every value is cut at max_value_bytes. Spans that forward.traces passes on to other backends
// don't come by here: they keep all their content.
package llmsampling
