package report

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Charge is what one tenant spent on one model of one provider on one day.
type Charge struct {
	Day                                       Date
	Tenant, Provider, Model                   string
	Calls, UnpricedCalls, Estimated, Reserved uint64
	Tokens                                    []uint64 // in the order of ledger.Bucket
	Parts                                     []Amount // in the order of the cost columns: input, cache read, cache write, output, reasoning, other
	Cost, ListCost                            Amount
}

// Charges reads a period's charges in a fixed order: day, tenant, provider, model.
func Charges(ctx context.Context, conn driver.Conn, p Period, tenant *string) ([]Charge, error) {
	return rowsOf(ctx, conn, "report/charges", func(rows driver.Rows, c *Charge) error {
		var parts []string
		var cost, list string
		if err := rows.Scan(&c.Day.Time, &c.Tenant, &c.Provider, &c.Model, &c.Calls, &c.UnpricedCalls, &c.Estimated, &c.Reserved, &c.Tokens, &parts, &cost,
			&list); err != nil {
			return err
		}
		c.Parts = make([]Amount, len(parts))
		for i, text := range parts {
			if err := c.Parts[i].UnmarshalText([]byte(text)); err != nil {
				return err
			}
		}
		if err := c.Cost.UnmarshalText([]byte(cost)); err != nil {
			return err
		}
		return c.ListCost.UnmarshalText([]byte(list))
	}, append(p.args(), whose(tenant)...)...)
}
