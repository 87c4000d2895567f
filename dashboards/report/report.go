package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Amount is an exact decimal in USD; as text, JSON and CSV it is a decimal without trailing zeros.
type Amount struct{ ledger.Sum }

// String is the shortest exact decimal with at least two places.
func (a Amount) String() string { return a.Short() }

// MarshalText makes it a string in JSON.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.Short()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Amount) UnmarshalText(text []byte) (err error) {
	a.Sum, err = ledger.ParseSum(string(text))
	return err
}

// Plus returns a + b.
func (a Amount) Plus(b Amount) Amount { return Amount{a.Add(b.Sum)} }

// Minus returns a − b.
func (a Amount) Minus(b Amount) Amount { return Amount{a.Sub(b.Sum)} }

// Query is what a report is asked for.
type Query struct {
	Period    Period
	Tenant    *string          // nil: all tenants. A pointer, so that an empty name never means everybody
	Dimension string           // of Dimensions; empty: tenant
	Kept      schema.Retention // how long totals live: days of another time zone than UTC need hours or minutes
	Book      *pricing.Book    // for its reserved capacity; nil: it isn't told
	Top       int              // keep this many lines and add the others up in one; 0: all
	Own       bool             // the connection is the tenant's own: what is the operator's isn't asked for
}

// The dimensions a report can be made by: the first are in every total, the others in totals by dimension, which know hours.
var (
	inTotals    = []string{"tenant", "provider", "model", "operation", "service", "environment", "region", "day"}
	byOwner     = []string{"parent", "cost_centre", "owner"} // by the tenant directory, each day under who it names for that day
	byDimension = []string{"team", "key", "user", "agent", "feature", "prompt"}
)

// Dimensions lists what a report can be made by.
func Dimensions() []string { return slices.Concat(inTotals, byOwner, byDimension) }

// Validate says what is wrong with a query.
func (q Query) Validate() error {
	if err := q.Period.Validate(); err != nil {
		return err
	}
	if !slices.Contains(Dimensions(), q.Dimension) {
		return fmt.Errorf("dimension %q: use one of %s", q.Dimension, strings.Join(Dimensions(), ", "))
	}
	if q.Top < 0 {
		return fmt.Errorf("top %d: want 0 (all) or more", q.Top)
	}
	return q.keptLongEnough(time.Now())
}

// keptLongEnough refuses days of another time zone that the ledger no longer has: their ends are made of hours, or minutes where
// the zone is a part of an hour away from UTC.
func (q Query) keptLongEnough(now time.Time) error {
	level, kept := "hours", q.Kept.Hour
	whole := func(d time.Duration) bool {
		for _, day := range q.Period.days() {
			if !day.From.Truncate(d).Equal(day.From) || !day.To.Truncate(d).Equal(day.To) {
				return false
			}
		}
		return true
	}
	byHours := slices.Contains(byDimension, q.Dimension)
	switch {
	case whole(24 * time.Hour):
		return nil
	case byHours:
		kept = q.Kept.HourBy
		if !whole(time.Hour) {
			return fmt.Errorf("days of %s don't begin on the hour, and spend by %s is kept by hours: say --time-zone UTC", q.Period.Zone(), q.Dimension)
		}
	case !whole(time.Hour):
		level, kept = "minutes", q.Kept.Minute
	}
	if oldest := now.AddDate(0, 0, -kept.KeepDays); kept.KeepDays > 0 && q.Period.From.Before(oldest) {
		return fmt.Errorf("days of %s before %s can't be told from those of UTC any more: %s are kept for %d days; say --time-zone UTC, or ask for later days",
			q.Period.Zone(), oldest.Format(time.DateOnly), level, kept.KeepDays)
	}
	return nil
}

