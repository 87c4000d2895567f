package tenantlimit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// repeats remembers the parts of refused requests that were taken before the refusal, so that the repeat neither sends nor pays
// for them again. Paying twice, two tenants of one request could keep each other above their limits for ever. What is forgotten
// comes twice, which is harmless (doc.go).
type repeats struct {
	mu   sync.Mutex
	at   map[part]time.Time
	ring [maxParts]part // oldest first from next on
	next int
}

// part is the sum of a tenant's spans in one request, of all that their sender wrote.
type part [sha256.Size]byte

const (
	maxParts = 4096
	// partKept is longer than clients send again (5 minutes by the Collector's exporters).
	partKept = 10 * time.Minute
)

func (r *repeats) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at) == 0
}

func (r *repeats) known(p part, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[p]
	if ok && now.Sub(at) >= partKept {
		delete(r.at, p)
		return false
	}
	return ok
}

func (r *repeats) add(p part, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[part]time.Time{}
	}
	if _, ok := r.at[p]; !ok {
		delete(r.at, r.ring[r.next])
		r.ring[r.next] = p
		r.next = (r.next + 1) % maxParts
	}
	r.at[p] = now
}

// sum gives every share its part, and marks those that can't be told from another by it. Tags are left out: a repeat is received
// at another time.
func (r *request) sum(td ptrace.Traces) {
	if r.summed {
		return
	}
	r.summed = true
	sums := make([]hash.Hash, len(r.shares))
	var buf []byte
	for _, rs := range td.ResourceSpans().All() {
		attrs := rs.Resource().Attributes()
		resource := tenantOf(attrs, ledger.Unattributed)
		res := sha256.Sum256(appendMap(nil, attrs))
		for _, ss := range rs.ScopeSpans().All() {
			scope := ss.Scope()
			for _, span := range ss.Spans().All() {
				s := r.of(tenantOf(span.Attributes(), resource))
				if sums[r.last] == nil {
					sums[r.last] = sha256.New()
				}
				s.unrecognizable = s.unrecognizable || withoutIdentity(span)
				buf = append(buf[:0], res[:]...)
				buf = appendText(appendText(buf, scope.Name()), scope.Version())
				buf = appendSpan(appendMap(buf, scope.Attributes()), span)
				_, _ = sums[r.last].Write(buf) // never fails (hash.Hash)
			}
		}
	}
	for i, h := range sums {
		if h != nil {
			h.Sum(r.shares[i].part[:0])
		}
	}
}

// withoutIdentity says that a repeat of the span's call would not be known for one: without ids it is identified by its place in
// Kafka (DESIGN D3).
func withoutIdentity(span ptrace.Span) bool {
	if !span.TraceID().IsEmpty() && !span.SpanID().IsEmpty() {
		return false
	}
	_, call := span.Attributes().Get(tagRule)
	return call
}

func appendSpan(b []byte, s ptrace.Span) []byte {
	trace, id, parent := s.TraceID(), s.SpanID(), s.ParentSpanID()
	b = append(append(append(b, trace[:]...), id[:]...), parent[:]...)
	for _, n := range [...]uint64{uint64(s.StartTimestamp()), uint64(s.EndTimestamp()), uint64(s.Kind()), uint64(s.Status().Code()), uint64(s.Events().Len()), uint64(s.Links().Len())} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = appendText(appendText(appendText(b, s.Name()), s.TraceState().AsRaw()), s.Status().Message())
	b = appendMap(b, s.Attributes())
	for _, e := range s.Events().All() {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Timestamp()))
		b = appendMap(appendText(b, e.Name()), e.Attributes())
	}
	for _, l := range s.Links().All() {
		trace, id := l.TraceID(), l.SpanID()
		b = appendMap(append(append(b, trace[:]...), id[:]...), l.Attributes())
	}
	return b
}

func appendMap(b []byte, m pcommon.Map) []byte {
	for k, v := range m.All() {
		if strings.HasPrefix(k, ledger.AttrPrefix) {
			continue
		}
		b = append(appendText(b, k), byte(v.Type()))
		if v.Type() == pcommon.ValueTypeStr {
			b = appendText(b, v.Str())
		} else {
			b = appendText(b, v.AsString())
		}
	}
	return append(b, 0xff)
}

// appendText is unambiguous: the length comes first.
func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}
