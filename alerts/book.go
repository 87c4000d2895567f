package alerts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/goccy/go-yaml"
	"github.com/shopspring/decimal"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// BudgetVersion is a budget as it stood from a time on, and who said so.
type BudgetVersion struct {
	Budget
	Removed        bool
	Author, Reason string
	At             time.Time
	Problem        error // its body can't be read: Budget holds what the columns say
}

// BudgetBook is the table budgets: every version of every budget. A running role takes a change within budgetsEvery.
type BudgetBook struct{ store store }

// OpenBudgetBook connects to the database at a ClickHouse URL.
func OpenBudgetBook(clickhouse string) (*BudgetBook, error) {
	conn, err := schema.Open(clickhouse)
	if err != nil {
		return nil, err
	}
	return &BudgetBook{store{reader{conn}}}, nil
}

// Close ends the connection.
func (b *BudgetBook) Close() error { return b.store.conn.Close() }

// List returns the budgets as they stand, by name.
func (b *BudgetBook) List(ctx context.Context) ([]BudgetVersion, error) {
	return b.store.budgets(ctx, "budgets", nil)
}

// History returns every version, by name, oldest first; of one budget if name isn't empty.
func (b *BudgetBook) History(ctx context.Context, name string) ([]BudgetVersion, error) {
	return b.store.budgets(ctx, "budget_versions", params{"name": text(name)})
}

// BudgetChange is one step from the budgets that stand to those that are wanted.
type BudgetChange struct {
	Name     string
	Old, New *Budget  // nil: there is none
	Fields   []string // what differs: "amount: 100 → 200"
}

// Plan says what it takes to make the wanted budgets stand. Those that aren't wanted go only with prune. It is empty if all
// is as wanted.
func (b *BudgetBook) Plan(ctx context.Context, wanted []Budget, prune bool) ([]BudgetChange, error) {
	if err := ValidateBudgets(wanted); err != nil {
		return nil, err
	}
	stand, err := b.List(ctx)
	if err != nil {
		return nil, err
	}
	old := map[string]*Budget{}
	for i := range stand {
		old[stand[i].Name] = &stand[i].Budget
	}
	var out []BudgetChange
	for i := range wanted {
		w := &wanted[i]
		fields, err := differences(old[w.Name], w)
		if err != nil {
			return nil, fmt.Errorf("budget %s: %w", w.Name, err)
		}
		if len(fields) > 0 {
			out = append(out, BudgetChange{w.Name, old[w.Name], w, fields})
		}
		delete(old, w.Name)
	}
	if prune {
		for _, name := range slices.Sorted(maps.Keys(old)) {
			out = append(out, BudgetChange{Name: name, Old: old[name], Fields: []string{"removed"}})
		}
	}
	return out, nil
}

