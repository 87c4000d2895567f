package ledger

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreCompleteAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	once := func(name string) {
		require.NotEmpty(t, name)
		require.False(t, seen[name], name)
		require.Equal(t, strings.ToLower(name), name)
		seen[name] = true
	}
	for i := range NumBuckets {
		once("bucket." + Bucket(i).String())
		b, ok := BucketByName(Bucket(i).String())
		require.True(t, ok)
		require.Equal(t, Bucket(i), b)
	}
	for i := range NumUnits {
		once("unit." + Unit(i).String())
	}
	for i := range NumRaw {
		once("raw." + RawField(i).String())
		r, ok := RawByName(RawField(i).String())
		require.True(t, ok)
		require.Equal(t, RawField(i), r)
	}
	for i := range numFlags {
		once("flag." + Flags(1<<i).String())
	}
	_, ok := BucketByName("nothing")
	require.False(t, ok)
	require.Equal(t, "missing_ids,bad_count", (FlagMissingIDs | FlagBadCount).String())
	require.Empty(t, Flags(0).String())
}

func TestRawCountsKnowAbsentFromZero(t *testing.T) {
	var r RawCounts
	require.True(t, r.Empty())
	r.Set(RawInput, 0)
	v, ok := r.Get(RawInput)
	require.True(t, ok)
	require.Zero(t, v)
	_, ok = r.Get(RawOutput)
	require.False(t, ok)
	require.Equal(t, 1, r.Len())
}

func TestUsageSums(t *testing.T) {
	var u Usage
	require.True(t, u.Zero())
	var in, out int64
	for i := range NumBuckets {
		u.Tokens[i] = int64(1) << i
		if i < int(TextOutput) {
			in += int64(1) << i
		} else {
			out += int64(1) << i
		}
	}
	require.Equal(t, in, u.Input())
	require.Equal(t, out, u.Output())
	require.False(t, u.Zero())
}
