package genai

import (
	"math"
	"math/bits"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// maxCount is the largest count that a double holds exactly; a larger one can't be a number of tokens.
const maxCount = 1 << 53

type countState uint8

const (
	countAbsent countState = iota
	countOK
	countBad
)

// count reads a field as a number of tokens. Texts are read if they are plain integers, doubles if they are whole.
func (s *scratch) count(f field) (int64, countState) {
	if !s.has(f) {
		return 0, countAbsent
	}
	if at := int(s.at[f]); at < len(s.list) {
		if n, ok := s.list[at].Int(s.attrs); ok {
			return inRange(n)
		}
	}
	return toCount(s.value(f))
}

// inRange is a whole number as a number of tokens.
func inRange(n int64) (int64, countState) {
	if n < 0 || n > maxCount {
		return 0, countBad
	}
	return n, countOK
}

func toCount(v pcommon.Value) (int64, countState) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return inRange(v.Int())
	case pcommon.ValueTypeDouble:
		if d := v.Double(); d >= 0 && d <= maxCount && d == math.Trunc(d) {
			return int64(d), countOK
		}
	case pcommon.ValueTypeStr:
		if n, ok := plainInteger(v.Str()); ok {
			return n, countOK
		}
	case pcommon.ValueTypeEmpty:
		return 0, countAbsent
	}
	return 0, countBad
}

func plainInteger(s string) (int64, bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, n <= maxCount
}

// rawOf says which raw count a field is.
var rawOf = [...]struct {
	field field
	raw   ledger.RawField
}{
	{fInput, ledger.RawInput}, {fOutput, ledger.RawOutput}, {fTotal, ledger.RawTotal}, {fCacheRead, ledger.RawCacheRead},
	{fCacheWrite, ledger.RawCacheWrite}, {fCacheWrite5m, ledger.RawCacheWrite5m}, {fCacheWrite1h, ledger.RawCacheWrite1h},
	{fReasoning, ledger.RawReasoning}, {fAudioInput, ledger.RawAudioInput},
	{fAudioOutput, ledger.RawAudioOutput}, {fImageInput, ledger.RawImageInput}, {fImageOutput, ledger.RawImageOutput},
	{fTextInput, ledger.RawTextInput}, {fTextOutput, ledger.RawTextOutput},
	{fImages, ledger.RawImages}, {fPages, ledger.RawPages},
}

// rawFields are those of rawOf, as bits, and rawByField finds them.
var rawFields, rawByField = func() (all uint64, raw [numFields]ledger.RawField) {
	for _, f := range rawOf {
		all |= 1 << f.field
		raw[f.field] = f.raw
	}
	return all, raw
}()

// milliseconds reads a field as a time in seconds, whole or not, rounded to the millisecond.
func (s *scratch) milliseconds(f field) (int64, countState) {
	if !s.has(f) {
		return 0, countAbsent
	}
	if v := s.value(f); v.Type() == pcommon.ValueTypeDouble {
		if d := v.Double(); d >= 0 && d <= maxCount/1000 {
			return int64(math.RoundToEven(d * 1000)), countOK
		}
		return 0, countBad
	}
	n, state := s.count(f)
	if state == countOK && n > maxCount/1000 {
		return 0, countBad
	}
	return n * 1000, state
}

// readUsage keeps the counts as they were written and sorts them.
func readUsage(s *scratch, rl *rule, c *ledger.Call) {
	bad := false
	for told := s.fields & rawFields; told != 0; told &= told - 1 {
		f := field(bits.TrailingZeros64(told))
		raw := rawByField[f]
		n, state := s.count(f)
		switch state {
		case countOK:
			c.Raw.Set(raw, n)
		case countBad:
			c.Flags |= ledger.FlagBadCount
			// A total that can't be read bills nothing: it isn't needed. What isn't tokens bills only where there are none.
			bad = bad || raw != ledger.RawTotal && raw != ledger.RawImages && raw != ledger.RawPages
		}
	}
	switch n, state := s.milliseconds(fSeconds); state {
	case countOK:
		c.Raw.Set(ledger.RawMillis, n)
	case countBad:
		c.Flags |= ledger.FlagBadCount
	}
	if bad {
		c.Unpriced = ledger.UnpricedBadUsage
		return
	}
	b := s.beside()
	sortUsage(&b, rl, c)
}

// beside is what a span tells of its counts that isn't kept among the raw ones.
type beside struct {
	cachedAudio, cachedImage int64
	audioState, imageState   countState
	refused                  bool // the request, so that it made no token
	providers                bool // the provider's own usage was there to read
	searches                 bool // the request offered the provider's web search
}

