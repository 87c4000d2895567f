package report

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema/directory"
)

// tenantDay is what one tenant spent on one day.
type tenantDay struct {
	day             time.Time
	tenant          string
	calls, unpriced uint64
	cost            Amount
}

func tenantDays(ctx context.Context, conn driver.Conn, p Period) ([]tenantDay, error) {
	return rowsOf(ctx, conn, "report/tenant_days", func(rows driver.Rows, d *tenantDay) error {
		var cost string
		if err := rows.Scan(&d.day, &d.tenant, &d.calls, &d.unpriced, &cost); err != nil {
			return err
		}
		return d.cost.UnmarshalText([]byte(cost))
	}, p.args()...)
}

// owner is under whom a bill is reported.
type owner struct{ name, parent, costCentre, owner string }

func ownerOf(d directory.Directory, tenant string, at time.Time) owner {
	e, _ := d.At(tenant, at)
	return owner{e.DisplayName, e.Parent, e.CostCentre, e.Owner}
}

// byOwner parts a tenant's bill where the directory named several owners in the period: each gets the spend of its own days and
// the adjustments for its own days, and of what was handed out a part in proportion to its spend. The parts are exactly
// the bill.
func (b *Bill) byOwner(d directory.Directory, days []tenantDay, adjustments []Adjustment, last time.Time) []Bill {
	parts := map[owner]*Bill{}
	part := func(at time.Time) *Bill {
		o := ownerOf(d, b.Tenant, at)
		if parts[o] == nil {
			parts[o] = &Bill{Tenant: b.Tenant, Name: o.name, Parent: o.parent, CostCentre: o.costCentre, Owner: o.owner}
		}
		return parts[o]
	}
	for _, day := range days {
		if day.tenant != b.Tenant {
			continue
		}
		x := part(day.day)
		x.Own, x.Calls, x.AtLeast = x.Own.Plus(day.cost), x.Calls+day.calls, x.AtLeast || day.unpriced > 0
	}
	for _, a := range adjustments {
		if a.Tenant == b.Tenant {
			x := part(a.Original.Time)
			x.Adjusted = x.Adjusted.Plus(a.Cost)
		}
	}
	spent := false
	for _, x := range parts {
		spent = spent || x.Own.Sign() > 0
	}
	var heir *Bill // of what was handed out, where nothing was spent
	if !spent {
		heir = part(last)
	}
	out := slices.SortedFunc(maps.Values(parts), func(a, b *Bill) int { return cmp.Compare(a.label(), b.label()) })
	weights := make([]*big.Int, len(out))
	for i, x := range out {
		switch {
		case x == heir:
			weights[i] = big.NewInt(1)
		case x.Own.Sign() > 0:
			weights[i] = bigOf(x.Own.Sum)
		default:
			weights[i] = new(big.Int)
		}
	}
	shared, reserved := Split(b.Shared.Sum, weights), Split(b.Reserved.Sum, weights)
	var bills []Bill
	for i, x := range out {
		x.Shared, x.Reserved = Amount{shared[i]}, Amount{reserved[i]}
		x.AtLeast = x.AtLeast || (b.AtLeast && shared[i].Sign() != 0)
		bills = append(bills, *x)
	}
	return bills
}

// label is the tenant and under whom it is reported, for people.
func (b *Bill) label() string {
	var where []string
	for _, s := range []string{b.Name, b.Parent, b.CostCentre, b.Owner} {
		if s != "" {
			where = append(where, s)
		}
	}
	if len(where) == 0 {
		return b.Tenant
	}
	return b.Tenant + " (" + strings.Join(where, ", ") + ")"
}
