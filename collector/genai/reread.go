package genai

import "github.com/tollkeeper/tollkeeper/ledger"

// Reread sorts a stored call's raw counts into buckets again, by what the rule that read them says today; false if that can't be
// known, and then the call is as it was. It can't where the rule is gone, where a count could not be read, where audio or images
// came from the cache (the span said which, the ledger doesn't keep it), and for aggregates and what stands for them, whose usage
// is a rest. Doubts about what the emitter left out stay as they were: they were a matter of the span. Prices are the caller's.
func (r *Rules) Reread(c *ledger.Call) bool {
	i, known := r.byID[c.Rule]
	read, _ := c.Raw.Get(ledger.RawCacheRead)
	audio, _ := c.Raw.Get(ledger.RawAudioInput)
	image, _ := c.Raw.Get(ledger.RawImageInput)
	in, _ := c.Raw.Get(ledger.RawInput)
	out, _ := c.Raw.Get(ledger.RawOutput)
	switch {
	case !known, c.Flags&(ledger.FlagBadCount|ledger.FlagUnseenLeaf) != 0, c.Role == ledger.RoleAggregate:
		return false
	case read > 0 && audio+image > 0:
		return false
	case in == 0 && out == 0: // no usage, by whatever rule
		return true
	}
	rl := &r.rules[i]
	const ofCounts = ledger.FlagEstimated | ledger.FlagContradiction | ledger.FlagLifeUnknown
	before, units := c.Flags, c.Usage.Units
	if c.Unpriced == ledger.UnpricedUsage || c.Unpriced == ledger.UnpricedBadUsage {
		c.Unpriced = ""
	}
	c.Usage, c.Flags = ledger.Usage{}, before&^ofCounts
	sortUsage(&beside{providers: true, refused: c.ErrorClass != ""}, rl, c)
	c.Usage.Units = units
	_, counted := c.Raw.Get(ledger.RawSearches)
	if guesses := rl.guessed || rl.streamEstimated || c.ErrorClass != "" || !counted; guesses { // whether this call was guessed, only the span told
		c.Flags |= before & ledger.FlagEstimated
	}
	c.Flags = before&^ofCounts | c.Flags&ofCounts
	return true
}
