package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/textfile"
	"github.com/tollkeeper/tollkeeper/schema/directory"
)

// newTenants is the tenant directory.
func newTenants() *cobra.Command {
	c := &cobra.Command{
		Use: "tenants", Short: "The tenant directory: name, parent, cost centre, owner and time zone, from which day on",
		Long: `Keeps who the tenants are. A change holds from the beginning of a day (UTC) on, so that a day's spend is
reported under who owned it on that day; nothing is overwritten, and every change keeps its author and reason.`,
		Example: `  tollkeeper tenants set acme --parent north --cost-centre CC-100 --owner alice@example.com --reason "new customer"
  tollkeeper tenants apply tenants.yaml --dry-run
  tollkeeper tenants list
  tollkeeper tenants history acme`,
	}
	c.AddCommand(newTenantsList(), newTenantsSet(), newTenantsApply(), newTenantsHistory())
	return c
}

func newTenantsList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "The directory as it stands on a day", Args: cobra.NoArgs,
		Example: "  tollkeeper tenants list\n  tollkeeper tenants list --at 2026-10-31 --format json\n  tollkeeper tenants list --format yaml > tenants.yaml",
	}
	load := configFlag(c)
	at := c.Flags().String("at", "", "day, such as 2026-10-31 (default: today)")
	format := c.Flags().String("format", "table", "table, json, or yaml as tenants apply reads it")
	c.RunE = func(c *cobra.Command, _ []string) error {
		write, known := map[string]func(io.Writer, []directory.Entry) error{"table": writeTenants, "json": writeJSON[directory.Entry],
			"yaml": directory.WriteFile}[*format]
		if !known {
			return &usageError{c.CommandPath(), fmt.Errorf("format %q: use table, json or yaml", *format)}
		}
		day, err := dayFlag("at", *at)
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return withLedger(load, func(conn driver.Conn, _ config.Config) error {
			d, err := directory.Read(c.Context(), conn)
			if err != nil {
				return err
			}
			return write(c.OutOrStdout(), d.AllAt(day))
		})
	}
	return c
}

// dayFlag reads a day; empty is today.
func dayFlag(name, text string) (time.Time, error) {
	if text == "" {
		return time.Now().UTC().Truncate(24 * time.Hour), nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, fmt.Errorf("--%s %q: write a day as 2026-11-30", name, text)
	}
	return day, nil
}

func writeTenants(out io.Writer, entries []directory.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tNAME\tPARENT\tCOST CENTRE\tOWNER\tTIME ZONE\tATTRIBUTES")
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Tenant, e.DisplayName, e.Parent, e.CostCentre, e.Owner, e.TimeZone, attributesText(e.Attributes))
	}
	return w.Flush()
}

func attributesText(attributes map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		out = append(out, k+"="+attributes[k])
	}
	return strings.Join(out, ",")
}

// tenantChange are the flags of the commands that change the directory.
type tenantChange struct {
	by     *signature
	from   *string
	dryRun *bool
}

func newTenantChange(c *cobra.Command) tenantChange {
	return tenantChange{newSignature(c), c.Flags().String("from", "", "the day (UTC) from which on it holds, such as 2026-11-01 (default: today)"),
		c.Flags().Bool("dry-run", false, "say what would change, and write nothing")}
}

