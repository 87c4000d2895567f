package llmcost

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// index finds the calls of a request by one of their keys. It is a map that costs no allocation and forgets quickly.
type index struct {
	seed  [2]uint64 // keys are up to the senders: nobody may choose them so that they meet
	slots []int32   // a call's place in the request + 1; 0 = free. A power of two, at least twice the calls
}

func newIndex() index { return index{seed: [2]uint64{rand.Uint64(), rand.Uint64()}} }

// reset makes room for n keys.
func (x *index) reset(n int) {
	size := 1 << bits.Len(uint(2*n))
	if size > cap(x.slots) {
		x.slots = make([]int32, size)
		return
	}
	x.slots = x.slots[:size]
	clear(x.slots)
}

// first is where the search for a key of two words starts; others follow it.
func (x *index) first(a, b uint64) int {
	hi, lo := bits.Mul64(a^x.seed[0], b^x.seed[1])
	return int(hi^lo) & (len(x.slots) - 1)
}

// slotOfID is the slot of the call with these ids, or the free one where it belongs.
func (w *worker) slotOfID(id spanKey) *int32 {
	x := &w.byID
	for at := x.first(binary.LittleEndian.Uint64(id.span[:]), binary.LittleEndian.Uint64(id.trace[8:])); ; at = (at + 1) & (len(x.slots) - 1) {
		if s := &x.slots[at]; *s == 0 || w.calls[*s-1].id == id {
			return s
		}
	}
}

// slotOfResponse is the same for a response's id.
func (w *worker) slotOfResponse(response uint64) *int32 {
	x := &w.byResponse
	for at := x.first(response, 0); ; at = (at + 1) & (len(x.slots) - 1) {
		if s := &x.slots[at]; *s == 0 || w.calls[*s-1].response == response {
			return s
		}
	}
}
