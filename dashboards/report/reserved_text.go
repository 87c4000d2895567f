package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteReserved tells people what reserved capacity cost, how far it was used and who bears it.
func WriteReserved(out io.Writer, p Period, all []Reserved, orphans Orphans) error {
	fmt.Fprintf(out, "Reserved capacity, %s, in USD, days of UTC\n", p)
	if len(all) == 0 {
		fmt.Fprintln(out, "\nThe price files reserve none in this time.")
	}
	for i := range all {
		if err := all[i].writeText(out); err != nil {
			return err
		}
	}
	if orphans.Tokens > 0 || orphans.Calls > 0 {
		fmt.Fprintf(out, "\n%s calls with %s tokens were served by reserved capacity that the price files don't\nhold (any more): put it back, so that its amount is handed out.\n",
			thousands(orphans.Calls), thousands(orphans.Tokens))
	}
	return nil
}

func (r *Reserved) writeText(out io.Writer) error {
	fmt.Fprintf(out, "\n%s: %s of %s\n", Printable(r.ID), Printable(strings.Join(r.Models, ", ")), Printable(strings.Join(r.Providers, ", ")))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("amount", "%s, from %s to %s", r.Amount, instantText(r.From), instantText(r.To))
	if r.Whole != r.Amount {
		line("", "(by time, of %s for all of its time)", r.Whole)
	}
	line("served", "%s calls, %s tokens", thousands(r.Calls), thousands(r.Tokens))
	if r.Capacity != nil {
		line("could serve", "%s tokens", thousands(*r.Capacity))
	}
	line("utilisation", "%s", r.Utilisation())
	if r.Idle != nil {
		line("idle share", "%s (used %s)", r.Idle, r.Used)
	}
	line("handed out", "by %s", r.Rule)
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range r.Shares {
		fmt.Fprintf(w, "  %s\t%s tokens\t%s calls\t  %s\n", s.Amount.Sum.String(), thousands(s.Tokens), thousands(s.Calls), Printable(s.Tenant))
	}
	fmt.Fprintf(w, "  %s\t%s tokens\t%s calls\t  together\n", r.Amount.Sum.String(), thousands(r.Tokens), thousands(r.Calls))
	return w.Flush()
}

// borne is what the tenants of a report bear of it.
func (r *Reserved) borne() Amount {
	var sum Amount
	for _, s := range r.Shares {
		sum = sum.Plus(s.Amount)
	}
	return sum
}

// line tells a reservation in a line.
func (r *Reserved) line() string {
	text := fmt.Sprintf("%s: %s calls, utilisation %s", Printable(r.ID), thousands(r.Calls), r.Utilisation())
	if r.Idle != nil {
		text += fmt.Sprintf(", idle %s of %s", r.Idle, r.Amount)
	}
	return text
}

func instantText(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}
