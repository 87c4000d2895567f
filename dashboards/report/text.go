package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// WriteText writes the report as a table for a terminal.
func (r *Report) WriteText(out io.Writer) error {
	fmt.Fprintln(out, r.title())
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "USD\tat list price\tcalls\tfailed\tunpriced\tinput tokens\toutput tokens\t  %s\n", r.Dimension)
	for _, l := range r.Lines {
		writeLine(w, l, l.name(r.Dimension))
	}
	writeLine(w, r.Total, "total of the calls")
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Adjustments) > 0 {
		fmt.Fprintln(out, "\nAdjustments booked in the period:")
		for _, a := range r.Adjustments {
			fmt.Fprintf(w, "%s\t  %s\n", a.Cost, a.text(r.Tenant == ""))
		}
		fmt.Fprintf(w, "%s\t  total of the adjustments\n", r.Adjusted)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\n%s\n", r.sum())
	return err
}

func writeLine(w io.Writer, l Line, name string) {
	list := "not kept"
	if l.ListCost != nil {
		list = l.ListCost.String()
	}
	cost := l.Cost.String()
	if l.AtLeast {
		cost = "at least " + cost
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", cost, list, thousands(l.Calls), thousands(l.Errors), thousands(l.UnpricedCalls),
		thousands(l.InputTokens), thousands(l.OutputTokens), name)
}

func (r *Report) title() string {
	who := "all tenants"
	if r.Tenant != "" {
		who = "tenant " + Printable(r.Tenant)
	}
	return fmt.Sprintf("Spend by %s, %s, %s, in USD, days of %s: %s", r.Dimension, r.Period, who, r.Period.Zone(), r.stateText())
}

func (r *Report) stateText() string {
	switch r.State {
	case Final:
		return "final (closed)"
	case Reopened:
		return "reopened after it was closed"
	}
	return "not closed yet"
}

func (r *Report) sum() string {
	least := ""
	if r.AtLeast {
		least = "at least "
	}
	text := fmt.Sprintf("Sum: %s%s USD", least, r.Sum)
	if len(r.Adjustments) > 0 {
		text += fmt.Sprintf(" (calls %s, adjustments %s)", r.Total.Cost, r.Adjusted)
	}
	if r.AtLeast {
		text += fmt.Sprintf("; %s calls have no price yet, which is not zero", thousands(r.Total.UnpricedCalls))
	}
	return text
}

func (l Line) name(dimension string) string {
	switch {
	case l.Others > 0:
		return fmt.Sprintf("(%s others)", thousands(l.Others))
	case l.Value == "":
		return "(no " + dimension + ")"
	}
	return Printable(l.Value)
}

func (a Adjustment) text(withTenant bool) string {
	var parts []string
	parts = append(parts, a.Booked.String(), a.Kind)
	if a.Correction() {
		parts = append(parts, "for "+a.Original.Format("2006-01"))
	}
	if withTenant {
		parts = append(parts, Printable(a.Tenant))
	}
	if name := strings.Trim(a.Provider+"/"+a.Model, "/"); name != "" {
		parts = append(parts, Printable(name))
	}
	return strings.Join(parts, "  ") + ": " + Printable(a.Reason) + " (" + Printable(a.Author) + ")"
}

// Printable replaces what a terminal would obey: names come from whoever sends spans.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