func (s *scratch) beside() (b beside) {
	b.cachedAudio, b.audioState = s.count(fAudioCached)
	b.cachedImage, b.imageState = s.count(fImageCached)
	b.refused, b.providers = s.refused, s.has(fUsageObject)
	b.searches = strings.Contains(s.text(fParameters), "web_search")
	return b
}

// sortUsage sorts the raw counts into disjoint buckets by the rule. The call has no usage before.
func sortUsage(s *beside, rl *rule, c *ledger.Call) {
	in, hasIn := c.Raw.Get(ledger.RawInput)
	out, hasOut := c.Raw.Get(ledger.RawOutput)
	if (!hasIn && !hasOut) || (in == 0 && out == 0) {
		// Some emitters write zeros when no usage arrived. A refused request costs nothing; any other isn't known to be free.
		if !s.refused && !countUnits(c) {
			c.Unpriced = ledger.UnpricedUsage
		}
		return
	}
	if !hasOut && !s.refused && answersInTokens(c.Operation) {
		c.Flags |= ledger.FlagEstimated
	}
	u := &c.Usage
	if total, ok := c.Raw.Get(ledger.RawTotal); ok && (in > total || out > total) {
		c.Flags |= ledger.FlagContradiction // a part above the total
	}
	if !splitInput(s, c, rl, u) || !splitOutput(c, rl, u) {
		*u = ledger.Usage{}
		c.Flags |= ledger.FlagContradiction
		c.Unpriced = ledger.UnpricedBadUsage
		return
	}
	if u.Input() == 0 {
		c.Flags |= ledger.FlagEstimated // no answer comes from nothing: the input was left out
	}
	u.Units[ledger.UnitSearch], _ = c.Raw.Get(ledger.RawSearches)
	c.Flags |= untold(s, rl, c)
}

// countUnits takes the images, the time and the pages that were counted as what was used, and reports whether there are any. It is
// for calls without tokens: models that bill tokens have images and audio among them.
func countUnits(c *ledger.Call) (any bool) {
	for _, u := range [...]struct {
		raw  ledger.RawField
		unit ledger.Unit
	}{{ledger.RawImages, ledger.UnitImage}, {ledger.RawMillis, ledger.UnitMilli}, {ledger.RawPages, ledger.UnitPage}} {
		if n, _ := c.Raw.Get(u.raw); n > 0 {
			c.Usage.Units[u.unit], any = n, true
		}
	}
	return any
}

// answersInTokens reports whether a success of the operation has output tokens.
func answersInTokens(operation string) bool {
	return operation == "chat" || operation == "text_completion" || operation == "generate_content"
}

// untold are the flags of what the emitter is known to leave out and this span doesn't tell. Pricing takes back those that
// make no difference to the model's price.
func untold(s *beside, rl *rule, c *ledger.Call) (f ledger.Flags) {
	if rl.last {
		f |= ledger.FlagEstimated
	}
	if s.providers {
		return f
	}
	if _, ok := c.Raw.Get(ledger.RawCacheRead); !ok {
		f |= rl.blind & ledger.FlagCacheUnknown
	}
	if _, ok := c.Raw.Get(ledger.RawCacheWrite); !ok && rl.blind&flagWriteUnknown != 0 {
		f |= ledger.FlagCacheUnknown
	}
	_, in := c.Raw.Get(ledger.RawAudioInput)
	_, out := c.Raw.Get(ledger.RawAudioOutput)
	if !in && !out {
		f |= rl.blind & ledger.FlagAudioUnknown
	}
	if c.ServiceTier == "" {
		f |= rl.blind & ledger.FlagTierUnknown
	}
	if _, ok := c.Raw.Get(ledger.RawSearches); !ok && s.searches {
		f |= ledger.FlagEstimated // it could search, and nobody says how often it did
	}
	if rl.guessed || (rl.streamEstimated && c.Flags&ledger.FlagStream != 0) {
		f |= ledger.FlagEstimated
	}
	return f
}

