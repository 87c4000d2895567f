package main

import (
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/textfile"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func newAlertsTest() *cobra.Command {
	c := &cobra.Command{
		Use: "test", Short: "Replay the ledger's history through rules and draw what would have fired",
		Long: `Evaluates rules over a time of the ledger by the code that watches it live, tells nobody and writes nothing. Without
--rules the rules are those of the configuration and the budgets of the database. The file has the keys of the section
alerts of the configuration: budgets, spikes, runaways, shares, silences, limits, maintenance.`,
		Example: `  tollkeeper alerts test --rules rules.yaml --from 2026-11-01 --to 2026-11-08
  tollkeeper alerts test --from 2026-11-20T08:00:00Z --to 2026-11-20T12:00:00Z --every 1s
  tollkeeper alerts test --json | jq .`,
	}
	load := configFlag(c)
	file := c.Flags().String("rules", "", "file of rules (YAML); - is standard input")
	from := c.Flags().String("from", "", "begin, a day or RFC 3339 (default a day before --to)")
	to := c.Flags().String("to", "", "end, a day or RFC 3339 (default now)")
	every := c.Flags().Duration("every", 10*time.Second, "how often rules are evaluated; live it is every second")
	asJSON := c.Flags().Bool("json", false, "one JSON object per episode")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		begin, end, err := timeRange(*from, *to, time.Now())
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return withJournal(func() (config.Config, error) { return cfg, nil }, func(j *alerts.Journal) error {
			rules, err := rulesOf(c, j, cfg, *file)
			if err != nil {
				return err
			}
			r, err := j.Replay(c.Context(), rules, begin, end, *every, progressTo(os.Stderr))
			if err != nil {
				return err
			}
			return writeReplay(c.OutOrStdout(), r, *asJSON)
		})
	}
	return c
}

// rulesOf reads the rules of a file, or those that are in force.
func rulesOf(c *cobra.Command, j *alerts.Journal, cfg config.Config, file string) (alerts.Rules, error) {
	if file == "" {
		return j.RulesInForce(c.Context(), cfg.Alerts)
	}
	text, err := readInput(c, file)
	if err != nil {
		return alerts.Rules{}, err
	}
	rules, err := alerts.ParseRules(text)
	if err != nil {
		return rules, &usageError{c.CommandPath(), fmt.Errorf("%s: %w", file, err)}
	}
	return rules, nil
}

// timeRange reads two moments, each a day (its begin, UTC) or RFC 3339.
func timeRange(from, to string, now time.Time) (begin, end time.Time, err error) {
	if end, err = moment("to", to); err != nil {
		return begin, end, err
	}
	if end.IsZero() {
		end = now.UTC().Truncate(time.Second)
	}
	if begin, err = moment("from", from); err == nil && begin.IsZero() {
		begin = end.AddDate(0, 0, -1)
	}
	return begin, end, err
}

// progressTo shows how far a replay is, if somebody watches.
func progressTo(f *os.File) func(done, all time.Duration) {
	if !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	shown := -1
	return func(done, all time.Duration) {
		if p := int(100 * done / all); p != shown {
			shown = p
			fmt.Fprintf(f, "\rreplaying: %d %%", p)
			if p == 100 {
				fmt.Fprint(f, "\r\033[K")
			}
		}
	}
}

// mostCharts bounds the tenants that are drawn.
const mostCharts = 12

