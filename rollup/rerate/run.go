package rerate

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Scope says what is rated again: whole hours of UTC.
type Scope struct {
	From, To time.Time
	Tenant   *string // nil: all. A pointer, so that an empty name never means everybody
	Model    string  // as calls name it; empty: all
	Reread   bool    // sort the raw counts into buckets again first, by today's emitter rules
}

// Validate says what is wrong with a scope, given the first window whose rows are not about to expire.
func (s Scope) Validate(sealedBefore time.Time) error {
	var errs []error
	for name, at := range map[string]time.Time{"from": s.From, "to": s.To} {
		if !at.Equal(at.Truncate(time.Hour)) {
			errs = append(errs, fmt.Errorf("--%s %s: use a day or a whole hour of UTC", name, at.Format(time.RFC3339)))
		}
	}
	if !s.From.Before(s.To) {
		errs = append(errs, fmt.Errorf("--from %s is not before --to %s", s.From.Format(time.RFC3339), s.To.Format(time.RFC3339)))
	}
	if s.From.Before(sealedBefore) {
		errs = append(errs, fmt.Errorf("--from %s: the calls of that day are about to expire or have expired: use %s or later, or keep reports longer (schema.retention)",
			s.From.Format(time.RFC3339), sealedBefore.Format(time.RFC3339)))
	}
	return errors.Join(errs...)
}

// Request is a scope with who asks for it and why.
type Request struct {
	Scope
	Author, Reason string
}

// State of a run.
type State string

// A run is started until it has passed its last hour. An abandoned one leaves the hours that it passed re-rated.
const (
	Started   State = "started"
	Finished  State = "finished"
	Abandoned State = "abandoned"
)

// Run is one re-rate, as its audit trail has it.
type Run struct {
	ID            uuid.UUID `json:"id"`
	Number        uint16    `json:"number"` // in the versions of the reports that it changed
	State         State     `json:"state"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	Tenant        *string   `json:"tenant,omitempty"` // nil: all
	Model         string    `json:"model,omitempty"`
	Reread        bool      `json:"reread"`
	Book          string    `json:"price_version"`           // of the book that rated
	Before        []string  `json:"price_versions_before"`   // of the books that had rated what changed
	Rules         string    `json:"emitter_rules,omitempty"` // version, if it read counts again
	Author        string    `json:"author"`
	Reason        string    `json:"reason"`
	At            time.Time `json:"at"`
	Last          time.Time `json:"last"` // its last step
	Hours         uint64    `json:"hours"`
	AllHours      uint32    `json:"hours_at_start"`
	Changed       uint64    `json:"calls_changed"`
	CostBefore    string    `json:"cost_before"` // of all calls by the tenants and models in the hours that changed
	CostAfter     string    `json:"cost_after"`
	before, after ledger.Sum
}

func (r *Run) scope() Scope {
	return Scope{From: r.From, To: r.To, Tenant: r.Tenant, Model: r.Model, Reread: r.Reread}
}

// Change is what a run makes of a tenant's calls of a model in a month.
type Change struct {
	Month                   time.Time
	Tenant, Provider, Model string
	Calls, Changed          uint64
	Unpriced                uint64 // afterwards
	Before, After           ledger.Sum
	Closed                  bool // the month: the difference becomes an adjustment
}

// MarshalJSON writes decimals as strings.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Month      string `json:"month"`
		Tenant     string `json:"tenant"`
		Provider   string `json:"provider"`
		Model      string `json:"model"`
		Calls      uint64 `json:"calls"`
		Changed    uint64 `json:"calls_changed"`
		Unpriced   uint64 `json:"unpriced_calls"`
		Before     string `json:"cost_before"`
		After      string `json:"cost_after"`
		Difference string `json:"difference"`
		Closed     bool   `json:"month_closed"`
	}{c.Month.Format("2006-01"), c.Tenant, c.Provider, c.Model, c.Calls, c.Changed, c.Unpriced, c.Before.Short(), c.After.Short(), c.Difference().Short(), c.Closed})
}

// Difference is after − before.
func (c *Change) Difference() ledger.Sum { return c.After.Sub(c.Before) }

// Result is what a run did or, dry, would do: of all tenants and models with a call whose amount changes.
type Result struct {
	Run     *Run     `json:"run,omitempty"` // nil: dry
	Changes []Change `json:"changes"`
	Calls   uint64   `json:"calls"`                  // looked at
	Left    uint64   `json:"reports_not_read_again"` // they can't be; their counts are as they were
	Hours   int      `json:"hours"`
}

// Progress is how far a run is.
type Progress struct {
	Hour           time.Time // the one that it has just done
	Done, Hours    int
	Calls, Changed uint64
}

var (
	// ErrUnfinished is why a run isn't started: there is one that was stopped.
	ErrUnfinished = errors.New("a re-rate was started and is not finished")
	// ErrBook is why a run isn't resumed.
	ErrBook = errors.New("the price book or the emitter rules have changed since the re-rate was started")
	// ErrNothing is why nothing is resumed or abandoned.
	ErrNothing = errors.New("no re-rate is unfinished")
)
