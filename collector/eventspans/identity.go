package eventspans

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// identity is the span id of an event: a hash of all that the record says, so that the same event sent again is the same call,
// and two events are two.
func identity(scope string, record plog.LogRecord) (id pcommon.SpanID) {
	h := sha256.New()
	trace, parent := record.TraceID(), record.SpanID()
	write(h, scope, string(trace[:]), string(parent[:]))
	var times [16]byte
	binary.BigEndian.PutUint64(times[:8], uint64(record.Timestamp()))
	binary.BigEndian.PutUint64(times[8:], uint64(record.ObservedTimestamp()))
	h.Write(times[:])
	texts := make([]string, 0, 2*record.Attributes().Len())
	for key, v := range record.Attributes().All() {
		texts = append(texts, key+"\x00"+v.AsString())
	}
	slices.Sort(texts)
	write(h, texts...)
	copy(id[:], h.Sum(nil))
	if id.IsEmpty() { // one in 2⁶⁴, which would say that there is none
		id[0] = 1
	}
	return id
}

// conversation is the trace id of an event that carries none: that of its conversation, so that the calls of one stand
// together; else of the event itself.
func conversation(rl *rule, scope string, record plog.LogRecord) (id pcommon.TraceID) {
	h := sha256.New()
	write(h, scope)
	for _, key := range rl.Trace {
		if v, ok := record.Attributes().Get(key); ok && v.AsString() != "" {
			write(h, key, v.AsString())
			copy(id[:], h.Sum(nil))
			id[0] |= 1 // never all zero
			return id
		}
	}
	own := identity(scope, record)
	write(h, string(own[:]))
	copy(id[:], h.Sum(nil))
	id[0] |= 1
	return id
}

// write hashes texts so that no two lists of them give the same bytes.
func write(h hash.Hash, texts ...string) {
	for _, s := range texts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
}