// Line is one value's spend.
type Line struct {
	Value         string  `json:"value"`
	Others        uint64  `json:"others,omitempty"`  // the line adds up values that have no line of their own; at least so many
	Pending       bool    `json:"pending,omitempty"` // calls that the totals by this dimension don't have yet: they are added up every minute
	Calls         uint64  `json:"calls"`
	Errors        uint64  `json:"errors"`
	UnpricedCalls uint64  `json:"unpriced_calls"`
	Estimated     uint64  `json:"estimated_calls"`
	InputTokens   uint64  `json:"input_tokens"`
	OutputTokens  uint64  `json:"output_tokens"`
	AtLeast       bool    `json:"at_least"` // unpriced calls are in it: the cost is a lower bound
	Cost          Amount  `json:"cost"`
	ListCost      *Amount `json:"list_cost,omitempty"` // at list prices; by team, key, user and the like it isn't kept
}

func (l *Line) add(o Line) {
	l.Calls += o.Calls
	l.Errors += o.Errors
	l.UnpricedCalls += o.UnpricedCalls
	l.Estimated += o.Estimated
	l.InputTokens += o.InputTokens
	l.OutputTokens += o.OutputTokens
	l.AtLeast = l.AtLeast || o.AtLeast
	l.Cost = l.Cost.Plus(o.Cost)
	if o.ListCost != nil {
		sum := *o.ListCost
		if l.ListCost != nil {
			sum = sum.Plus(*l.ListCost)
		}
		l.ListCost = &sum
	}
}

// Report is what was asked for; Total.Cost is the sum of the lines, Sum is that and the adjustments.
type Report struct {
	Period      Period       `json:"period"`
	State       State        `json:"state"`
	Months      []MonthState `json:"months,omitempty"`
	Tenant      string       `json:"tenant,omitempty"`
	Dimension   string       `json:"dimension"`
	Currency    string       `json:"currency"`
	Lines       []Line       `json:"lines"`
	Total       Line         `json:"total"`
	Adjustments []Adjustment `json:"adjustments"`
	Adjusted    Amount       `json:"adjusted"` // the adjustments' sum
	Sum         Amount       `json:"sum"`
	AtLeast     bool         `json:"at_least"`
	Waiting     uint64       `json:"pending_windows,omitempty"` // minutes, hours and days that ended and whose calls aren't all added up yet
	// Unlike is by how much a closed month's calls differ from what it was closed on: never, unless somebody changed the ledger.
	Unlike *Amount `json:"differs_from_closing,omitempty"`
	// Reserved capacity of the price files is beside the sum: what is paid in advance isn't the cost of a call.
	Reserved     []Reserved `json:"reserved,omitempty"`
	ReservedPart *Amount    `json:"reserved_part,omitempty"` // what the tenants of this report bear of it
	WithReserved *Amount    `json:"with_reserved,omitempty"`

	places int // decimals of amounts for people; 0: not looked for yet
}

// Build makes a report from the ledger.
func Build(ctx context.Context, conn driver.Conn, q Query) (*Report, error) {
	q.Dimension = cmp.Or(q.Dimension, "tenant")
	if err := q.Validate(); err != nil {
		return nil, err
	}
	r := &Report{Period: q.Period, Dimension: q.Dimension, Currency: "USD", Total: Line{Value: "total"}}
	if q.Tenant != nil {
		r.Tenant = *q.Tenant
	}
	var err error
	if r.Lines, err = spend(ctx, conn, q); err != nil {
		return nil, err
	}
	if r.Adjustments, err = Adjustments(ctx, conn, q.Period, q.Tenant); err != nil {
		return nil, err
	}
	if r.Months, err = months(ctx, conn, q.Period, q.Own); err != nil {
		return nil, err
	}
	r.State = stateOf(r.Months)
	if !q.Own && r.State != Final {
		if err := conn.QueryRow(ctx, schema.SQL("report/pending"), q.Period.args()...).Scan(&r.Waiting); err != nil {
			return nil, fmt.Errorf("look for what is still to be added up: %w", err)
		}
	}
	if err := r.addPending(ctx, conn, q); err != nil {
		return nil, err
	}
	for _, l := range r.Lines {
		r.Total.add(l)
	}
	r.holdClosing(q)
	if err := r.addReserved(ctx, conn, q); err != nil {
		return nil, err
	}
	sortLines(r.Lines, q.Dimension)
	r.Lines = cutLines(r.Lines, q.Top)
	for _, a := range r.Adjustments {
		r.Adjusted = r.Adjusted.Plus(a.Cost)
	}
	r.Sum, r.AtLeast = r.Total.Cost.Plus(r.Adjusted), r.Total.AtLeast
	if r.ReservedPart != nil {
		r.WithReserved = new(r.Sum.Plus(*r.ReservedPart))
	}
	return r, nil
}

