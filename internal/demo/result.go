package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Result is what the demo found: with --json it is printed as one object. Amounts are US dollars as decimal strings.
type Result struct {
	CallsMade     int64 `json:"calls_made"`       // by the apps, refused and failed ones included
	CallsInLedger int64 `json:"calls_in_ledger"`  // in the view calls
	CallsInRollup int64 `json:"calls_in_rollups"` // in the view spend

	CallsBilled         int64  `json:"calls_billed"`           // by the model server
	CallsBilledInLedger int64  `json:"calls_billed_in_ledger"` // without an error
	BilledByModelServer string `json:"billed_by_model_server_usd"`
	BilledByLedger      string `json:"billed_by_ledger_usd"`
	BilledByRollups     string `json:"billed_by_rollups_usd"`
	Unpriced            int64  `json:"unpriced_calls"`

	Tenants []TenantResult `json:"tenants"`
	Spike   Episode        `json:"spike"`
	Budget  Episode        `json:"budget"`

	Seconds  float64  `json:"seconds"`  // from the start of the traffic to the verdict
	Problems []string `json:"problems"` // what is wrong; empty = everything as it should be
}

// TenantResult is one tenant's comparison.
type TenantResult struct {
	Tenant              string `json:"tenant"`
	CallsMade           int64  `json:"calls_made"`
	CallsInLedger       int64  `json:"calls_in_ledger"`
	Refused             int64  `json:"calls_refused"` // answered 429
	BilledByModelServer string `json:"billed_by_model_server_usd"`
	BilledByLedger      string `json:"billed_by_ledger_usd"`
	BilledByRollups     string `json:"billed_by_rollups_usd"`
}

// Episode is one runaway from its beginning to the throttle's release.
type Episode struct {
	Rule       string `json:"rule"`
	Tenant     string `json:"tenant"`
	Fired      bool   `json:"fired"`
	Throttled  bool   `json:"throttled"`
	Refused    int64  `json:"calls_refused"` // by the gateway while the throttle was in force
	Released   bool   `json:"released"`
	RateBefore string `json:"rate_before_usd_per_minute"` // the runaway's costliest two seconds before the throttle
	RateAfter  string `json:"rate_after_usd_per_minute"`  // five seconds under the throttle

	// Seconds from the collector's receipt of the crossing call (DESIGN D10).
	ReactionAlert    float64 `json:"reaction_alert_seconds"`
	ReactionThrottle float64 `json:"reaction_throttle_seconds"`
}

// OK reports whether nothing is wrong.
func (r *Result) OK() bool { return len(r.Problems) == 0 }

// WriteJSON prints the result as one object.
func (r *Result) WriteJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// seconds cuts a duration to milliseconds; it is written to people and machines, never computed with.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
