package llmcost

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// The index finds what a map would, of the last call with a key, in requests of any size one after the other.
func TestTheIndexIsAMap(t *testing.T) {
	w := &worker{byID: newIndex(), byResponse: newIndex()}
	for _, n := range []int{2, 1000, 3, 0, 40, 4000} {
		w.calls = make([]billed, n)
		w.byID.reset(n)
		w.byResponse.reset(n)
		ids, responses := map[spanKey]int{}, map[uint64]int{}
		for i := range w.calls {
			c := &w.calls[i]
			binary.LittleEndian.PutUint64(c.id.span[:], uint64(i%7))
			binary.LittleEndian.PutUint64(c.id.trace[:8], uint64(i/11))
			binary.LittleEndian.PutUint64(c.id.trace[8:], uint64(i%13))
			c.response = uint64(i % 100)
			ids[c.id], responses[c.response] = i, i
			*w.slotOfID(c.id), *w.slotOfResponse(c.response) = int32(i+1), int32(i+1)
		}
		for id, i := range ids {
			require.EqualValues(t, i+1, *w.slotOfID(id))
		}
		for response, i := range responses {
			require.EqualValues(t, i+1, *w.slotOfResponse(response))
		}
		require.Zero(t, *w.slotOfID(spanKey{span: [8]byte{255}}))
		require.Zero(t, *w.slotOfResponse(1 << 60))
	}
}
