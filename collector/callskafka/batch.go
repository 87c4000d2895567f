package callskafka

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// batches concatenates the calls of td into CallBatch records of at most maxBytes each; a single call that is larger is
// a record of its own. No calls make no record.
func batches(td ptrace.Traces, maxBytes int) [][]byte {
	var out [][]byte
	var b []byte
	left := 0
	for v := range bodies(td) {
		left += callSize(v.Len())
	}
	for v := range bodies(td) {
		n := callSize(v.Len())
		if b != nil && len(b)+n > maxBytes {
			out = append(out, b)
			b = nil
		}
		if b == nil {
			b = ledger.AppendBatchHeader(make([]byte, 0, min(left+headerSize, max(maxBytes, n+headerSize))))
		}
		b = ledger.AppendBatchCall(b, v.AsRaw())
		left -= n
	}
	if b != nil {
		out = append(out, b)
	}
	return out
}

// headerSize is what ledger.AppendBatchHeader writes, at most.
const headerSize = 8

// callSize is what a call of n bytes takes in a CallBatch.
func callSize(n int) int { return 1 + protowire.SizeBytes(n) }

// bodies yields the encoded calls of td in order.
func bodies(td ptrace.Traces) func(yield func(pcommon.ByteSlice) bool) {
	return func(yield func(pcommon.ByteSlice) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					v, ok := span.Attributes().Get(ledger.AttrCall)
					if ok && v.Type() == pcommon.ValueTypeBytes && v.Bytes().Len() > 0 && !yield(v.Bytes()) {
						return
					}
				}
			}
		}
	}
}
