package llmcost

import (
	"errors"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// billed is a call that was tagged in this request.
type billed struct {
	id, parent pcommon.SpanID
	response   uint64 // hash of a response id that is unique, else 0
	attrs      pcommon.Map
}

func newBilled(c *ledger.Call, attrs pcommon.Map) billed {
	b := billed{id: c.SpanID, parent: c.ParentSpanID, attrs: attrs}
	if c.Flags&ledger.FlagUniqueID != 0 {
		b.response = c.ResponseID
	}
	return b
}

// flagTwins marks calls whose parent is a call too, and calls of one response id: two instrumentations may have reported one
// request, so both become candidates of settlement (DESIGN D4). Only what arrives in one request is seen here.
func (w *worker) flagTwins() error {
	if len(w.calls) < 2 {
		return nil
	}
	clear(w.byID)
	clear(w.byResponse)
	for i := range w.calls {
		w.byID[w.calls[i].id] = i
	}
	for i := range w.calls {
		c := &w.calls[i]
		if parent, ok := w.byID[c.parent]; ok && parent != i {
			if err := w.flagBoth(i, parent); err != nil {
				return err
			}
		}
		if c.response == 0 {
			continue
		}
		if other, ok := w.byResponse[c.response]; ok {
			if err := w.flagBoth(i, other); err != nil {
				return err
			}
		}
		w.byResponse[c.response] = i
	}
	return nil
}

func (w *worker) flagBoth(i, j int) error {
	return errors.Join(w.addFlag(w.calls[i].attrs, ledger.FlagCandidate), w.addFlag(w.calls[j].attrs, ledger.FlagCandidate))
}

// addFlag sets a flag in the call that a span carries already.
func (w *worker) addFlag(attrs pcommon.Map, f ledger.Flags) error {
	v, ok := attrs.Get(ledger.AttrCall)
	if !ok {
		return nil
	}
	batch := ledger.AppendBatchCall(ledger.AppendBatchHeader(nil), v.Bytes().AsRaw())
	return ledger.DecodeBatch(batch, func(c *ledger.Call, _ []byte) {
		if c.Flags&f == f {
			return
		}
		c.Flags |= f
		w.body = c.AppendTo(w.body[:0])
		v.Bytes().FromRaw(w.body)
		attrs.PutStr(TagFlags, c.Flags.String())
	})
}