// Apply writes the changes down, all in one insert. Nothing is changed in place: each is a new version.
func (b *BudgetBook) Apply(ctx context.Context, changes []BudgetChange, author, reason string) error {
	switch {
	case author == "" || reason == "":
		return errors.New("say who changes the budgets and why: --author and --reason are kept with them")
	case len(changes) == 0:
		return nil
	}
	at, err := b.store.next(ctx)
	if err != nil {
		return err
	}
	batch, err := b.store.conn.PrepareBatch(ctx, schema.SQL("alerts/insert_budget"))
	if err != nil {
		return fmt.Errorf("insert budgets: %w", err)
	}
	for _, c := range changes {
		budget, removed := c.New, uint8(0)
		if budget == nil {
			budget, removed = c.Old, 1
		}
		if err := appendBudget(batch, *budget, removed, author, reason, at); err != nil {
			_ = batch.Abort() // the append's error says it all
			return fmt.Errorf("insert budget %s: %w", c.Name, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert budgets: %w", err)
	}
	return nil
}

// next is a time after every version there is, so that the new one stands whatever clocks say.
func (s store) next(ctx context.Context) (at time.Time, err error) {
	return at, s.each(ctx, "budget_clock", nil, func(rows driver.Rows) error { return rows.Scan(&at) })
}

func appendBudget(batch driver.Batch, b Budget, removed uint8, author, reason string, at time.Time) error {
	body, err := yaml.Marshal(b)
	if err != nil {
		return err
	}
	amount, err := decimal.NewFromString(b.Amount.Sum.String())
	if err != nil {
		return err
	}
	scope := map[string]string{}
	if b.By != byTenant {
		scope[b.By] = b.Value
	}
	throttle := uint8(0)
	if b.Throttle != nil {
		throttle = 1
	}
	full := b.withDefaults()
	thresholds := make([]decimal.Decimal, len(full.Thresholds))
	for i, t := range full.Thresholds {
		thresholds[i] = decimal.NewFromInt(int64(t))
	}
	return batch.Append(b.Name, b.Tenant, scope, b.Period, b.TimeZone, amount, thresholds, throttle, string(body), removed, author, reason, at)
}

// ValidateBudgets names everything that is wrong with budgets for the table.
func ValidateBudgets(all []Budget) error {
	var p problems
	seen := map[string]bool{}
	for i, b := range all {
		key := fmt.Sprintf("budgets[%d]", i)
		if b.Name == "" || seen[b.Name] {
			p.add("%s.name %q: want a name that no other budget has", key, b.Name)
		}
		seen[b.Name] = true
		b.validate(&p, key)
		if !slices.Contains([]string{"hour", "day", "week", "month"}, b.Period) {
			p.add("%s.period %q: want hour, day, week or month; other periods only in the configuration", key, b.Period)
		}
	}
	return errors.Join(p.errs...)
}

// differences lists the fields that differ once defaults are filled in.
func differences(old, wanted *Budget) ([]string, error) {
	after, err := fieldsOf(*wanted)
	if err != nil || old == nil {
		return []string{"new"}, err
	}
	before, err := fieldsOf(*old)
	if err != nil {
		return nil, err
	}
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !reflect.DeepEqual(before[k], after[k]) {
			out = append(out, fmt.Sprintf("%s: %s → %s", k, plain(before[k]), plain(after[k])))
		}
	}
	return out, nil
}

func plain(v any) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprint(v)
}

func fieldsOf(b Budget) (map[string]any, error) {
	text, err := yaml.Marshal(b.withDefaults())
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	return out, yaml.Unmarshal(text, &out)
}

// budgets reads versions by one of the two queries. A row that a person inserted without a body is made of its columns.
func (s store) budgets(ctx context.Context, query string, p params) ([]BudgetVersion, error) {
	var out []BudgetVersion
	err := s.each(ctx, query, p, func(rows driver.Rows) error {
		var v BudgetVersion
		var usd, body string
		var percents []int32
		var removed uint8
		b := &v.Budget
		if err := rows.Scan(&b.Name, &b.Tenant, &b.Period, &b.TimeZone, &usd, &percents, &body, &v.Author, &v.Reason, &removed, &v.At); err != nil {
			return err
		}
		v.Removed = removed == 1
		var err error
		if b.Amount.Sum, err = ledger.ParseSum(usd); err != nil {
			return err
		}
		for _, t := range percents {
			b.Thresholds = append(b.Thresholds, int(t))
		}
		if strings.TrimSpace(body) != "" {
			var whole Budget
			if err := yaml.UnmarshalWithOptions([]byte(body), &whole, yaml.DisallowUnknownField()); err != nil {
				v.Problem = fmt.Errorf("budget %s of %s: its body can't be read: set it again with tollkeeper budgets apply: %s", b.Name, v.At.Format(time.RFC3339), yaml.FormatError(err, false, false))
			} else {
				v.Budget = whole
			}
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

// About is what the budget is for, in words.
func (b Budget) About() string {
	tenant := b.Tenant
	if tenant == everyone {
		tenant = "every tenant"
	}
	switch {
	case b.By == byTenant:
		return tenant
	case b.Value == "":
		return fmt.Sprintf("every %s of %s", b.By, tenant)
	}
	return fmt.Sprintf("%s %s of %s", b.By, b.Value, tenant)
}

// Also is what the budget says beside its amount, in words.
func (b Budget) Also() string {
	b = b.withDefaults()
	parts := []string{fmt.Sprintf("at %s %%", list(b.Thresholds))}
	if len(b.Forecast) > 0 {
		parts = append(parts, fmt.Sprintf("forecast %s %%", list(b.Forecast)))
	}
	if b.Burn != nil {
		parts = append(parts, "burn rate")
	}
	if len(b.Overrides) > 0 {
		parts = append(parts, fmt.Sprintf("%d overrides", len(b.Overrides)))
	}
	if b.Throttle != nil {
		parts = append(parts, fmt.Sprintf("%s at %d %%", b.Throttle.Level, b.Throttle.At))
	}
	return strings.Join(parts, ", ")
}

func list(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
}
