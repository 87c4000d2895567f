package callskafka

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// batches makes of the calls of td CallBatch records of at most maxBytes each; a single call that is larger is a record of its own.
// No calls make no record.
func batches(td ptrace.Traces, maxBytes int) [][]byte {
	var given [][]byte
	left := 0
	for v := range handedOver(td) {
		given = append(given, v.AsRaw())
		left += v.Len()
	}
	if len(given) == 1 && left <= maxBytes {
		return given // it is a CallBatch
	}
	var out [][]byte
	var b []byte
	add := func(call []byte) {
		if b != nil && len(b)+len(call) > maxBytes {
			out = append(out, b)
			b = nil
		}
		if b == nil {
			b = ledger.AppendBatchHeader(make([]byte, 0, min(left+headerSize, max(maxBytes, len(call)+headerSize))))
		}
		b = append(b, call...)
		left -= len(call)
	}
	for _, g := range given {
		ledger.EachCall(g, add)
	}
	if b != nil {
		out = append(out, b)
	}
	return out
}

// headerSize is what ledger.AppendBatchHeader writes, at most.
const headerSize = 8

// handedOver yields what callsplit hands over, in order: each holds a call at least.
func handedOver(td ptrace.Traces) func(yield func(pcommon.ByteSlice) bool) {
	return func(yield func(pcommon.ByteSlice) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					v, ok := span.Attributes().Get(ledger.AttrCalls)
					if ok && v.Type() == pcommon.ValueTypeBytes && v.Bytes().Len() > 0 && !yield(v.Bytes()) {
						return
					}
				}
			}
		}
	}
}
