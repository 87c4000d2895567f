package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// origin is where a call came from; it is the identity of a call that brings none.
type origin struct {
	id        kadm.TopicID
	partition int
	offset    int64
	index     int // of its first call; with those after it their place in the batch is added
}

// decoded is a call that may be stored.
type decoded struct {
	call    ledger.Call
	version uint64

	from      *record
	partition int
	index     int // in the batch
}

// refused is a call that can't be stored, as a batch of it alone.
type refused struct {
	batch  []byte
	index  int
	reason string
	err    error
}

// decode appends a record's calls to into, and returns those that can't be stored apart. An error means that the record
// is no batch this program can read: nothing of it is to be stored, and nothing is appended.
func decode(into []decoded, at origin, value []byte) ([]decoded, []refused, error) {
	before, first := len(into), at.index
	err := ledger.DecodeBatch(value, func(c *ledger.Call, body []byte) {
		at.index = first + len(into) - before
		into = appendCall(into, c, body, at, at.index-first)
	})
	if err == nil {
		return into, nil, nil
	}
	into = into[:before]
	bodies, ok := bodiesOf(value)
	if !ok {
		return into, nil, err
	}
	// The frame is whole: a call that can't be read doesn't take the others with it.
	var out []refused
	for index, body := range bodies {
		at.index = first + index
		alone := ledger.AppendBatchCall(ledger.AppendBatchHeader(nil), body)
		err := ledger.DecodeBatch(alone, func(c *ledger.Call, body []byte) { into = appendCall(into, c, body, at, index) })
		if err != nil {
			out = append(out, refused{alone, index, ReasonRefusedCall, err})
		}
	}
	return into, out, nil
}

func appendCall(into []decoded, c *ledger.Call, body []byte, at origin, index int) []decoded {
	complete(c, at)
	return append(into, decoded{call: *c, version: c.Version(0, xxhash.Sum64(body)), index: index})
}

// bodiesOf cuts a CallBatch of a version that this program reads into its calls, unread.
func bodiesOf(value []byte) (bodies [][]byte, ok bool) {
	versioned := false
	for len(value) > 0 {
		num, typ, n := protowire.ConsumeTag(value)
		if n < 0 {
			return nil, false
		}
		value = value[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			version, n := protowire.ConsumeVarint(value)
			if n < 0 || version > ledger.BatchVersion {
				return nil, false
			}
			versioned = version > 0
			value = value[n:]
		case num == 2 && typ == protowire.BytesType:
			body, n := protowire.ConsumeBytes(value)
			if n < 0 || !versioned {
				return nil, false
			}
			bodies = append(bodies, body)
			value = value[n:]
		default:
			if n = protowire.ConsumeFieldValue(num, typ, value); n < 0 {
				return nil, false
			}
			value = value[n:]
		}
	}
	return bodies, len(bodies) > 0
}

func reasonOf(err error) string {
	if errors.Is(err, ledger.ErrNewerVersion) {
		return ReasonNewerVersion
	}
	return ReasonNotBatch
}

// complete fills in what a stored call must have: a tenant and an identity.
func complete(c *ledger.Call, at origin) {
	if c.Tenant == "" {
		c.Tenant, c.TenantSource = ledger.Unattributed, ledger.TenantFromNowhere
	}
	if c.TraceID != [16]byte{} && c.SpanID != [8]byte{} {
		return
	}
	// Equal content is not equal identity: two calls that bring no ids are two calls (DESIGN D3).
	c.Flags |= ledger.FlagMissingIDs
	var place [36]byte
	copy(place[:], at.id[:])
	binary.BigEndian.PutUint32(place[16:], uint32(at.partition))
	binary.BigEndian.PutUint64(place[20:], uint64(at.offset))
	binary.BigEndian.PutUint64(place[28:], uint64(at.index))
	hash := sha256.Sum256(place[:])
	if c.TraceID == [16]byte{} {
		copy(c.TraceID[:], hash[:16])
	}
	if c.SpanID == [8]byte{} {
		copy(c.SpanID[:], hash[16:24])
	}
}
