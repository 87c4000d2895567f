package storage

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tollkeeper/tollkeeper/schema"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tTIER\tPARTS\tROWS\tSIZE\tOLDEST (UTC)\tNEWEST (UTC)\tUSD A MONTH")
	var rows, bytes uint64
	for _, x := range r.Rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", x.Table, x.Tier, x.Parts, x.Rows, schema.Size(x.Bytes), moment(x.Oldest), moment(x.Newest), dash(x.Cost))
		rows, bytes = rows+x.Rows, bytes+x.Bytes
	}
	fmt.Fprintf(w, "all\t\t\t%d\t%s\t\t\t%s\n", rows, schema.Size(bytes), dash(r.Cost))
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case r.AllHot != "":
		fmt.Fprintf(out, "\n%s USD a month; all of it on hot would be %s USD\n", r.Cost, r.AllHot)
	case r.Cost == "":
		fmt.Fprint(out, "\nset dashboards.storage_usd_per_gb_month for every tier to see what a month costs\n")
	}
	for _, l := range r.Late {
		fmt.Fprintf(out, "late: %d parts of %s (%s) are on %s and should be %s since %s\n", l.Parts, l.Table, schema.Size(l.Bytes), l.Tier, place(l.Want), moment(l.Since))
	}
	var open []string
	var logs uint64
	for _, l := range r.Logs {
		logs += l.Bytes
		if !l.Bounded {
			open = append(open, l.Table)
		}
	}
	if len(r.Logs) > 0 {
		fmt.Fprintf(out, "the server's own logs: %s in %d tables\n", schema.Size(logs), len(r.Logs))
	}
	if len(open) > 0 {
		fmt.Fprintf(out, "without a TTL, they grow for ever: %s (docs/operators.md, The server's own logs)\n", strings.Join(open, ", "))
	}
	return nil
}

func place(want string) string {
	if want == schema.Dropped {
		return want
	}
	return "on " + want
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
