package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// origin is where a call came from; it is the identity of a call that brings none.
type origin struct {
	id        kadm.TopicID
	partition int
	offset    int64
	index     int
}

// decoded is a call that may be stored.
type decoded struct {
	call    ledger.Call
	version uint64
}

// refused is a call that can't be stored, with its own bytes.
type refused struct {
	body  []byte
	index int
	err   error
}

// decode appends a record's calls to into, and returns those that can't be stored apart. An error means that the record
// is no batch this program can read: nothing of it is to be stored, and nothing is appended.
func decode(into []decoded, at origin, value []byte) ([]decoded, []refused, error) {
	before := len(into)
	var out []refused
	err := ledger.DecodeBatch(value, func(c *ledger.Call, body []byte) {
		at.index = len(into) - before + len(out)
		if err := check(c); err != nil {
			out = append(out, refused{slices.Clone(body), at.index, err})
			return
		}
		complete(c, at)
		into = append(into, decoded{*c, c.Version(0, xxhash.Sum64(body))})
	})
	if err != nil {
		return into[:before], nil, err
	}
	return into, out, nil
}

func reasonOf(err error) string {
	if errors.Is(err, ledger.ErrNewerVersion) {
		return ReasonNewerVersion
	}
	return ReasonNotBatch
}

// check says why a call can't be stored. The collector writes no such call; what fails here was written by something
// else, and a changed amount or minute would be worse than a dead letter.
func check(c *ledger.Call) error {
	if c.Minute < 0 || c.Minute > math.MaxUint32 || c.Minute%60 != 0 {
		return fmt.Errorf("minute %d: want Unix seconds at a whole minute, up to the year 2106", c.Minute)
	}
	if c.Role > ledger.RoleWrapper {
		return fmt.Errorf("role %d: unknown to this program", c.Role)
	}
	for b, n := range c.Usage.Tokens {
		if n < 0 {
			return fmt.Errorf("%s tokens %d: can't be negative", ledger.Bucket(b), n)
		}
	}
	for u, n := range c.Usage.Units {
		if n < 0 {
			return fmt.Errorf("%s units %d: can't be negative", ledger.Unit(u), n)
		}
	}
	var total ledger.Money
	var err error
	for i, m := range c.Cost {
		if total, err = total.Add(m); err != nil {
			return fmt.Errorf("%s: %w", costNames[i], err)
		}
	}
	// Parts of opposite signs can each be too large though their total is not.
	for _, m := range append(c.Cost[:], c.ListDelta, c.CacheSaved, c.TierSaved, c.ProvidedCost) {
		if _, err := ledger.Money(0).Add(m); err != nil {
			return fmt.Errorf("amount: %w", err)
		}
	}
	return nil
}

// complete fills in what a stored call must have: a tenant, an identity, no negative sizes or times.
func complete(c *ledger.Call, at origin) {
	if c.Tenant == "" {
		c.Tenant, c.TenantSource = ledger.Unattributed, ledger.TenantFromNowhere
	}
	for _, n := range []*int64{&c.Duration, &c.FirstToken, &c.RequestBytes, &c.ResponseBytes} {
		if *n < 0 {
			*n = 0
			c.Flags |= ledger.FlagBadCount
		}
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
