package alerts

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Standing is how one budget of one subject stands: what was spent since its period began, in the time zone that the rule or the
// tenant has.
type Standing struct {
	Budget, Tenant, By, Value string
	Period, TimeZone          string
	From, To                  time.Time // of the period that runs
	Amount, Spent             ledger.Sum
	Week                      ledger.Sum // spent in the last seven days
	Unpriced                  uint64     // of the calls in Spent: it is a lower bound
	Source                    string     // configuration or database
}

// Standings are those of the budgets that the rules watch: the configuration's and, if it says so, the database's. Spend is that of
// the rollups. Budgets of less than an hour are left out; they stand only in the rules' own evaluation.
func (c *Config) Standings(ctx context.Context, conn driver.Conn, now time.Time) ([]Standing, error) {
	r := reader{conn}
	rules, booked := c.Budgets, map[string]bool{}
	if c.BudgetsTable {
		versions, err := (store{r}).budgets(ctx, "budgets", nil)
		if err != nil {
			return nil, err
		}
		rules, _ = c.withBooked(versions) // what can't be read is logged by the rules
		for _, v := range versions {
			booked[v.Name] = true
		}
	}
	b, err := newBudgets(rules, nil)
	if err != nil {
		return nil, err
	}
	if b.zones.of, err = r.zones(ctx, now); err != nil {
		return nil, err
	}
	read := map[string]map[who]total{}
	spend := func(by string, from, to time.Time) (map[who]total, error) {
		k := by + from.String()
		if read[k] == nil {
			if read[k], err = r.closed(ctx, by, from, to); err != nil {
				return nil, err
			}
		}
		return read[k], nil
	}
	var out []Standing
	for i, rule := range b.rules {
		if d := b.periods[i].length; d != 0 && d < time.Hour {
			continue
		}
		source := "configuration"
		if booked[rule.Name] {
			source = "database"
		}
		for _, p := range b.zones.periods(rule, b.periods[i]) {
			w := p.at(now)
			spent, err := spend(rule.By, w.from, now.Add(time.Minute))
			if err != nil {
				return nil, err
			}
			week, err := spend(rule.By, now.Truncate(time.Hour).AddDate(0, 0, -7), now.Add(time.Minute))
			if err != nil {
				return nil, err
			}
			zone := time.UTC.String()
			if p.zone != nil {
				zone = p.zone.String()
			}
			for _, s := range rule.subjects(spent, nil) {
				amount := rule.amountOf(s.tenant)
				if !p.holds(s.tenant) || amount.Sign() <= 0 {
					continue
				}
				out = append(out, Standing{Budget: rule.Name, Tenant: s.tenant, By: rule.By, Value: s.value, Period: rule.Period, TimeZone: zone, From: w.from, To: w.to,
					Amount: amount, Spent: spent[s].spend, Week: week[s].spend, Unpriced: spent[s].unpriced, Source: source})
			}
		}
	}
	return out, nil
}