// splitInput sorts the input into fresh, cached, audio and image tokens; false if the parts can't belong to the whole.
func splitInput(s *beside, c *ledger.Call, rl *rule, u *ledger.Usage) bool {
	in, _ := c.Raw.Get(ledger.RawInput)
	read, _ := c.Raw.Get(ledger.RawCacheRead)
	write, _ := c.Raw.Get(ledger.RawCacheWrite)
	audio, _ := c.Raw.Get(ledger.RawAudioInput)
	image, _ := c.Raw.Get(ledger.RawImageInput)
	readIn, writeIn := placeCache(c, rl, in, read, write)
	if !dropCached(s, c, &audio, &image, read) {
		return false
	}
	fresh := in - audio - image
	if readIn {
		fresh -= read
	}
	if writeIn {
		fresh -= write
	}
	if fresh < 0 {
		return false
	}
	u.Tokens[ledger.FreshInput] = fresh
	u.Tokens[ledger.CacheRead] = read
	u.Tokens[ledger.AudioInput] = audio
	u.Tokens[ledger.ImageInput] = image
	w5, has5 := c.Raw.Get(ledger.RawCacheWrite5m)
	w1, has1 := c.Raw.Get(ledger.RawCacheWrite1h)
	if has5 || has1 {
		// Some tell one of the two only; the other is the rest.
		switch {
		case !has5:
			w5 = max(0, write-w1)
		case !has1:
			w1 = max(0, write-w5)
		}
		if w5+w1 != write {
			c.Flags |= ledger.FlagContradiction
		}
		u.Tokens[ledger.CacheWrite5m], u.Tokens[ledger.CacheWrite1h] = w5, w1
		return w5+w1 == write
	}
	u.Tokens[ledger.CacheWrite5m] = write
	if write > 0 {
		c.Flags |= ledger.FlagLifeUnknown
	}
	return true
}

// dropCached takes from the audio and image tokens those that were read from the cache, which count there; false if more of them
// were than there are. Where that isn't told of audio, as many as can be: text costs less, so this is the lower reading.
func dropCached(s *beside, c *ledger.Call, audio, image *int64, read int64) bool {
	cachedAudio, cachedImage := s.cachedAudio, s.cachedImage
	if s.audioState == countBad || s.imageState == countBad {
		c.Flags |= ledger.FlagBadCount
	}
	if s.audioState != countOK && *audio > 0 && read > 0 {
		cachedAudio = min(*audio, read)
		c.Flags |= ledger.FlagAudioUnknown
	}
	if cachedAudio > *audio || cachedImage > *image || cachedAudio+cachedImage > read {
		return false
	}
	*audio -= cachedAudio
	*image -= cachedImage
	return true
}

// placeCache decides whether the cached tokens are inside the input, from the rule and from what the counts prove
// (research: otel.md §1.7).
func placeCache(c *ledger.Call, rl *rule, in, read, write int64) (readIn, writeIn bool) {
	readIn, writeIn = rl.cacheRead != outside, rl.cacheWrite != outside
	if read+write == 0 {
		return readIn, writeIn
	}
	var claimed int64
	if readIn {
		claimed += read
	}
	if writeIn {
		claimed += write
	}
	undecided := rl.cacheRead == auto || rl.cacheWrite == auto
	if claimed > in {
		// What is larger than the whole isn't inside of it: certain, whatever the rule says.
		if !undecided {
			c.Flags |= ledger.FlagContradiction
		}
		return false, false
	}
	if !undecided {
		return readIn, writeIn
	}
	out, _ := c.Raw.Get(ledger.RawOutput)
	if total, ok := c.Raw.Get(ledger.RawTotal); ok && rl.totalCounted {
		switch total {
		case in + out + read + write:
			return false, false
		case in + out:
			return true, true
		}
	}
	// Not proved: inside gives the lower bound, and the call says so.
	c.Flags |= ledger.FlagEstimated
	return true, true
}

// splitOutput sorts the output into text, reasoning and audio.
func splitOutput(c *ledger.Call, rl *rule, u *ledger.Usage) bool {
	out, _ := c.Raw.Get(ledger.RawOutput)
	reasoning, hasReasoning := c.Raw.Get(ledger.RawReasoning)
	audio, _ := c.Raw.Get(ledger.RawAudioOutput)
	text := out - audio
	switch {
	case rl.reasoning == guessed:
		reasoning = 0
	case rl.reasoning == lost && !hasReasoning:
		if total, ok := c.Raw.Get(ledger.RawTotal); ok {
			in, _ := c.Raw.Get(ledger.RawInput)
			if reasoning = total - in - out; reasoning < 0 {
				reasoning = 0
				c.Flags |= ledger.FlagContradiction
			}
		}
	case rl.reasoning == outside || rl.reasoning == lost:
	case reasoning > text && text >= 0:
		// More reasoning than output: it can't be a part of it.
		c.Flags |= ledger.FlagContradiction
	default:
		text -= reasoning
	}
	if text < 0 {
		return false
	}
	u.Tokens[ledger.TextOutput] = text
	u.Tokens[ledger.Reasoning] = reasoning
	u.Tokens[ledger.AudioOutput] = audio
	return true
}