// make plans what the directory has to be told, shows it and, unless it is a dry run, writes it.
func (t tenantChange) make(c *cobra.Command, conn driver.Conn, wanted func(d directory.Directory, from time.Time) ([]directory.Wanted, error)) error {
	from, err := dayFlag("from", *t.from)
	if err != nil {
		return &usageError{c.CommandPath(), err}
	}
	if t.by.reason == "" && !*t.dryRun {
		return &usageError{c.CommandPath(), errors.New("--reason is missing: say why, it is kept with the change")}
	}
	d, err := directory.Read(c.Context(), conn)
	if err != nil {
		return err
	}
	list, err := wanted(d, from)
	if err != nil {
		return &usageError{c.CommandPath(), err}
	}
	steps, err := d.Plan(list, from)
	if err != nil {
		return &usageError{c.CommandPath(), err}
	}
	if !t.by.json {
		directory.WriteSteps(c.OutOrStdout(), steps)
	}
	said := "written"
	if *t.dryRun {
		said, err = "nothing written: a dry run", directory.Refused(c.Context(), conn, steps)
	} else {
		err = directory.Write(c.Context(), conn, steps, t.by.author, t.by.reason)
	}
	if err != nil {
		return err
	}
	if t.by.json {
		var rows []directory.Change
		for _, s := range steps {
			rows = append(rows, directory.Change{Dated: s.Dated, Author: t.by.author, Reason: t.by.reason, At: time.Now()})
		}
		return writeJSON(c.OutOrStdout(), rows)
	}
	if len(steps) == 0 {
		said = "the directory says so already"
	}
	what := "changes"
	if len(steps) == 1 {
		what = "change"
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%d %s, %s\n", len(steps), what, said)
	return err
}

func newTenantsSet() *cobra.Command {
	c := &cobra.Command{
		Use: "set TENANT", Short: "Say something of a tenant from a day on", Args: cobra.ExactArgs(1),
		Long: `Changes what is named and keeps the rest; an empty value takes it away. A change that would report a closed
month under another name is refused.`,
		Example: `  tollkeeper tenants set acme --owner carol@example.com --from 2026-11-10 --reason "Carol took over"
  tollkeeper tenants set acme --time-zone Europe/Berlin --attribute shared=true --reason "platform costs"
  tollkeeper tenants set acme --remove --from 2026-12-01 --reason "contract ended"`,
	}
	load := configFlag(c)
	change := newTenantChange(c)
	set := map[string]func(*directory.Entry) *string{
		"name": func(e *directory.Entry) *string { return &e.DisplayName }, "parent": func(e *directory.Entry) *string { return &e.Parent },
		"cost-centre": func(e *directory.Entry) *string { return &e.CostCentre }, "owner": func(e *directory.Entry) *string { return &e.Owner },
		"time-zone": func(e *directory.Entry) *string { return &e.TimeZone },
	}
	help := map[string]string{"name": "display name", "parent": "who it belongs to: a tenant, a customer, a department", "cost-centre": "cost centre that pays",
		"owner": "person or group that answers for it", "time-zone": "of its days and months in budgets and reports, such as Europe/Berlin"}
	for flag := range set {
		c.Flags().String(flag, "", help[flag])
	}
	attributes := c.Flags().StringToString("attribute", nil, "name=value; shared=true makes its spend everybody's (report chargeback)")
	remove := c.Flags().Bool("remove", false, "take the tenant out of the directory")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withLedger(load, func(conn driver.Conn, _ config.Config) error {
			return change.make(c, conn, func(d directory.Directory, from time.Time) ([]directory.Wanted, error) {
				if *remove {
					if _, ok := d.At(args[0], from); !ok {
						return nil, fmt.Errorf("the directory doesn't know tenant %q on %s", args[0], from.Format(time.DateOnly))
					}
					return []directory.Wanted{{Entry: directory.Entry{Tenant: args[0]}, Removed: true}}, nil
				}
				e, _ := d.At(args[0], from)
				e.Tenant = args[0]
				said := len(*attributes)
				for flag, field := range set {
					if c.Flags().Changed(flag) {
						*field(&e) = c.Flag(flag).Value.String()
						said++
					}
				}
				if said == 0 {
					return nil, errors.New("nothing to set: say --parent, --cost-centre, --owner, --time-zone, --name, --attribute or --remove")
				}
				e.Attributes = maps.Clone(e.Attributes)
				for k, v := range *attributes {
					if e.Attributes == nil {
						e.Attributes = map[string]string{}
					}
					if e.Attributes[k] = v; v == "" {
						delete(e.Attributes, k)
					}
				}
				return []directory.Wanted{{Entry: e}}, nil
			})
		})
	}
	return c
}

func newTenantsApply() *cobra.Command {
	c := &cobra.Command{
		Use: "apply FILE", Short: "Bring the directory to what a YAML file says; the same file twice changes nothing", Args: cobra.ExactArgs(1),
		Long: `Reads a list of entries, holds it against the directory and writes what differs, all of it or nothing:

  tenants:
    - {tenant: acme, name: Acme Ltd., parent: north, cost_centre: CC-100, owner: alice@example.com,
       time_zone: Europe/Berlin, attributes: {shared: "true"}}
    - {tenant: acme, from: 2026-12-01, parent: south, cost_centre: CC-200}   # from a day on
    - {tenant: gone, removed: true}

An entry without a day holds from --from on. An entry stands for all that is said of the tenant: what it leaves
out is taken away. Tenants that the file doesn't name stay, unless --prune.`,
		Example: `  tollkeeper tenants apply tenants.yaml --dry-run
  tollkeeper tenants apply tenants.yaml --from 2026-11-01 --reason "list of the controlling department"`,
	}
	load := configFlag(c)
	change := newTenantChange(c)
	prune := c.Flags().Bool("prune", false, "remove tenants that the file doesn't name")
	c.RunE = func(c *cobra.Command, args []string) error {
		content, err := textfile.Read(args[0])
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		list, err := directory.ParseFile(content)
		if err != nil {
			return &usageError{c.CommandPath(), fmt.Errorf("%s: %w", args[0], err)}
		}
		return withLedger(load, func(conn driver.Conn, _ config.Config) error {
			return change.make(c, conn, func(d directory.Directory, from time.Time) ([]directory.Wanted, error) {
				missing := d.Missing(list, from)
				if *prune {
					return append(list, missing...), nil
				}
				if len(missing) > 0 {
					fmt.Fprintf(c.ErrOrStderr(), "%d tenants of the directory aren't in %s and stay (--prune removes them)\n", len(missing), args[0])
				}
				return list, nil
			})
		})
	}
	return c
}

func newTenantsHistory() *cobra.Command {
	c := &cobra.Command{
		Use: "history [TENANT]", Short: "Every change that was made: by whom, when, why and from which day on", Args: cobra.MaximumNArgs(1),
		Example: "  tollkeeper tenants history acme\n  tollkeeper tenants history --json",
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per change")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withLedger(load, func(conn driver.Conn, _ config.Config) error {
			var tenant *string
			if len(args) > 0 {
				tenant = &args[0]
			}
			changes, err := directory.Changes(c.Context(), conn, tenant)
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(c.OutOrStdout(), changes)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "TENANT\tFROM\tPARENT\tCOST CENTRE\tOWNER\tTIME ZONE\tBY\tON\tREASON")
			for _, x := range changes {
				parent := x.Parent
				if x.Removed {
					parent = "(removed)"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Tenant, x.Since.Format(time.DateOnly), parent, x.CostCentre, x.Owner, x.TimeZone, x.Author,
					x.At.UTC().Format(time.DateTime), x.Reason)
			}
			return w.Flush()
		})
	}
	return c
}
