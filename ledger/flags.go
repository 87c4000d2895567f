package ledger

import "strings"

// Flags say what is unusual about a report. Bits are stored and never renumbered.
type Flags uint32

// The flags. "flagged" on a dashboard means any bit of FlagsDoubt.
const (
	FlagMissingIDs    Flags = 1 << iota // no trace or span id: identity is the place in Kafka
	FlagStartOutside                    // start time outside [receipt − 35 d, receipt + 1 h]: minute is the receipt's
	FlagBadCount                        // a count was negative, fractional, not a number or beyond 2⁵³: not used
	FlagContradiction                   // parts exceed totals, or the counts disagree with the emitter rule
	FlagCostDiffers                     // the emitter's own cost differs from ours by > 1 % and > 10⁻⁶ USD
	FlagProvided                        // billed by the emitter's cost: no price of our own, and config trusts it
	FlagHasProvided                     // the emitter sent a cost of its own (ProvidedCost)
	FlagEstimated                       // usage was estimated, not reported
	FlagReserved                        // served by reserved capacity: neither unpriced nor list price
	FlagCandidate                       // may be one of several reports of one call: goes to settle_candidates
	FlagUniqueID                        // the response id is globally unique by the emitter rule
	FlagUnseenLeaf                      // bills what an aggregate's leaves don't explain
	FlagRateLimited                     // the provider or gateway answered 429
	FlagStream                          // streamed
	FlagSampledHead                     // the SDK dropped part of the traffic before us (th > 0)
	FlagTenantClaimed                   // the tenant is a claim of the sender, not authenticated
	FlagTierUnknown                     // the emitter doesn't tell which service tier answered: the cheaper of the asked-for and the standard one
	FlagCacheUnknown                    // the emitter doesn't tell all cached tokens: those it doesn't are priced as fresh input
	FlagLifeUnknown                     // cache writes of unstated life: priced as living five minutes
	FlagAudioUnknown                    // the emitter doesn't tell audio from text: priced as text
	FlagModelGuessed                    // the book doesn't know the model that answered: priced as the one that was asked for
	numFlags          = iota
)

// FlagsDoubt are the flags that make a number one to look at.
const FlagsDoubt = FlagMissingIDs | FlagStartOutside | FlagBadCount | FlagContradiction | FlagCostDiffers | FlagUnseenLeaf

// FlagsUntold say that something is not known that the price depends on, because the emitter left it out or the price book
// lacks it: the cost may differ from the bill, by the reason that the flag names.
const FlagsUntold = FlagEstimated | FlagTierUnknown | FlagCacheUnknown | FlagLifeUnknown | FlagAudioUnknown | FlagModelGuessed

// FlagsInexact make an amount, or a total that includes it, a guess or a lower bound: rollups count such calls as estimated.
const FlagsInexact = FlagsUntold | FlagSampledHead

var flagNames = [numFlags]string{
	"missing_ids", "start_outside", "bad_count", "contradiction", "cost_differs", "provided", "has_provided",
	"estimated", "reserved", "candidate", "unique_id", "unseen_leaf", "rate_limited", "stream", "sampled_head",
	"tenant_claimed", "tier_unknown", "cache_unknown", "cache_life_unknown", "audio_unknown", "model_guessed",
}

// String joins the names of the set flags with commas.
func (f Flags) String() string {
	var names []string
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}
