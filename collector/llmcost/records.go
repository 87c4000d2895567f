package llmcost

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// handed is a resource whose calls are handed on, and where they are encoded, as a CallBatch.
type handed struct {
	attrs   pcommon.Map
	at, end int
}

// change replaces what is encoded from at to end by changed[by:to].
type change struct{ at, end, by, to int }

// encode appends the call to those of its resource, the last that was begun, and says where.
func (w *worker) encode(c *ledger.Call, resource pcommon.Map) (at, end int) {
	if n := len(w.handed); n == 0 || w.handed[n-1].attrs != resource {
		w.handed = append(w.handed, handed{attrs: resource, at: len(w.encoded)})
		w.encoded = ledger.AppendBatchHeader(w.encoded)
	}
	at = len(w.encoded)
	w.encoded = w.encoder.AppendToBatch(w.encoded, c)
	end = len(w.encoded)
	w.handed[len(w.handed)-1].end = end
	return at, end
}

// header is the size of what AppendBatchHeader writes.
var header = len(ledger.AppendBatchHeader(nil))

// handOn puts the calls of every resource on it, for callsplit.
func (w *worker) handOn() {
	slices.SortFunc(w.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	changes := w.changes
	for _, h := range w.handed {
		calls := w.encoded[h.at:h.end]
		if len(changes) > 0 && changes[0].at < h.end {
			w.body = w.body[:0]
			at := h.at
			for ; len(changes) > 0 && changes[0].at < h.end; changes = changes[1:] {
				c := changes[0]
				w.body = append(append(w.body, w.encoded[at:c.at]...), w.changed[c.by:c.to]...)
				at = c.end
			}
			calls = append(w.body, w.encoded[at:h.end]...)
			w.body = calls
		}
		if len(calls) > header { // all may have been taken back
			h.attrs.PutEmptyBytes(ledger.AttrCalls).FromRaw(calls)
		}
	}
}

// maxKept bounds what a worker keeps for the next request, in bytes: one very large request must not stay in memory.
const maxKept = 1 << 20

// forget makes the worker ready for another request. The pool must not keep the memory of this one.
func (w *worker) forget() {
	clear(w.calls)
	clear(w.handed)
	w.calls, w.handed, w.changes = w.calls[:0], w.handed[:0], w.changes[:0]
	for _, b := range [...]*[]byte{&w.encoded, &w.changed, &w.body} {
		if *b = (*b)[:0]; cap(*b) > maxKept {
			*b = nil
		}
	}
	w.encoder.Forget()
	w.noted = noted{}
	w.seen.reset()
}
