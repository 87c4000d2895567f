package llmsampling

import "math/bits"

// A window counts a tenant's values of the last hour in buckets, so that its 99th percentile is known to an eighth of an octave
// (9 to 12 %) without keeping a value.
//
// Values are whole numbers: units of 10⁻¹² USD, or nanoseconds. The lowest bucket holds all below 2²⁰ of them (a millionth of a
// dollar, a millisecond), the highest all above 2⁵³ (9,000 USD, 104 days).
const (
	windowShift   = 20
	windowOctaves = 31
	windowBuckets = 8 * (windowOctaves + 1)
	windowSlots   = 6
	slotSeconds   = 600
	// windowLeast is how many values make a percentile: below it nothing is unusual.
	windowLeast = 100
)

type counts [windowBuckets]uint32

type window struct {
	slots [windowSlots]*counts // by slot number modulo their count
	slot  int64                // the newest slot's number
	total counts
	n     uint64
	p99   int    // the bucket of the 99th percentile; all is below it while there are too few
	fresh uint64 // how many more values leave p99 as it is
}

func bucketOf(v uint64) int {
	v >>= windowShift
	if v < 8 {
		return int(v)
	}
	e := bits.Len64(v) - 1
	return min(8+(e-3)*8+int(v>>(e-3)&7), windowBuckets-1)
}

// turn forgets what is older than an hour.
func (w *window) turn(now int64) {
	slot := now / slotSeconds
	if slot <= w.slot {
		return
	}
	for s := max(w.slot+1, slot-windowSlots+1); s <= slot; s++ {
		if old := w.slots[s%windowSlots]; old != nil {
			for i, c := range old {
				w.total[i] -= c
				w.n -= uint64(c)
			}
			w.slots[s%windowSlots] = nil
		}
	}
	w.slot, w.fresh = slot, 0
}

func (w *window) put(b int) {
	s := &w.slots[w.slot%windowSlots]
	if *s == nil {
		*s = new(counts)
	}
	(*s)[b]++
	w.total[b]++
	w.n++
	if w.fresh > 0 {
		w.fresh--
	}
}

// place is where a value was counted.
type place struct {
	slot   int64
	bucket int
	known  bool
}

// raise counts a value, or one that has grown since it was counted at p: it counts once, with what it is now. It returns where.
func (w *window) raise(now int64, p place, v uint64) place {
	w.turn(now)
	b := bucketOf(v)
	if b <= p.bucket && p.known {
		return p
	}
	if s := w.slots[p.slot%windowSlots]; p.known && p.slot > w.slot-windowSlots && s != nil && s[p.bucket] > 0 {
		s[p.bucket]--
		w.total[p.bucket]--
		w.n--
	}
	w.put(b)
	return place{slot: w.slot, bucket: b, known: true}
}

// above reports whether a value lies in a higher bucket than the 99th percentile of the last hour.
func (w *window) above(now int64, v uint64) bool {
	w.turn(now)
	if w.n < windowLeast {
		return false
	}
	if w.fresh == 0 {
		w.fresh = 1 + w.n/64
		rest := w.n / 100 // how many may lie above
		w.p99 = windowBuckets - 1
		for seen := uint64(0); w.p99 > 0; w.p99-- {
			if seen += uint64(w.total[w.p99]); seen > rest {
				break
			}
		}
	}
	return bucketOf(v) > w.p99
}
