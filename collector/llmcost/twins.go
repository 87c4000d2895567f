package llmcost

import (
	"errors"
	"math/bits"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// billed is a call that was tagged in this request.
type billed struct {
	id, parent spanKey
	response   uint64 // hash of a response id that is unique, else 0
	candidate  bool
	direct     bool // the provider's own host was called
	repeats    bool // its parent tells the same call
	last       bool // it may tell the last of several calls only
	rule       string
	attrs      pcommon.Map
	at, end    int // where the worker has it encoded

	tenant, service string
}

// spanKey is a span's id in its trace.
type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// keep remembers a call that was tagged, until the request has been seen whole.
func (w *worker) keep(c *ledger.Call, attrs pcommon.Map, at, end int) {
	n := len(w.calls)
	if n == cap(w.calls) {
		w.calls = slices.Grow(w.calls, 1)
	}
	w.calls = w.calls[:n+1]
	from, b := w.reader.Origin(), &w.calls[n]
	b.id, b.parent = spanKey{c.TraceID, c.SpanID}, spanKey{c.TraceID, c.ParentSpanID}
	b.response = 0
	if c.Flags&ledger.FlagUniqueID != 0 {
		b.response = c.ResponseID
	}
	b.candidate, b.direct, b.repeats, b.last = c.Flags&ledger.FlagCandidate != 0, from.Direct, from.Repeats, from.Last
	b.rule, b.attrs, b.at, b.end, b.tenant, b.service = c.Rule, attrs, at, end, c.Tenant, c.Service
}

// flagTwins marks calls of clients in places where another layer is known, calls whose parent is a call too, and calls of one
// response id: two instrumentations may have reported one request, so both become candidates of settlement (DESIGN D4).
func (w *worker) flagTwins(around *layers, now int64) error {
	if around.doubles.Load() {
		for i := range w.calls {
			if c := &w.calls[i]; !c.candidate && around.around(c.tenant, c.service, c.direct, now) {
				if err := w.makeCandidate(c); err != nil {
					return err
				}
			}
		}
	}
	if len(w.calls) < 2 {
		return nil
	}
	w.byID.reset(len(w.calls))
	w.byResponse.reset(len(w.calls))
	for i := range w.calls {
		*w.slotOfID(w.calls[i].id) = int32(i + 1)
	}
	for i := range w.calls {
		c := &w.calls[i]
		if !c.parent.span.IsEmpty() {
			if parent := int(*w.slotOfID(c.parent)) - 1; parent >= 0 && parent != i {
				if repeated(c, &w.calls[parent]) {
					w.takeBack(c) // and nothing is left to be settled
					continue
				}
				if err := w.flagBoth(i, parent); err != nil {
					return err
				}
			}
		}
		if c.response == 0 {
			continue
		}
		slot := w.slotOfResponse(c.response)
		if *slot != 0 {
			if err := w.flagBoth(i, int(*slot)-1); err != nil {
				return err
			}
		}
		*slot = int32(i + 1)
	}
	return nil
}

func (w *worker) flagBoth(i, j int) error {
	return errors.Join(w.makeCandidate(&w.calls[i]), w.makeCandidate(&w.calls[j]))
}

// makeCandidate sets the flag in the call that is encoded already.
func (w *worker) makeCandidate(b *billed) error {
	if b.candidate {
		return nil
	}
	b.candidate = true
	w.seen.flags[bits.TrailingZeros32(uint32(ledger.FlagCandidate))]++
	w.body = append(ledger.AppendBatchHeader(w.body[:0]), w.encoded[b.at:b.end]...)
	return ledger.DecodeBatch(w.body, func(c *ledger.Call, _ []byte) {
		c.Flags |= ledger.FlagCandidate
		again := change{at: b.at, end: b.end, by: len(w.changed)}
		w.changed = w.encoder.AppendToBatch(w.changed, c)
		again.to = len(w.changed)
		w.changes = append(w.changes, again)
		b.attrs.PutStr(TagFlags, w.flagText(c.Flags))
	})
}

// repeated reports whether a call is told by its parent too, for certain: by a span that the same emitter wrote for that call alone.
func repeated(c, parent *billed) bool {
	family, _, _ := strings.Cut(c.rule, ".")
	parents, _, _ := strings.Cut(parent.rule, ".")
	return c.repeats && !parent.repeats && !parent.last && family == parents
}

// takeBack makes a call as if it had not been read.
func (w *worker) takeBack(b *billed) {
	w.changes = slices.DeleteFunc(w.changes, func(c change) bool { return c.at == b.at })
	w.changes = append(w.changes, change{at: b.at, end: b.end})
	b.candidate = true // it isn't to be made one
	b.attrs.RemoveIf(func(k string, _ pcommon.Value) bool {
		return strings.HasPrefix(k, ledger.AttrPrefix) && k != TagTenant && k != TagTenantSource
	})
	w.seen.outcome[genai.Call]--
	w.seen.outcome[genai.NotCall]++
}
