package report

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema/directory"
)

// SharedAttribute of a tenant in the directory, set to "true", makes its spend everybody's.
const SharedAttribute = "shared"

// Bill is what one tenant is charged.
type Bill struct {
	Tenant     string `json:"tenant"`
	Name       string `json:"name"`
	Parent     string `json:"parent"`
	CostCentre string `json:"cost_centre"`
	Owner      string `json:"owner"`
	AtLeast    bool   `json:"at_least"`
	Calls      uint64 `json:"calls"`
	Own        Amount `json:"own"`         // its calls
	Adjusted   Amount `json:"adjustments"` // booked in the period
	Shared     Amount `json:"shared"`      // its part of what is everybody's; negative where its spend was handed out
	Reserved   Amount `json:"reserved"`    // its part of reserved capacity
	Total      Amount `json:"total"`
}

// Chargeback is who pays what of a period. The rules: the spend and adjustments of tenants that the directory calls shared (and of
// "unattributed", if wanted) are handed out in proportion to the others' own spend; an amount for reserved capacity in
// proportion to the tokens that it served, and by own spend among those it may serve where it served none. Parts are whole
// units of 10⁻¹² USD; what is left over by rounding goes to the largest remainders, so that the parts are exactly the whole.
type Chargeback struct {
	Period   Period     `json:"period"`
	State    State      `json:"state"`
	Bills    []Bill     `json:"bills"`
	Total    Bill       `json:"total"`
	Reserved []Reserved `json:"reserved,omitempty"`
	Orphans  Orphans    `json:"reserved_orphans"`
}

// ChargebackOptions are what the ledger doesn't hold.
type ChargebackOptions struct {
	Book   *pricing.Book // for its reserved capacity; nil: none
	Spread bool          // hand the spend of "unattributed" out too
}

// BuildChargeback reads the period and hands out what is shared. A tenant that changed hands in the period has a bill for each
// of its owners: a day's spend goes to who the directory names for that day. Whether a tenant is shared is as on the last day.
func BuildChargeback(ctx context.Context, conn driver.Conn, p Period, o ChargebackOptions) (*Chargeback, error) {
	r, err := Build(ctx, conn, Query{Period: p, Dimension: "tenant"})
	if err != nil {
		return nil, err
	}
	days, err := tenantDays(ctx, conn, p)
	if err != nil {
		return nil, err
	}
	tenants, err := directory.Read(ctx, conn)
	if err != nil {
		return nil, err
	}
	c := &Chargeback{Period: p, State: r.State}
	bills := map[string]*Bill{}
	bill := func(tenant string) *Bill {
		if bills[tenant] == nil {
			bills[tenant] = &Bill{Tenant: tenant}
		}
		return bills[tenant]
	}
	for _, d := range days {
		b := bill(d.tenant)
		b.Own, b.Calls, b.AtLeast = b.Own.Plus(d.cost), b.Calls+d.calls, b.AtLeast || d.unpriced > 0
	}
	for _, a := range r.Adjustments {
		b := bill(a.Tenant)
		b.Adjusted = b.Adjusted.Plus(a.Cost)
	}
	spent := map[string]Amount{}
	for tenant, b := range bills {
		spent[tenant] = b.Own
	}
	if c.Reserved, c.Orphans, err = ReadReserved(ctx, conn, p, o.Book, spent); err != nil {
		return nil, err
	}
	for _, res := range c.Reserved {
		for _, s := range res.Shares {
			b := bill(s.Tenant)
			b.Reserved = b.Reserved.Plus(s.Amount)
		}
	}
	shared := map[string]bool{ledger.Unattributed: o.Spread}
	last := p.To.Add(-1)
	for _, e := range tenants.AllAt(last) {
		if e.Attributes[SharedAttribute] == "true" {
			shared[e.Tenant] = true
		}
	}
	allocateShared(bills, shared)
	c.finish(bills, func(b *Bill) []Bill { return b.byOwner(tenants, days, r.Adjustments, last) })
	return c, nil
}

// allocateShared takes the spend, adjustments and reserved part of every shared tenant and hands it to the others.
func allocateShared(bills map[string]*Bill, shared map[string]bool) {
	weights := map[string]*big.Int{}
	for tenant, b := range bills {
		if !shared[tenant] && b.Own.Sign() > 0 {
			addTo(weights, tenant, bigOf(b.Own.Sum))
		}
	}
	if len(weights) == 0 {
		return // nobody to hand it to: it stays where it is
	}
	for tenant, b := range bills {
		if !shared[tenant] {
			continue
		}
		whole := b.Own.Plus(b.Adjusted).Plus(b.Reserved)
		b.Shared = Amount{whole.Neg()}
		for to, part := range share(whole.Sum, weights) {
			bills[to].Shared = bills[to].Shared.Plus(Amount{part})
			bills[to].AtLeast = bills[to].AtLeast || b.AtLeast
		}
	}
}

func (c *Chargeback) finish(bills map[string]*Bill, byOwner func(*Bill) []Bill) {
	c.Total.Tenant = "total"
	for _, b := range bills {
		for _, part := range byOwner(b) {
			part.Total = part.Own.Plus(part.Adjusted).Plus(part.Shared).Plus(part.Reserved)
			c.Bills = append(c.Bills, part)
		}
		t := &c.Total
		t.Calls += b.Calls
		t.AtLeast = t.AtLeast || b.AtLeast
		t.Own, t.Adjusted, t.Shared = t.Own.Plus(b.Own), t.Adjusted.Plus(b.Adjusted), t.Shared.Plus(b.Shared)
		t.Reserved = t.Reserved.Plus(b.Reserved)
	}
	for _, b := range c.Bills {
		c.Total.Total = c.Total.Total.Plus(b.Total)
	}
	slices.SortFunc(c.Bills, func(a, b Bill) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.label(), b.label()))
	})
}

// WriteCSV writes a row per bill, no total row.
func (c *Chargeback) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"period", "state", "tenant", "name", "parent", "cost_centre", "owner", "calls", "at_least", "own_usd", "adjustments_usd", "shared_usd",
		"reserved_usd", "total_usd"})
	for _, b := range c.Bills {
		_ = w.Write([]string{c.Period.String(), string(c.State), Cell(b.Tenant), Cell(b.Name), Cell(b.Parent), Cell(b.CostCentre), Cell(b.Owner),
			strconv.FormatUint(b.Calls, 10), strconv.FormatBool(b.AtLeast), b.Own.String(), b.Adjusted.String(), b.Shared.String(), b.Reserved.String(),
			b.Total.String()})
	}
	w.Flush()
	return w.Error()
}

// WriteText writes a table for a terminal.
func (c *Chargeback) WriteText(out io.Writer) error {
	fmt.Fprintf(out, "Chargeback of %s, in USD: %s\n\n", c.Period, (&Report{State: c.State}).stateText())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "total\town calls\tadjustments\tshared\treserved\t  tenant (name, parent, cost centre, owner)")
	all := append(slices.Clone(c.Bills), c.Total)
	places := 2
	for _, b := range all {
		for _, a := range []Amount{b.Total, b.Own, b.Adjusted, b.Shared, b.Reserved} {
			places = max(places, placesOf(a))
		}
	}
	for _, b := range all {
		least := ""
		if b.AtLeast {
			least = "at least "
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\t%s\t  %s\n", least, b.Total.to(places), b.Own.to(places), b.Adjusted.to(places), b.Shared.to(places), b.Reserved.to(places), Printable(b.label()))
	}
	return w.Flush()
}