// holdClosing holds the report of a whole closed month against what the month was closed on (law 5).
func (r *Report) holdClosing(q Query) {
	if q.Tenant != nil || r.State != Final || len(r.Months) != 1 || !q.Period.IsMonth() || q.Period.Zone() != time.UTC || slices.Contains(byDimension, q.Dimension) {
		return
	}
	m := r.Months[0]
	if unlike := r.Total.Cost.Minus(m.cost); (m.calls > 0 || m.cost.Sign() != 0) && unlike.Sign() != 0 { // without either, it is being closed
		r.Unlike = &unlike
	}
}

// addPending adds a line of what the totals have and those by dimension don't have yet, so that a report has the same total by
// whatever dimension.
func (r *Report) addPending(ctx context.Context, conn driver.Conn, q Query) error {
	if !slices.Contains(byDimension, q.Dimension) || r.State == Final {
		return nil
	}
	q.Dimension = "tenant"
	totals, err := spend(ctx, conn, q)
	if err != nil {
		return err
	}
	var have, whole Line
	for _, l := range r.Lines {
		have.add(l)
	}
	for _, l := range totals {
		whole.add(l)
	}
	if rest, ok := whole.without(have); ok {
		r.Lines = append(r.Lines, rest)
	}
	return nil
}

// without is what l has and o doesn't; false if there is nothing, or if o has more of anything: then it was added up later.
func (l Line) without(o Line) (rest Line, ok bool) {
	if l.Calls <= o.Calls || l.Errors < o.Errors || l.UnpricedCalls < o.UnpricedCalls || l.InputTokens < o.InputTokens ||
		l.OutputTokens < o.OutputTokens || l.Cost.Cmp(o.Cost.Sum) < 0 {
		return rest, false
	}
	return Line{
		Pending: true, Calls: l.Calls - o.Calls, Errors: l.Errors - o.Errors, UnpricedCalls: l.UnpricedCalls - o.UnpricedCalls,
		AtLeast: l.UnpricedCalls > o.UnpricedCalls, InputTokens: l.InputTokens - o.InputTokens, OutputTokens: l.OutputTokens - o.OutputTokens,
		Cost: l.Cost.Minus(o.Cost),
	}, true
}

// sortLines puts days in their order and everything else by cost, ties by name, what was cut off last, and last what isn't
// added up yet.
func sortLines(lines []Line, dimension string) {
	sort.SliceStable(lines, func(i, j int) bool {
		a, b := lines[i], lines[j]
		if a.Pending != b.Pending {
			return b.Pending
		}
		if (a.Others > 0) != (b.Others > 0) {
			return b.Others > 0
		}
		if c := b.Cost.Cmp(a.Cost.Sum); c != 0 && dimension != "day" {
			return c < 0
		}
		return a.Value < b.Value
	})
}

// cutLines adds all lines after the first top ones up in one.
func cutLines(lines []Line, top int) []Line {
	if top == 0 || len(lines) <= top {
		return lines
	}
	var pending []Line
	if n := len(lines) - 1; lines[n].Pending {
		if lines, pending = lines[:n], lines[n:]; len(lines) <= top {
			return append(lines[:n:n], pending...)
		}
	}
	var rest Line
	for _, l := range lines[top:] {
		rest.add(l)
		rest.Others += max(l.Others, 1)
	}
	return append(append(lines[:top:top], rest), pending...)
}
