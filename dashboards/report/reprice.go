package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Repriced is what one model's calls of a period cost by two price books, each call at its own time.
type Repriced struct {
	Provider    string `json:"provider"`
	Model       string `json:"model"`
	Calls       uint64 `json:"calls"`
	Changed     uint64 `json:"changed_calls"`
	OldUnpriced uint64 `json:"old_unpriced_calls"` // by the old book: its sum is a lower bound
	NewUnpriced uint64 `json:"new_unpriced_calls"`
	Old         Amount `json:"old"`
	New         Amount `json:"new"`
}

// Reprice prices every call of a period by two books and adds up by model, dearest change first. Calls without readable usage are
// unpriced by both. It reads the calls as they are settled and writes nothing.
func Reprice(ctx context.Context, conn driver.Conn, p Period, before, after *pricing.Book, wanted func(model string) bool) ([]Repriced, error) {
	rows, err := conn.Query(ctx, schema.SQL("report/calls"), p.args()...)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	defer rows.Close()
	sums := map[pricing.Name]*Repriced{}
	for rows.Next() {
		c, err := scanCall(rows)
		if err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		if !wanted(c.Model) {
			continue
		}
		n := pricing.Name{Provider: c.Provider, Model: c.Model}
		s := sums[n]
		if s == nil {
			s = &Repriced{Provider: n.Provider, Model: n.Model}
			sums[n] = s
		}
		s.add(c, before, after)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	var out []Repriced
	for _, s := range sums {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Repriced) int {
		return cmp.Or(b.change().Cmp(a.change().Sum), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return out, nil
}

// change is by how much the sum changes, whichever way.
func (s *Repriced) change() Amount {
	d := s.New.Minus(s.Old)
	if d.Sign() < 0 {
		d = Amount{d.Neg()}
	}
	return d
}

func (s *Repriced) add(c ledger.Call, before, after *pricing.Book) {
	old, now := c, c
	before.Rate(&old)
	after.Rate(&now)
	s.Calls++
	if old.TotalCost() != now.TotalCost() || old.Unpriced != now.Unpriced {
		s.Changed++
	}
	if old.Unpriced != "" {
		s.OldUnpriced++
	}
	if now.Unpriced != "" {
		s.NewUnpriced++
	}
	s.Old, s.New = s.Old.Plus(Amount{ledger.SumOf(old.TotalCost())}), s.New.Plus(Amount{ledger.SumOf(now.TotalCost())})
}

// scanCall reads what pricing needs; a reason why there is no price stays only where it is one of reading, not of the book.
func scanCall(rows driver.Rows) (ledger.Call, error) {
	var c ledger.Call
	var flags uint32
	var tokens []uint64
	var units map[string]uint64
	var received int64
	if err := rows.Scan(&c.Tenant, &c.Provider, &c.Model, &c.RequestModel, &c.Kind, &c.ServiceTier, &c.Region, &c.ErrorClass, &c.Unpriced, &flags, &c.Start,
		&received, &tokens, &units); err != nil {
		return c, err
	}
	c.Flags, c.Received = ledger.Flags(flags), received*1_000_000
	for i, n := range tokens {
		c.Usage.Tokens[i] = int64(n)
	}
	for u := range ledger.NumUnits {
		c.Usage.Units[u] = int64(units[ledger.Unit(u).String()])
	}
	if c.Unpriced != ledger.UnpricedUsage && c.Unpriced != ledger.UnpricedBadUsage {
		c.Unpriced = ""
	}
	return c, nil
}

// WriteRepriced writes the sums side by side for people.
func WriteRepriced(out io.Writer, p Period, all []Repriced) error {
	fmt.Fprintf(out, "The calls of %s by both books, in USD, days of UTC; nothing is written:\n\n", p)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "old\tnew\tchange\tcalls\tchanged\tunpriced old\tnew\t  model")
	total := Repriced{Model: "total"}
	line := func(s Repriced, name string) {
		least := func(a Amount, unpriced uint64) string {
			if unpriced > 0 {
				return "at least " + a.String()
			}
			return a.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", least(s.Old, s.OldUnpriced), least(s.New, s.NewUnpriced), s.New.Minus(s.Old), thousands(s.Calls),
			thousands(s.Changed), thousands(s.OldUnpriced), thousands(s.NewUnpriced), name)
	}
	for _, s := range all {
		line(s, Printable(s.Provider+"/"+s.Model))
		total.Calls, total.Changed = total.Calls+s.Calls, total.Changed+s.Changed
		total.OldUnpriced, total.NewUnpriced = total.OldUnpriced+s.OldUnpriced, total.NewUnpriced+s.NewUnpriced
		total.Old, total.New = total.Old.Plus(s.Old), total.New.Plus(s.New)
	}
	line(total, "total")
	return w.Flush()
}