func writeReplay(out io.Writer, r *alerts.Replay, asJSON bool) error {
	if asJSON {
		rows := make([]map[string]any, len(r.Fired))
		for i, f := range r.Fired {
			rows[i] = map[string]any{"rule": f.Rule, "kind": f.Kind, "tenant": f.Tenant, "by": f.By, "value": f.Value, "threshold": f.Threshold, "severity": f.Severity,
				"summary": f.Summary, "usd_or_calls": f.Spend.Short(), "from": f.From.Format(time.RFC3339)}
			if !f.To.IsZero() {
				rows[i]["to"] = f.To.Format(time.RFC3339)
			}
		}
		return writeJSON(out, rows)
	}
	width, colour := terminal(out)
	columns := max(20, width-30)
	fmt.Fprintf(out, "%s to %s UTC, %d calls, rules every %s; a column is %s\n\n", when(r.From), when(r.To), r.Calls, r.Step, (r.To.Sub(r.From) / time.Duration(columns)).Round(time.Second))
	for i, tenant := range r.Tenants() {
		if i == mostCharts {
			fmt.Fprintf(out, "and %d tenants more\n", len(r.Tenants())-i)
			break
		}
		drawTenant(out, r, tenant, columns, colour)
	}
	var others []alerts.Fired
	for _, f := range r.Fired {
		if f.Tenant == "" {
			others = append(others, f)
		}
	}
	drawMarks(out, r, others, columns, colour)
	if len(r.Fired) == 0 {
		fmt.Fprintln(out, "\nnothing would have fired")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nFIRED (UTC)\tLASTED\tSEVERITY\tRULE\tABOUT\tSUMMARY")
	pages := 0
	for _, f := range r.Fired {
		if f.Page() {
			pages++
		}
		lasted := "to the end"
		if !f.To.IsZero() {
			lasted = f.To.Sub(f.From).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", when(f.From), lasted, f.Severity, f.Rule, strings.TrimSpace(f.Tenant+" "+f.Value), f.Summary)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d episodes, %d pages\n", len(r.Fired), pages)
	return nil
}

func drawTenant(out io.Writer, r *alerts.Replay, tenant string, columns int, colour bool) {
	values := r.Spend(tenant, columns)
	var total ledger.Sum
	for _, v := range values {
		total = total.Add(v)
	}
	fmt.Fprintf(out, "%-18.18s %s %s USD\n", tenant, bars(values), total.Short())
	var mine []alerts.Fired
	for _, f := range r.Fired {
		if f.Tenant == tenant {
			mine = append(mine, f)
		}
	}
	drawMarks(out, r, mine, columns, colour)
}

// drawMarks draws a line per rule: where its episodes begin and how long they last.
func drawMarks(out io.Writer, r *alerts.Replay, fired []alerts.Fired, columns int, colour bool) {
	var order []string
	lines := map[string][]rune{}
	pages := map[string]bool{}
	for _, f := range fired {
		if lines[f.Rule] == nil {
			order = append(order, f.Rule)
			lines[f.Rule] = []rune(strings.Repeat(" ", columns))
		}
		end := f.To
		if end.IsZero() {
			end = r.To
		}
		for i := max(0, r.Column(f.From, columns)); i <= min(columns-1, r.Column(end, columns)); i++ {
			if lines[f.Rule][i] == ' ' {
				lines[f.Rule][i] = '─'
			}
		}
		lines[f.Rule][min(columns-1, max(0, r.Column(f.From, columns)))] = '▲'
		pages[f.Rule] = pages[f.Rule] || f.Page()
	}
	for _, rule := range order {
		text := string(lines[rule])
		if colour {
			hue := "33"
			if pages[rule] {
				hue = "31"
			}
			text = "\033[" + hue + "m" + text + "\033[0m"
		}
		fmt.Fprintf(out, "  %-16.16s %s\n", rule, text)
	}
}

// bars draws amounts as blocks of eight heights, the highest being full.
func bars(values []ledger.Sum) string {
	blocks := []rune(" ▁▂▃▄▅▆▇█")
	var most ledger.Sum
	for _, v := range values {
		if v.Cmp(most) > 0 {
			most = v
		}
	}
	var b strings.Builder
	for _, v := range values {
		i := 0
		if v.Sign() > 0 {
			i = 1 + int(share(v, most)*7)
		}
		b.WriteRune(blocks[min(i, 8)])
	}
	return b.String()
}

// share is a/b for drawing.
func share(a, b ledger.Sum) float64 {
	x, _ := new(big.Rat).SetString(a.String())
	y, _ := new(big.Rat).SetString(b.String())
	f, _ := x.Quo(x, y).Float64()
	return f
}

// terminal says how wide the output is and whether it may have colours (no-color.org).
func terminal(out io.Writer) (width int, colour bool) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 100, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		width = 80
	}
	return width, os.Getenv("NO_COLOR") == ""
}

func newAlertsUnit() *cobra.Command {
	c := &cobra.Command{
		Use: "unit FILE…", Short: "Run unit tests of rules: series in, what has to fire out", Args: cobra.MinimumNArgs(1),
		Long: `Each file has rules (or rule_files beside it) and tests: a series of spend per subject, and what fires at given times. Time
is the test's own, nothing is read but the files. Exits 1 if a test fails. See docs/alerts/README.md for the format.`,
		Example: "  tollkeeper alerts unit rules_test.yaml",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		tests, failed := 0, 0
		for _, path := range args {
			text, err := textfile.Read(path)
			if err != nil {
				return err
			}
			u, err := alerts.ParseUnits(text, func(name string) ([]byte, error) {
				if !filepath.IsAbs(name) {
					name = filepath.Join(filepath.Dir(path), name)
				}
				return textfile.Read(name)
			})
			if err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("%s: %w", path, err)}
			}
			results, err := u.Run(c.Context())
			if err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("%s: %w", path, err)}
			}
			for _, r := range results {
				tests++
				if len(r.Wrong) == 0 {
					fmt.Fprintf(c.OutOrStdout(), "ok      %s: %s\n", path, r.Name)
					continue
				}
				failed++
				fmt.Fprintf(c.OutOrStdout(), "FAILED  %s: %s\n", path, r.Name)
				for _, w := range r.Wrong {
					fmt.Fprintf(c.OutOrStdout(), "        %s\n", w)
				}
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d tests failed", failed, tests)
		}
		return nil
	}
	return c
}
