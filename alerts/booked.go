package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// budgetsEvery is how often a running role looks for changed budgets in the database.
const budgetsEvery = 5 * time.Second

// booked are the budgets of the database as the role last read them.
type booked struct {
	read     time.Time
	versions []time.Time // of what was read, in order: a change is a new time
	names    []string
	told     map[string]bool // problems that were logged
}

// takeBudgets takes the maintenance windows of the database, and puts its budgets beside those of the configuration; one of the same name replaces ours. A
// failure to read them fails the evaluation: without them their episodes would end.
func (a *Alerts) takeBudgets(ctx context.Context, now time.Time) error {
	if !a.cfg.BudgetsTable || (!a.booked.read.IsZero() && now.Sub(a.booked.read) < budgetsEvery && !now.Before(a.booked.read)) {
		return nil
	}
	versions, err := a.store.budgets(ctx, "budgets", nil)
	if err != nil {
		return fmt.Errorf("read the budgets: %w", err)
	}
	if a.windows, err = a.store.windows(ctx, now); err != nil {
		return fmt.Errorf("read the maintenance windows: %w", err)
	}
	first := a.booked.read.IsZero()
	a.booked.read = now
	var times []time.Time
	var names []string
	for _, v := range versions {
		times, names = append(times, v.At), append(names, v.Name)
	}
	if !first && slices.EqualFunc(times, a.booked.versions, time.Time.Equal) && slices.Equal(names, a.booked.names) {
		return nil
	}
	a.booked.versions, a.booked.names = times, names
	rules, problems := a.cfg.withBooked(versions)
	for _, p := range problems {
		if !a.booked.told[p.Error()] {
			a.log.Error("a budget of the database is left out", "error", p)
			a.booked.told[p.Error()] = true
		}
	}
	if err := a.replaceBudgets(rules); err != nil {
		return err
	}
	if !first || len(versions) > 0 {
		a.log.Info("budgets taken from the database", "of_the_database", len(versions), "all", len(rules))
	}
	return nil
}

// withBooked joins the configuration's budgets with the database's. What is wrong with one of the latter leaves only that
// one out.
func (c *Config) withBooked(versions []BudgetVersion) (rules []Budget, wrong []error) {
	taken := c.otherNames()
	byName := map[string]bool{}
	for _, v := range versions {
		err := v.Problem
		if err == nil {
			if err = ValidateBudgets([]Budget{v.Budget}); err != nil {
				err = fmt.Errorf("budget %s: %w", v.Name, err)
			}
		}
		if err == nil && taken[v.Name] {
			err = fmt.Errorf("budget %s: the configuration has a rule of that name that is no budget: give one of them another", v.Name)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		rules, byName[v.Name] = append(rules, v.Budget), true
	}
	for _, b := range slices.Backward(c.Budgets) {
		if !byName[b.Name] {
			rules = slices.Insert(rules, 0, b)
		}
	}
	return rules, wrong
}

// otherNames are the names of all rules that aren't budgets.
func (c *Config) otherNames() map[string]bool {
	names := map[string]bool{freshnessRule: true, watchdogRule: true, ManualRule: true}
	for _, r := range c.Spikes {
		names[r.Name] = true
	}
	for _, r := range c.Runaways {
		names[r.Name] = true
	}
	for _, r := range c.Shares {
		names[r.Name] = true
	}
	for _, r := range c.Silences {
		names[r.Name] = true
	}
	for _, r := range c.Limits {
		names[r.Name] = true
	}
	return names
}
