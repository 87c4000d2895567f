package llmsampling

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The percentile is that of the values themselves, up to the width of a bucket.
func TestPercentileOfTheLastHour(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var w window
	var values []uint64
	now := int64(1_800_000_000)
	for i := range 20_000 {
		v := uint64(rng.ExpFloat64() * 50_000_000_000)
		if i < 10_000 { // long ago: forgotten
			v *= 1000
		}
		at := now + int64(i/10_000)*4200
		w.raise(at, place{}, v)
		if i >= 10_000 {
			values = append(values, v)
		}
	}
	require.EqualValues(t, len(values), w.n)
	slices.Sort(values)
	p99 := values[len(values)*99/100]
	require.True(t, w.above(now+4200, p99+p99/6))
	require.False(t, w.above(now+4200, p99-p99/6))
	above := 0
	for _, v := range values {
		if w.above(now+4200, v) {
			above++
		}
	}
	require.LessOrEqual(t, above, len(values)/100)
	require.Greater(t, above, len(values)/300)
}

func TestNothingIsUnusualAtFirstOrWhereAllIsAlike(t *testing.T) {
	var w window
	for range windowLeast - 1 {
		w.raise(1000, place{}, 5<<30)
	}
	require.False(t, w.above(1000, 1<<60), "too few")
	w.raise(1000, place{}, 5<<30)
	require.True(t, w.above(1000, 6<<30))
	require.False(t, w.above(1000, 5<<30), "all are so")
	require.False(t, w.above(1000+3600+slotSeconds, 1<<60), "an hour later nothing is known")
}

// A trace that grows is counted once.
func TestRaise(t *testing.T) {
	var w window
	var p place
	for _, v := range []uint64{1 << 30, 1 << 31, 1 << 29, 1 << 32} {
		p = w.raise(1000, p, v)
	}
	require.EqualValues(t, 1, w.n)
	require.EqualValues(t, 1, w.total[bucketOf(1<<32)])
	p = w.raise(1000+slotSeconds, p, 1<<33)
	require.EqualValues(t, 1, w.n)
	w.raise(1000+20*slotSeconds, p, 1<<40)
	require.EqualValues(t, 1, w.n, "where it was counted is gone")
}

func TestBucketsRise(t *testing.T) {
	last := 0
	for v := uint64(1); v < 1<<63; v += 1 + v/20 {
		b := bucketOf(v)
		require.True(t, b == last || b == last+1 || b == windowBuckets-1, "%d: %d after %d", v, b, last)
		last = b
	}
	require.Equal(t, windowBuckets-1, last)
}
