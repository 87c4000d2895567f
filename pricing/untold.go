package pricing

import "github.com/tollkeeper/tollkeeper/ledger"

// searchesUncounted reports whether the model searches by itself, which is billed apart, and nobody says how often it did.
func (b *Book) searchesUncounted(c *ledger.Call, e *Entry) bool {
	if _, told := c.Raw.Get(ledger.RawSearches); told || c.Usage.Units[ledger.UnitSearch] > 0 {
		return false
	}
	return e.series.searches
}

// matters are those of FlagsUntold that can change what the call costs by this entry: an emitter that doesn't tell cached
// tokens leaves nothing in doubt where a model has no cache price.
func (e *Entry) matters(c *ledger.Call, t *Table) ledger.Flags {
	f := ledger.FlagEstimated
	differs := func(a, b ledger.Bucket) bool { return t.Has(a) && t.Has(b) && t.Tokens[a] != t.Tokens[b] }
	if e.choice {
		f |= ledger.FlagTierUnknown
	}
	_, read := c.Raw.Get(ledger.RawCacheRead)
	_, written := c.Raw.Get(ledger.RawCacheWrite)
	if !read && differs(ledger.CacheRead, ledger.FreshInput) || !written && differs(ledger.CacheWrite5m, ledger.FreshInput) {
		f |= ledger.FlagCacheUnknown
	}
	if differs(ledger.CacheWrite1h, ledger.CacheWrite5m) {
		f |= ledger.FlagLifeUnknown
	}
	if differs(ledger.AudioInput, ledger.FreshInput) || differs(ledger.AudioOutput, ledger.TextOutput) {
		f |= ledger.FlagAudioUnknown
	}
	return f
}
