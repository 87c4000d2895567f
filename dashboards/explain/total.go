package explain

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Part is the calls of a total that were read, priced and attributed in one way. Amounts are decimals in USD.
type Part struct {
	Provider     string            `json:"provider"`
	Model        string            `json:"model"`
	Operation    string            `json:"operation"`
	Rule         string            `json:"rule"`
	TenantSource string            `json:"tenant_source"`
	PriceVersion string            `json:"price_version"`
	PriceEntry   string            `json:"price_entry"`
	Unpriced     string            `json:"unpriced,omitempty"`
	Inexact      bool              `json:"inexact,omitempty"`     // a guess or a lower bound
	UnseenLeaf   bool              `json:"unseen_leaf,omitempty"` // what an agent used beside its calls
	Calls        uint64            `json:"calls"`
	Raw          map[string]int64  `json:"raw"`   // as the spans say
	Usage        map[string]int64  `json:"usage"` // disjoint buckets
	Cost         map[string]string `json:"cost"`  // by part
	Total        string            `json:"total"`
	Dearest      string            `json:"dearest_call"` // for explain call

	sum ledger.Sum
}

// Adjustment is a correction that is about the period or booked in it.
type Adjustment struct {
	ID       string    `json:"id"`
	Booked   time.Time `json:"booked"`
	Original time.Time `json:"original"`
	Provider string    `json:"provider"`
	Model    string    `json:"model"`
	Kind     string    `json:"kind"`
	Cost     string    `json:"cost"`
	Calls    int64     `json:"calls"`
	Author   string    `json:"author"`
	Reason   string    `json:"reason"`
	Evidence string    `json:"evidence"`
	About    bool      `json:"about_the_period"`
	Here     bool      `json:"booked_in_the_period"`
	Counted  bool      `json:"of_its_calls"` // made of its calls, so that they are its parts; not so by hand

	sum ledger.Sum
}

// Total is a tenant's number with all that it is made of.
type Total struct {
	Tenant      string            `json:"tenant"`
	Model       string            `json:"model,omitempty"` // empty: all
	From        time.Time         `json:"from"`
	To          time.Time         `json:"to"`
	Shown       string            `json:"shown"` // what dashboards and reports show
	Calls       uint64            `json:"calls"`
	Unpriced    uint64            `json:"unpriced_calls"` // above 0: the number is a lower bound
	Parts       []Part            `json:"parts"`
	PartsTotal  string            `json:"parts_total"`
	Adjusted    string            `json:"adjusted"`   // adjustments about the period, which its frozen number leaves out
	Booked      string            `json:"booked"`     // adjustments booked in the period
	Reported    string            `json:"reported"`   // what is shown and those: a report's sum of the period
	Difference  string            `json:"difference"` // parts − shown − adjusted: not zero while a rollup is due
	GaveWay     map[string]uint64 `json:"gave_way"`   // reports by reason
	Adjustments []Adjustment      `json:"adjustments"`

	shown, parts, adjusted, booked, difference ledger.Sum
}

// Query is what a total is asked for.
type Query struct {
	Tenant, Model string
	Span          calendar.Span
}

func (q Query) args() []any {
	return []any{clickhouse.Named("from", q.Span.From), clickhouse.Named("to", q.Span.To), clickhouse.Named("tenant", q.Tenant), clickhouse.Named("model", q.Model)}
}

// Explain reads a total and its parts.
func Explain(ctx context.Context, conn driver.Conn, q Query) (*Total, error) {
	t := &Total{Tenant: q.Tenant, Model: q.Model, From: q.Span.From, To: q.Span.To, GaveWay: map[string]uint64{}}
	for _, read := range []struct {
		name string
		row  func(driver.Rows) error
	}{
		{"explain/total", t.readShown},
		{"explain/total_parts", t.readPart},
		{"explain/total_settled", t.readGaveWay},
		{"explain/total_adjustments", t.readAdjustment},
	} {
		args := q.args()
		if read.name == "explain/total_parts" {
			args = append(args, clickhouse.Named("inexact", uint32(ledger.FlagsInexact)), clickhouse.Named("unseen", uint32(ledger.FlagUnseenLeaf)))
		}
		if err := each(ctx, conn, read.name, read.row, args); err != nil {
			return nil, err
		}
	}
	t.difference = t.parts.Sub(t.shown).Sub(t.adjusted)
	t.Shown, t.PartsTotal, t.Adjusted, t.Difference = t.shown.Short(), t.parts.Short(), t.adjusted.Short(), t.difference.Short()
	t.Booked, t.Reported = t.booked.Short(), t.shown.Add(t.booked).Short()
	return t, nil
}

func each(ctx context.Context, conn driver.Conn, name string, row func(driver.Rows) error, args []any) error {
	rows, err := conn.Query(ctx, schema.SQL(name), args...)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func (t *Total) readShown(rows driver.Rows) (err error) {
	var cost string
	if err = rows.Scan(&cost, &t.Calls, &t.Unpriced); err == nil {
		t.shown, err = ledger.ParseSum(cost)
	}
	return err
}

func (t *Total) readPart(rows driver.Rows) error {
	p := Part{Usage: map[string]int64{}, Cost: map[string]string{}}
	var usage []uint64
	var costs []string
	var cost, trace, span string
	var inexact, unseen uint8
	err := rows.Scan(&p.Provider, &p.Model, &p.Operation, &p.Rule, &p.TenantSource, &p.PriceVersion, &p.PriceEntry, &p.Unpriced, &inexact, &unseen,
		&p.Calls, &p.Raw, &usage, &costs, &cost, &trace, &span)
	if err != nil {
		return err
	}
	p.Inexact, p.UnseenLeaf, p.Dearest = inexact != 0, unseen != 0, trace+"/"+span
	for i, n := range usage {
		if n > 0 {
			p.Usage[ledger.Bucket(i).String()] = int64(n)
		}
	}
	for i, text := range costs {
		sum, err := ledger.ParseSum(text)
		if err != nil {
			return err
		}
		if sum.Sign() != 0 {
			p.Cost[parts[i]] = sum.Short()
		}
	}
	if p.sum, err = ledger.ParseSum(cost); err != nil {
		return err
	}
	p.Total, t.parts = p.sum.Short(), t.parts.Add(p.sum)
	t.Parts = append(t.Parts, p)
	return nil
}

func (t *Total) readGaveWay(rows driver.Rows) error {
	var reason string
	var n uint64
	err := rows.Scan(&reason, &n)
	t.GaveWay[reason] = n
	return err
}

func (t *Total) readAdjustment(rows driver.Rows) error {
	var a Adjustment
	var about, here, counted uint8
	err := rows.Scan(&a.ID, &a.Booked, &a.Original, &a.Provider, &a.Model, &a.Kind, &a.Cost, &a.Calls, &a.Author, &a.Reason, &a.Evidence, &about, &here, &counted)
	if err != nil {
		return err
	}
	if a.sum, err = ledger.ParseSum(a.Cost); err != nil {
		return err
	}
	a.About, a.Here, a.Counted, a.Cost = about != 0, here != 0, counted != 0, a.sum.Short()
	if a.Here {
		t.booked = t.booked.Add(a.sum)
	}
	if a.Counted {
		t.adjusted = t.adjusted.Add(a.sum)
	}
	t.Adjustments = append(t.Adjustments, a)
	return nil
}
