package reconcile

import (
	"github.com/tollkeeper/tollkeeper/dashboards/report"
)

// Part is one reason of the difference for one model or item.
type Part struct {
	Kind   Kind          `json:"kind"`
	Model  string        `json:"model,omitempty"`
	Item   string        `json:"item,omitempty"` // of the bill, where it isn't a model's tokens
	Note   string        `json:"note,omitempty"`
	Found  report.Amount `json:"found"`  // bill less ledger
	Booked report.Amount `json:"booked"` // of it, by earlier bookings
	Left   report.Amount `json:"left"`   // to be booked
	Days   []DayAmount   `json:"days"`
}

// DayAmount is a part's amount of one day.
type DayAmount struct {
	Day    report.Date   `json:"day"`
	Amount report.Amount `json:"amount"`
}

// Row is a day and a model (or item) on both sides.
type Row struct {
	Day          report.Date            `json:"day"`
	Model        string                 `json:"model,omitempty"`
	Item         string                 `json:"item,omitempty"`
	Invoice      report.Amount          `json:"invoice"`
	Ledger       report.Amount          `json:"ledger"`
	Difference   report.Amount          `json:"difference"`
	Calls        uint64                 `json:"calls"`
	Unpriced     uint64                 `json:"unpriced_calls"`
	Parts        map[Kind]report.Amount `json:"parts"`
	TokensBilled *int64                 `json:"tokens_billed,omitempty"` // by the bill; nil: not told
	TokensSeen   int64                  `json:"tokens_seen"`             // by the ledger
}

// Result is a bill held against the ledger. Found amounts of the parts add up to Invoice − (Calls + Corrections + Reserved);
// what is left of them to Difference.
type Result struct {
	Provider string        `json:"provider"`
	Month    string        `json:"month"`
	Currency string        `json:"currency"`
	State    report.State  `json:"state"`
	Book     string        `json:"price_version"`
	Files    []File        `json:"files"`
	Verdict  Verdict       `json:"verdict"`
	Invoice  report.Amount `json:"invoice"`
	Ledger   report.Amount `json:"ledger"` // Calls + Corrections + Reserved + Booked
	Calls    report.Amount `json:"calls"`
	// Corrections of the month's calls (late ones, re-rates), whenever they were booked; Booked by reconciliation.
	Corrections report.Amount `json:"corrections"`
	Booked      report.Amount `json:"booked"`
	Reserved    report.Amount `json:"reserved"` // by the price files
	Difference  report.Amount `json:"difference"`
	Unexplained report.Amount `json:"unexplained"` // sum of the sizes of what has no explanation and isn't booked
	AtLeast     bool          `json:"at_least"`
	Unpriced    uint64        `json:"unpriced_calls"`
	Estimated   uint64        `json:"estimated_calls"`
	DaysOnly    bool          `json:"days_only"` // the bill names no models
	HasUsage    bool          `json:"has_usage"`
	Outside     int           `json:"lines_of_other_months"`
	Rounded     int           `json:"rounded_lines"`
	Hints       []string      `json:"hints,omitempty"`
	Parts       []Part        `json:"parts"`
	Rows        []Row         `json:"rows"`
}

// Verdict is how it ends.
type Verdict string

// The verdicts.
const (
	Equal          Verdict = "equal"
	EqualRounded   Verdict = "equal but for rounding"
	Explained      Verdict = "explained"
	NotExplained   Verdict = "not explained"
	EqualByBooking Verdict = "equal by booking"
)

func (r *Result) verdict(tolerance report.Amount) {
	var rounding, other, booked bool
	for _, p := range r.Parts {
		left := p.Left.Sign() != 0
		switch {
		case p.Kind == Unexplained:
			r.Unexplained.Sum = r.Unexplained.Add(abs(p.Left.Sum))
			other = other || left
		case p.Kind == Rounding:
			rounding = rounding || left
		default:
			other = other || left
		}
		booked = booked || p.Booked.Sign() != 0
	}
	switch {
	case r.Unexplained.Cmp(tolerance.Sum) > 0:
		r.Verdict = NotExplained
	case other:
		r.Verdict = Explained
	case rounding:
		r.Verdict = EqualRounded
	case booked:
		r.Verdict = EqualByBooking
	default:
		r.Verdict = Equal
	}
}
