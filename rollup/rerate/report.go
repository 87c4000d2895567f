package rerate

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cespare/xxhash/v2"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// report is a stored report, as far as its price depends on it.
type report struct {
	call    ledger.Call
	version uint64
	counts  bool // it is a call: none that gave way, no aggregate
}

func (r *report) scan(rows driver.Rows) error {
	c := &r.call
	var minute, start, received time.Time
	var trace, span, role string
	var raw map[string]int64
	var usage []uint64
	var units map[string]uint64
	var amounts []string
	var flags uint32
	var counts uint8
	err := rows.Scan(&minute, &c.Tenant, &trace, &span, &r.version, &role, &start, &received, &c.Provider, &c.Model, &c.RequestModel,
		&c.Operation, &c.Kind, &c.ServiceTier, &c.ErrorClass, &c.Region, &c.Emitter, &c.Rule, &raw, &usage, &units, &amounts,
		&c.PriceVersion, &c.PriceEntry, &c.Unpriced, &flags, &counts)
	if err != nil {
		return err
	}
	c.Minute, c.Start, c.Received, c.Flags, r.counts = minute.Unix(), start.UnixNano(), received.UnixNano(), ledger.Flags(flags), counts != 0
	if role == "aggregate" {
		c.Role = ledger.RoleAggregate
	}
	copy(c.TraceID[:], trace)
	copy(c.SpanID[:], span)
	for name, n := range raw {
		if f, ok := ledger.RawByName(name); ok {
			c.Raw.Set(f, n)
		}
	}
	for i, n := range usage {
		c.Usage.Tokens[i] = int64(n)
	}
	for u := range ledger.NumUnits {
		c.Usage.Units[u] = int64(units[ledger.Unit(u).String()])
	}
	for i, to := range []*ledger.Money{&c.Cost[0], &c.Cost[1], &c.Cost[2], &c.Cost[3], &c.Cost[4], &c.Cost[5], &c.ListDelta, &c.CacheSaved, &c.TierSaved, &c.ProvidedCost} {
		if *to, err = ledger.ParseMoney(amounts[i]); err != nil {
			return fmt.Errorf("report %x/%x: %w", c.TraceID, c.SpanID, err)
		}
	}
	return nil
}

// The re-rate number in a version (ledger.Call.Version).
const (
	numberAt   = 40
	numberMask = uint64(1<<16-1) << numberAt
	hashMask   = uint64(1<<numberAt - 1)
)

func numberOf(version uint64) uint16 { return uint16(version & numberMask >> numberAt) }

// versionOf is the version of a report that a run rated again: as complete as the one that it read, so that a fuller copy still
// takes its place and settlement sees no difference; above every copy of what it read; the same in every attempt.
func versionOf(base uint64, number uint16, c *ledger.Call) uint64 {
	b := make([]byte, 0, 256)
	put := func(v uint64) { b = binary.BigEndian.AppendUint64(b, v) }
	for _, n := range c.Usage.Tokens {
		put(uint64(n))
	}
	for _, m := range c.Cost {
		put(uint64(m))
	}
	for _, m := range []ledger.Money{c.ListDelta, c.CacheSaved, c.TierSaved} {
		put(uint64(m))
	}
	put(uint64(c.Flags))
	for _, s := range []string{c.PriceVersion, c.PriceEntry, c.Unpriced} {
		b = append(append(b, s...), 0)
	}
	return base&^(numberMask|hashMask) | uint64(number)<<numberAt | xxhash.Sum64(b)&hashMask
}

// sameAmounts reports whether two calls differ in nothing that a re-rate writes but the version of the book.
func sameAmounts(a, b *ledger.Call) bool {
	return a.Usage == b.Usage && a.Cost == b.Cost && a.ListDelta == b.ListDelta && a.CacheSaved == b.CacheSaved && a.TierSaved == b.TierSaved &&
		a.PriceEntry == b.PriceEntry && a.Unpriced == b.Unpriced && a.Flags == b.Flags
}
