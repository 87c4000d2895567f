package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// newBudgets is what tenants may spend: kept in the database, with author and history.
func newBudgets() *cobra.Command {
	c := &cobra.Command{
		Use: "budgets", Short: "What tenants may spend: list, set, apply a file, history",
		Long: `Budgets live in the database, every version with its author and reason. A running alerts role takes a
change within five seconds. A budget of the same name replaces one of the configuration.`,
		Example: `  tollkeeper budgets list
  tollkeeper budgets set acme-month --tenant acme --period month --amount 500 --reason "contract of 2026"
  tollkeeper budgets apply budgets.yaml --dry-run
  tollkeeper budgets history acme-month`,
	}
	c.AddCommand(newBudgetsList(), newBudgetsSet(), newBudgetsApply(), newBudgetsRemove(), newBudgetsHistory())
	return c
}

// withBook opens the table for a command.
func withBook(load configLoader, do func(*alerts.BudgetBook) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	book, err := alerts.OpenBudgetBook(cfg.DatabaseURL())
	if err != nil {
		return err
	}
	return errors.Join(do(book), book.Close())
}

func newBudgetsList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "The budgets as they stand", Example: "  tollkeeper budgets list\n  tollkeeper budgets list --json"}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per budget, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withBook(load, func(b *alerts.BudgetBook) error {
			all, err := b.List(c.Context())
			if err != nil {
				return err
			}
			return writeBudgets(c.OutOrStdout(), all, *asJSON)
		})
	}
	return c
}

func newBudgetsHistory() *cobra.Command {
	c := &cobra.Command{
		Use: "history [NAME]", Short: "Every version of every budget, or of one: who, when, why", Args: cobra.MaximumNArgs(1),
		Example: "  tollkeeper budgets history\n  tollkeeper budgets history acme-month --json",
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per version, decimals as strings")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withBook(load, func(b *alerts.BudgetBook) error {
			all, err := b.History(c.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if len(all) == 0 && len(args) == 1 {
				return fmt.Errorf("there was never a budget %q: see tollkeeper budgets list", args[0])
			}
			return writeBudgets(c.OutOrStdout(), all, *asJSON)
		})
	}
	return c
}

// budgetEdit is who changes budgets, why, and whether only to look.
type budgetEdit struct {
	author, reason string
	dryRun         bool
}

func newBudgetEdit(c *cobra.Command) *budgetEdit {
	e := &budgetEdit{}
	c.Flags().StringVar(&e.author, "author", loginName(), "who; kept with the version")
	c.Flags().StringVar(&e.reason, "reason", "", "why; kept with the version")
	c.Flags().BoolVar(&e.dryRun, "dry-run", false, "show what would change, change nothing")
	return e
}

// run shows the changes and makes them.
func (e *budgetEdit) run(c *cobra.Command, b *alerts.BudgetBook, changes []alerts.BudgetChange) error {
	out := c.OutOrStdout()
	if len(changes) == 0 {
		fmt.Fprintln(out, "nothing to change: the budgets stand as wanted")
		return nil
	}
	for _, change := range changes {
		writeChange(out, change)
	}
	if e.dryRun {
		fmt.Fprintf(out, "%d would change; nothing was written (--dry-run)\n", len(changes))
		return nil
	}
	if e.reason == "" || e.author == "" {
		return &usageError{c.CommandPath(), errors.New("--reason (and --author) are missing: they are kept with every version")}
	}
	if err := b.Apply(c.Context(), changes, e.author, e.reason); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d written; a running alerts role takes them within 5 s\n", len(changes))
	return nil
}

func writeChange(out io.Writer, c alerts.BudgetChange) {
	switch {
	case c.Old == nil:
		fmt.Fprintf(out, "+ %s: %s\n", c.Name, summaryOf(*c.New))
	case c.New == nil:
		fmt.Fprintf(out, "- %s: %s\n", c.Name, summaryOf(*c.Old))
	default:
		fmt.Fprintf(out, "~ %s\n", c.Name)
		for _, f := range c.Fields {
			fmt.Fprintf(out, "    %s\n", f)
		}
	}
}

func summaryOf(b alerts.Budget) string {
	return fmt.Sprintf("%s USD per %s for %s", b.Amount.Short(), b.Period, b.About())
}

