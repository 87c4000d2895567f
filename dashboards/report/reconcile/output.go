package reconcile

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
)

// WriteJSON writes the whole result as one object, amounts as strings.
func (r *Result) WriteJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteCSV writes a row per day and model or item, with the part of each kind in a column. The columns add up to the totals;
// there is no total row.
func (r *Result) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	header := []string{"month", "provider", "verdict", "day", "model", "item", "calls", "unpriced_calls", "tokens_billed", "tokens_seen", "invoice_usd", "ledger_usd", "difference_usd"}
	kinds := Kinds()
	for _, k := range kinds {
		header = append(header, string(k.Kind)+"_usd")
	}
	_ = w.Write(header)
	for _, row := range r.Rows {
		billed := ""
		if row.TokensBilled != nil {
			billed = strconv.FormatInt(*row.TokensBilled, 10)
		}
		fields := []string{r.Month, report.Cell(r.Provider), string(r.Verdict), row.Day.String(), report.Cell(row.Model), report.Cell(row.Item),
			strconv.FormatUint(row.Calls, 10), strconv.FormatUint(row.Unpriced, 10), billed, strconv.FormatInt(row.TokensSeen, 10),
			row.Invoice.String(), row.Ledger.String(), row.Difference.String()}
		for _, k := range kinds {
			fields = append(fields, row.Parts[k.Kind].String())
		}
		_ = w.Write(fields)
	}
	w.Flush()
	return w.Error()
}

// WriteText writes what a person files: what was compared, the totals, where the difference comes from, the verdict.
func (r *Result) WriteText(out io.Writer) error {
	fmt.Fprintf(out, "Reconciliation of %s, %s, in USD, days of UTC\n\n", report.Printable(r.Provider), r.Month)
	for _, f := range r.Files {
		asOf := ""
		if !f.AsOf.IsZero() {
			asOf = ", counted up to " + f.AsOf.Format("2006-01-02 15:04 UTC")
		}
		fmt.Fprintf(out, "bill    %s: %s, %d lines%s\n        sha256 %s\n", report.Printable(f.Name), f.Format, f.Lines, asOf, f.SHA256)
	}
	fmt.Fprintf(out, "ledger  the month is %s; price book %s\n\n", map[report.State]string{report.Final: "final (closed)", report.Reopened: "reopened", report.Open: "not closed yet"}[r.State],
		or(r.Book, "none"))
	r.writeTotals(out)
	r.writeParts(out)
	for _, note := range r.notes() {
		fmt.Fprintln(out, wrap("note: "+note, "      "))
	}
	_, err := fmt.Fprintf(out, "\nVerdict: %s\n", wrap(r.sentence(), "  "))
	return err
}

func (r *Result) writeTotals(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, a report.Amount, more string) {
		fmt.Fprintf(w, "%s\t  %s%s\n", a.Sum.String(), name, more)
	}
	least := ""
	if r.AtLeast {
		least = fmt.Sprintf(": at least, %d calls have no price", r.Unpriced)
	}
	line("the bill", r.Invoice, "")
	line("calls", r.Calls, least)
	for _, l := range []struct {
		name string
		a    report.Amount
	}{{"corrections of them (late calls, re-rates)", r.Corrections}, {"reserved capacity of the price files", r.Reserved}, {"booked by earlier reconciliations", r.Booked}} {
		if l.a.Sign() != 0 {
			line(l.name, l.a, "")
		}
	}
	line("the ledger", r.Ledger, "")
	share := ""
	if r.Difference.Sign() != 0 && r.Invoice.Sign() != 0 {
		share = ", " + report.PercentOf(r.Difference, r.Invoice) + " of the bill"
	}
	line("difference (bill less ledger)", r.Difference, share)
	_ = w.Flush()
}

// shown is how many models or items of a kind are named.
const shown = 5

func (r *Result) writeParts(out io.Writer) {
	for _, k := range Kinds() {
		var parts []Part
		var found, booked report.Amount
		for _, p := range r.Parts {
			if p.Kind == k.Kind {
				parts, found, booked = append(parts, p), found.Plus(p.Found), booked.Plus(p.Booked)
			}
		}
		if len(parts) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s: %s\n", k.Title, k.Says)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		for i, p := range parts {
			if i == shown {
				fmt.Fprintf(w, "\t  and %d more (--format csv has all)\n", len(parts)-shown)
				break
			}
			fmt.Fprintf(w, "%s\t  %s\n", p.Found.Sum.String(), report.Printable(clipTo(p.name(), 52)))
		}
		if len(parts) > 1 {
			fmt.Fprintf(w, "%s\t  together\n", found.Sum.String())
		}
		if booked.Sign() != 0 {
			fmt.Fprintf(w, "%s\t  booked before, %s left\n", booked.Sum.String(), found.Minus(booked))
		}
		_ = w.Flush()
		for i, p := range parts {
			if i < shown && p.Note != "" {
				fmt.Fprintln(out, wrap("  "+report.Printable(or(p.Model, p.Item, "of it")+": "+p.Note), "    "))
			}
		}
		if found != booked && k.Kind != Rounding && k.Kind != Timing {
			fmt.Fprintln(out, wrap("  to do: "+k.Todo, "         "))
		}
	}
}

func (p *Part) name() string {
	name := strings.TrimSpace(p.Model + " " + p.Item)
	if name == "" {
		name = "(no model)"
	}
	if n := len(p.Days); n == 1 {
		name += ", " + p.Days[0].Day.String()
	} else if n > 1 {
		name += fmt.Sprintf(", %d days", n)
	}
	return name
}

func clipTo(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

func (r *Result) notes() (notes []string) {
	if r.Outside > 0 {
		notes = append(notes, fmt.Sprintf("%d lines of other months are left out.", r.Outside))
	}
	if r.DaysOnly {
		notes = append(notes, "the bill names no models, so that days are compared; export it by line item (group_by=line_item, or description).")
	}
	if !r.HasUsage {
		notes = append(notes, "no usage export was given: missing calls and prices can be told apart only where the bill's lines count tokens.")
	}
	if r.Estimated > 0 {
		notes = append(notes, fmt.Sprintf("%d calls are estimated, which shows as price.", r.Estimated))
	}
	if r.Rounded > 0 {
		notes = append(notes, fmt.Sprintf("%d lines of the bill have more than 12 decimal places and were rounded, half to even.", r.Rounded))
	}
	return append(notes, r.Hints...)
}

// sentence is the verdict in words.
func (r *Result) sentence() string {
	switch r.Verdict {
	case Equal:
		return "equal. The ledger is the bill, to 10⁻¹² USD."
	case EqualByBooking:
		return "equal by booking. The ledger is the bill, to 10⁻¹² USD, with what earlier reconciliations booked."
	case EqualRounded:
		return fmt.Sprintf("equal but for rounding: %s USD.", r.Difference)
	case Explained:
		return fmt.Sprintf("explained. The difference of %s USD has the reasons above.", r.Difference)
	}
	return fmt.Sprintf("not explained. %s USD of the difference have no reason that the files show.", r.Unexplained)
}

// wrap breaks a text at 80 columns.
func wrap(text, indent string) string {
	var b strings.Builder
	b.WriteString(text[:len(text)-len(strings.TrimLeft(text, " "))])
	col := b.Len()
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		if i > 0 {
			if col+1+n > 79 {
				b.WriteString("\n" + indent)
				col = len(indent)
			} else {
				b.WriteByte(' ')
				col++
			}
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
}
