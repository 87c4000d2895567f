package tenantlimit

import (
	"time"

	"github.com/cespare/xxhash/v2"
)

// overflowBuckets is how many buckets the tenants share for whom the table has no room; a power of two.
const overflowBuckets = 1024

// overflow holds the buckets of tenants for whom there is no room. Each tenant has two of them, by two hashes of its name. It may
// send while either has tokens, and pays from both. A flood empties its two, and sends no more than one bucket lets through, since
// it pays from both each time. Another tenant waits for it only if floods hold both of its buckets: with f floods one in
// (1024 ÷ 2f)² (one in 262,144 for one flood, one in 2,621 for ten). This is Stochastic Fair Blue (Feng, Kandlur, Saha, Shin, 2001) with
// buckets in the place of loss rates.
type overflow struct {
	seed    uint64 // so that nobody outside can choose a name by whose buckets it falls into
	rate    rate
	buckets [overflowBuckets]*bucket // nil until somebody needs it
}

// of are the two buckets of a tenant, filled; the same one twice is possible, and the second is nil then.
func (o *overflow) of(name string, now time.Time) (first, second *bucket) {
	d := xxhash.NewWithSeed(o.seed)
	_, _ = d.WriteString(name) // never fails
	h := d.Sum64()
	i, j := h%overflowBuckets, h>>32%overflowBuckets
	if first = o.at(i, now); i == j {
		return first, nil
	}
	return first, o.at(j, now)
}

func (o *overflow) at(i uint64, now time.Time) *bucket {
	if o.buckets[i] == nil {
		o.buckets[i] = newBucket(o.rate, now)
	}
	o.buckets[i].fill(now)
	return o.buckets[i]
}
