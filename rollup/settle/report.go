package settle

import (
	"bytes"
	"cmp"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// ID is a report's identity.
type ID struct {
	Minute int64 // Unix seconds
	Tenant string
	Trace  [16]byte
	Span   [8]byte
}

func (a ID) compare(b ID) int {
	if c := cmp.Compare(a.Minute, b.Minute); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Tenant, b.Tenant); c != 0 {
		return c
	}
	if c := bytes.Compare(a.Trace[:], b.Trace[:]); c != 0 {
		return c
	}
	return bytes.Compare(a.Span[:], b.Span[:])
}

// Report is what settlement has to know of one.
type Report struct {
	ID
	Version       uint64 // ledger.Call.Version: its upper bits say how complete the report is
	Parent        [8]byte
	ResponseID    uint64 // hash of the provider's id; compared only if Flags has FlagUniqueID
	Provider      string
	Operation     string
	Role          ledger.Role
	Rank          uint8
	Flags         ledger.Flags
	Start, End    int64 // Unix nanoseconds
	Input, Output uint64
	Authenticated bool // the tenant is an authenticated identity
}

// The bits of a version above the re-rate number and the hash.
const (
	succeeded = 1 << 56
	priced    = 2 << 56
	counted   = 4 << 56
)

// unique is the response id if it names one call in the world.
func (r *Report) unique() uint64 {
	if r.Flags&ledger.FlagUniqueID == 0 {
		return 0
	}
	return r.ResponseID
}

// empty is a report of an attempt that failed and used nothing.
func (r *Report) empty() bool { return r.Version&(succeeded|counted) == 0 }

// better orders reports of one call, the one that stands for it first: usage told, then priced, then without error, then
// the source's rank, then the later end, then content, then identity. Nothing in it depends on the order of arrival.
func better(a, b *Report) int {
	bit := func(mask uint64) int { return cmp.Compare(b.Version&mask, a.Version&mask) }
	return cmp.Or(bit(counted), bit(priced), bit(succeeded), cmp.Compare(b.Rank, a.Rank), cmp.Compare(b.End, a.End),
		cmp.Compare(b.Version&(1<<40-1), a.Version&(1<<40-1)), a.compare(b.ID))
}

// Bounds of what may belong together.
const (
	// Reach is how far apart two reports of one call may start.
	Reach = 15 * time.Minute
	// MaxSpan and MaxMembers end a group that grows without end: it is left unsettled.
	MaxSpan    = 24 * time.Hour
	MaxMembers = 1000
	// skew is by how much the clocks of two machines may differ.
	skew = int64(30 * time.Second)
	// margin is by how much a call may stick out of the span around it, on one machine or two that keep time.
	margin = int64(time.Second)
)

// overlap is for how long two reports ran at the same time; negative: how far they are apart.
func overlap(a, b *Report) int64 { return min(a.End, b.End) - max(a.Start, b.Start) }

// contains reports whether b ran within a.
func contains(a, b *Report) bool { return b.Start >= a.Start-margin && b.End <= a.End+margin }

// near reports whether two reports may be linked at all: within reach, and of one tenant, or both of authenticated ones, so
// that nobody settles another's calls away by copying ids.
func near(a, b *Report) bool {
	apart := a.Minute - b.Minute
	return max(apart, -apart) <= int64(Reach/time.Second) && (a.Tenant == b.Tenant || a.Authenticated && b.Authenticated)
}

// sameWork reports whether two operations can be one call; instrumentations that don't tell fit all.
func sameWork(a, b *Report) bool {
	return a.Operation == b.Operation || a.Operation == "" || b.Operation == ""
}

// Of is what settlement knows of a call that ingest stored under a version.
func Of(c *ledger.Call, version uint64) Report {
	return Report{
		ID: ID{c.Minute, c.Tenant, c.TraceID, c.SpanID}, Version: version, Parent: c.ParentSpanID, ResponseID: c.ResponseID,
		Provider: c.Provider, Operation: c.Operation, Role: c.Role, Rank: c.Rank, Flags: c.Flags,
		Start: c.Start, End: c.Start + c.Duration, Input: uint64(c.Usage.Input()), Output: uint64(c.Usage.Output()),
		Authenticated: c.TenantSource == ledger.TenantFromAuth,
	}
}