func newBudgetsApply() *cobra.Command {
	c := &cobra.Command{
		Use: "apply FILE", Short: "Make the budgets of a YAML file stand; those that do already are left alone", Args: cobra.ExactArgs(1),
		Long: `Reads budgets from a file (a list under the key budgets, as in the configuration; - is standard input), shows what
differs from those that stand, and writes a new version of each that does. Applying a file twice changes nothing the
second time. Budgets that the file doesn't have stay, unless --prune is given.`,
		Example: `  tollkeeper budgets apply budgets.yaml --dry-run
  tollkeeper budgets apply budgets.yaml --reason "budgets of 2027" --prune`,
	}
	load := configFlag(c)
	edit := newBudgetEdit(c)
	prune := c.Flags().Bool("prune", false, "remove budgets that the file doesn't have")
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := readInput(c, args[0])
		if err != nil {
			return err
		}
		wanted, err := budgetsOf(text)
		if err != nil {
			return &usageError{c.CommandPath(), fmt.Errorf("%s:\n%w", args[0], err)}
		}
		return withBook(load, func(b *alerts.BudgetBook) error {
			changes, err := b.Plan(c.Context(), wanted, *prune)
			if err != nil {
				return err
			}
			return edit.run(c, b, changes)
		})
	}
	return c
}

// budgetsOf reads a file of budgets, a list under the key budgets, as in the configuration; the error joins all that is wrong with it.
func budgetsOf(text []byte) ([]alerts.Budget, error) {
	var file struct {
		Budgets []alerts.Budget `yaml:"budgets"`
	}
	err := config.Decode(text, &file, func() error {
		if len(file.Budgets) == 0 {
			return errors.New("no budgets: want a list under the key budgets")
		}
		return alerts.ValidateBudgets(file.Budgets)
	})
	return file.Budgets, err
}

// readInput reads a file, or standard input for -.
func readInput(c *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return textfile.Take(c.InOrStdin())
	}
	return textfile.Read(path)
}

func newBudgetsSet() *cobra.Command {
	c := &cobra.Command{
		Use: "set NAME", Short: "Set one budget; what isn't given stays as it is", Args: cobra.ExactArgs(1),
		Long: `Writes a new version of the budget. Flags that aren't given keep the value of the version that stands, or the default of
a new budget. Burn rates, forecasts per tenant and throttles are said in a file: see tollkeeper budgets apply.`,
		Example: `  tollkeeper budgets set acme-month --tenant acme --period month --amount 500 --time-zone Europe/Berlin --reason "contract"
  tollkeeper budgets set each-day --tenant '*' --period day --amount 20 --override acme=100 --reason "trial"
  tollkeeper budgets set search-team --tenant acme --by team --value search --period month --amount 50 --forecast 100 --reason "asked for"`,
	}
	load := configFlag(c)
	edit := newBudgetEdit(c)
	change := budgetFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withBook(load, func(b *alerts.BudgetBook) error {
			stand, err := b.List(c.Context())
			if err != nil {
				return err
			}
			budget := alerts.Budget{Name: args[0]}
			for _, v := range stand {
				if v.Name == args[0] {
					budget = v.Budget
				}
			}
			if err := change(&budget); err != nil {
				return &usageError{c.CommandPath(), err}
			}
			if err := alerts.ValidateBudgets([]alerts.Budget{budget}); err != nil {
				return &usageError{c.CommandPath(), err}
			}
			changes, err := b.Plan(c.Context(), []alerts.Budget{budget}, false)
			if err != nil {
				return err
			}
			return edit.run(c, b, changes)
		})
	}
	return c
}

