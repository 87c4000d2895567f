package ledger

import "math"

// Bucket names one of the disjoint token counts of a call. Every token of a call is in exactly one bucket, so that
// cost = Σ tokens × price and nothing is counted twice.
type Bucket uint8

// The token buckets, in the order in which they are stored.
const (
	FreshInput   Bucket = iota // text input that was neither read from nor written to a cache
	CacheRead                  // input served from the provider's prompt cache
	CacheWrite5m               // input written to a cache that lives five minutes (or has no stated life)
	CacheWrite1h               // input written to a cache that lives one hour
	AudioInput
	ImageInput
	TextOutput // visible text output, reasoning excluded
	Reasoning  // output spent on reasoning
	AudioOutput
	NumBuckets int = iota
)

var bucketNames = [NumBuckets]string{
	"fresh_input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "image_input",
	"text_output", "reasoning", "audio_output",
}

// String returns the stored name: fresh_input, cache_read, cache_write_5m, …
func (b Bucket) String() string { return bucketNames[b] }

// BucketByName returns the bucket stored under the name.
func BucketByName(name string) (Bucket, bool) {
	for i, n := range bucketNames {
		if n == name {
			return Bucket(i), true
		}
	}
	return 0, false
}

// Unit names something billed that is not a token.
type Unit uint8

// The units, in the order in which they are stored.
const (
	UnitRequest Unit = iota // one request
	UnitImage               // one generated image
	UnitMilli               // one millisecond of audio or video
	UnitPage                // one document page
	UnitSearch              // one search or tool call billed apart
	NumUnits    int  = iota
)

var unitNames = [NumUnits]string{"request", "image", "millisecond", "page", "search"}

// String returns the stored name: request, image, millisecond, page, search.
func (u Unit) String() string { return unitNames[u] }

// Usage is what one call consumed. Counts are never negative.
type Usage struct {
	Tokens [NumBuckets]int64
	Units  [NumUnits]int64
}

// Input is the sum of all input buckets, cached ones included; the largest int64 where the sum is beyond it.
func (u *Usage) Input() int64 {
	t := &u.Tokens
	return sum(t[FreshInput], t[CacheRead], t[CacheWrite5m], t[CacheWrite1h], t[AudioInput], t[ImageInput])
}

// Output is the sum of all output buckets, reasoning included; the largest int64 where the sum is beyond it.
func (u *Usage) Output() int64 {
	return sum(u.Tokens[TextOutput], u.Tokens[Reasoning], u.Tokens[AudioOutput])
}

func sum(counts ...int64) (total int64) {
	for _, n := range counts {
		if n > math.MaxInt64-total {
			return math.MaxInt64
		}
		total += n
	}
	return total
}

// Zero reports whether nothing at all was counted.
func (u *Usage) Zero() bool { return *u == Usage{} }

// RawField names a count as the emitter wrote it, before any interpretation.
type RawField uint8

// The raw counts. They overlap each other in ways that only the emitter rule knows.
const (
	RawInput RawField = iota
	RawOutput
	RawTotal
	RawCacheRead
	RawCacheWrite
	RawCacheWrite5m
	RawCacheWrite1h
	RawReasoning
	RawAudioInput
	RawAudioOutput
	RawImageInput
	RawImageOutput
	RawTextInput
	RawTextOutput
	RawToolInput
	RawSearches     // web searches, billed apart
	RawImages       // that were made
	RawMillis       // milliseconds of audio or video
	RawPages        // of documents that were read
	NumRaw      int = iota
)

var rawNames = [NumRaw]string{
	"input", "output", "total", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning",
	"audio_input", "audio_output", "image_input", "image_output", "text_input", "text_output", "tool_input", "searches",
	"images", "milliseconds", "pages",
}

// String returns the stored name of the raw count.
func (r RawField) String() string { return rawNames[r] }

// RawByName returns the field stored under the name.
func RawByName(name string) (RawField, bool) {
	for i, n := range rawNames {
		if n == name {
			return RawField(i), true
		}
	}
	return 0, false
}

// RawCounts are the counts a span carried, exactly as read. A count that was not there is absent, not zero.
type RawCounts struct {
	value   [NumRaw]int64
	present uint32
}

// Set records a count.
func (r *RawCounts) Set(f RawField, v int64) { r.value[f] = v; r.present |= 1 << f }

// Get returns a count and whether the span carried it.
func (r *RawCounts) Get(f RawField) (int64, bool) { return r.value[f], r.present&(1<<f) != 0 }

// Empty reports whether the span carried no count at all.
func (r *RawCounts) Empty() bool { return r.present == 0 }

// Len is the number of counts carried.
func (r *RawCounts) Len() int {
	n := 0
	for p := r.present; p != 0; p &= p - 1 {
		n++
	}
	return n
}

// Each calls f for every count carried, in field order.
func (r *RawCounts) Each(f func(RawField, int64)) {
	for i := range NumRaw {
		if r.present&(1<<i) != 0 {
			f(RawField(i), r.value[i])
		}
	}
}
