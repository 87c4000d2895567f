package figures

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// BudgetState is how one budget of one subject stands.
type BudgetState struct {
	Budget, Tenant      string
	Scope               map[string]string // the part of the tenant, by dimension; empty: all of it
	Period, TimeZone    string
	From, To            time.Time
	Amount, Spent, Week ledger.Sum
	AtLeast             bool
	Source              string
}

// budgetsEvery is how old a budget's state gets on boards.
const budgetsEvery = "@every 30s"

// WriteBudgets writes how all budgets stand, under one time. Where there are none, one row without a name says so, so that boards
// can tell "no budget" from "nobody counted".
func (f *Figures) WriteBudgets(ctx context.Context) error {
	now := time.Now().UTC()
	states, err := f.deps.Budgets(ctx, f.conn, now)
	if err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	if len(states) == 0 {
		states = []BudgetState{{From: now, To: now}}
	}
	return f.insert(ctx, "figures/insert_budgets", func(batch driver.Batch) error {
		for _, s := range states {
			atLeast := uint8(0)
			if s.AtLeast {
				atLeast = 1
			}
			if s.Scope == nil {
				s.Scope = map[string]string{}
			}
			if err := batch.Append(s.Budget, s.Tenant, s.Scope, s.Period, s.TimeZone, s.From, s.To, s.Amount.String(), s.Spent.String(), s.Week.String(), atLeast, s.Source, now); err != nil {
				return err
			}
		}
		return nil
	})
}