// budgetFlags are the flags that say what a budget is; what they give changes a budget as they were given.
func budgetFlags(c *cobra.Command) func(*alerts.Budget) error {
	f := c.Flags()
	tenant, by, value := f.String("tenant", "", "tenant, or * for every tenant by itself"), f.String("by", "", "team, key or model: a part of the tenant"), f.String("value", "", "which team, key or model; each by itself if empty")
	period, zone := f.String("period", "", "hour, day, week or month"), f.String("time-zone", "", "in which a day, week or month begins, like Europe/Berlin")
	amount := f.String("amount", "", "USD per period")
	thresholds, forecast := f.IntSlice("thresholds", nil, "percent of the amount (default 80,100)"), f.IntSlice("forecast", nil, "percent that the period's end is foreseen to reach")
	burn := f.Bool("burn", false, "watch the burn rate too, by the default windows")
	overrides := f.StringToString("override", nil, "TENANT=USD: another amount for one tenant; 0 = not watched")
	return func(budget *alerts.Budget) error {
		for _, text := range []struct {
			flag     string
			into, by *string
		}{{"tenant", &budget.Tenant, tenant}, {"by", &budget.By, by}, {"value", &budget.Value, value}, {"period", &budget.Period, period}, {"time-zone", &budget.TimeZone, zone}} {
			if f.Changed(text.flag) {
				*text.into = *text.by
			}
		}
		if f.Changed("thresholds") {
			budget.Thresholds = *thresholds
		}
		if f.Changed("forecast") {
			budget.Forecast = *forecast
		}
		if f.Changed("burn") && *burn && budget.Burn == nil {
			budget.Burn = &alerts.Burn{}
		} else if f.Changed("burn") && !*burn {
			budget.Burn = nil
		}
		return readAmounts(budget, f.Changed("amount"), *amount, *overrides)
	}
}

func readAmounts(b *alerts.Budget, given bool, amount string, overrides map[string]string) (err error) {
	if given {
		if b.Amount, err = alerts.ParseDecimal(amount); err != nil {
			return fmt.Errorf("--amount %q: want USD like 12.50: %w", amount, err)
		}
	}
	for tenant, text := range overrides {
		usd, err := alerts.ParseDecimal(text)
		if err != nil {
			return fmt.Errorf("--override %s=%q: want USD like 12.50: %w", tenant, text, err)
		}
		if b.Overrides == nil {
			b.Overrides = map[string]alerts.Decimal{}
		}
		b.Overrides[tenant] = usd
	}
	return nil
}

func newBudgetsRemove() *cobra.Command {
	c := &cobra.Command{
		Use: "remove NAME", Short: "Remove one budget; its history stays", Args: cobra.ExactArgs(1),
		Example: `  tollkeeper budgets remove acme-month --reason "contract ended"`,
	}
	load := configFlag(c)
	edit := newBudgetEdit(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withBook(load, func(b *alerts.BudgetBook) error {
			stand, err := b.List(c.Context())
			if err != nil {
				return err
			}
			for _, v := range stand {
				if v.Name == args[0] {
					return edit.run(c, b, []alerts.BudgetChange{{Name: v.Name, Old: &v.Budget, Fields: []string{"removed"}}})
				}
			}
			return fmt.Errorf("there is no budget %q: see tollkeeper budgets list", args[0])
		})
	}
	return c
}

func writeBudgets(out io.Writer, all []alerts.BudgetVersion, asJSON bool) error {
	if asJSON {
		rows := make([]map[string]any, len(all))
		for i, v := range all {
			rows[i] = map[string]any{"name": v.Name, "tenant": v.Tenant, "by": v.By, "value": v.Value, "period": v.Period, "time_zone": v.TimeZone,
				"amount": v.Amount.Short(), "thresholds": v.Thresholds, "forecast": v.Forecast, "burn": v.Burn != nil, "throttle": v.Throttle != nil,
				"removed": v.Removed, "author": v.Author, "reason": v.Reason, "at": v.At.UTC().Format(time.RFC3339Nano)}
		}
		return writeJSON(out, rows)
	}
	if len(all) == 0 {
		fmt.Fprintln(out, "no budgets yet: tollkeeper budgets set NAME --tenant TENANT --period month --amount USD --reason WHY")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tFOR\tPERIOD\tUSD\tALSO\tSINCE\tBY\tREASON")
	for _, v := range all {
		also := v.Also()
		if v.Removed {
			also = "removed"
		}
		if v.Problem != nil {
			also = "can't be read: " + v.Problem.Error()
		}
		period := v.Period
		if v.TimeZone != "" {
			period += " of " + v.TimeZone
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Name, v.About(), period, v.Amount.Short(), also, v.At.UTC().Format("2006-01-02 15:04:05"), v.Author, v.Reason)
	}
	return w.Flush()
}
