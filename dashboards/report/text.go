package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Columns is the width of a terminal for which WriteText leaves columns out.
const Columns = 80

// WriteText writes the report as a table for a terminal of 80 columns: what doesn't fit is left out, the least important first,
// and named.
func (r *Report) WriteText(out io.Writer) error { return r.writeText(out, Columns) }

// WriteWide writes the table with all its columns.
func (r *Report) WriteWide(out io.Writer) error { return r.writeText(out, 1<<20) }

func (r *Report) writeText(out io.Writer, width int) error {
	fmt.Fprintln(out, wrapAt(r.title(), width))
	fmt.Fprintln(out)
	left := r.writeLines(out, width)
	r.writeNotes(out, left, width)
	if err := r.writeAdjustments(out, width); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "\n%s\n", wrapAt(r.sum(), width)); err != nil || r.ReservedPart == nil {
		return err
	}
	return r.writeReserved(out)
}

// writeNotes says below the table what has to be known of it.
func (r *Report) writeNotes(out io.Writer, left []string, width int) {
	if r.AtLeast {
		fmt.Fprintln(out, "\n≥ at least: calls without a price are in it, which is not zero.")
	}
	if r.Unlike != nil {
		fmt.Fprintln(out, "\n"+wrapAt(r.unlike(), width))
	}
	if note := r.note(); note != "" {
		fmt.Fprintln(out, "\n"+wrapAt(note, width))
	}
	if len(left) > 0 {
		fmt.Fprintln(out, wrapAt("Not shown in "+strconv.Itoa(width)+" columns: "+strings.Join(left, ", ")+"; --wide, csv, json and html have all.", width))
	}
}

func (r *Report) writeAdjustments(out io.Writer, width int) error {
	if len(r.Adjustments) == 0 {
		return nil
	}
	fmt.Fprintln(out, "\nAdjustments booked in the period:")
	w := amounts(out)
	for _, a := range r.Adjustments {
		fmt.Fprintf(w, "%s\t  %s\n", r.usd(a.Cost), clipName(a.text(r.Tenant == ""), max(narrowest, width-20)))
	}
	fmt.Fprintf(w, "%s\t  total of the adjustments\n", r.usd(r.Adjusted))
	return w.Flush()
}

func (r *Report) writeReserved(out io.Writer) error {
	fmt.Fprintln(out, "\nReserved capacity, paid in advance, handed out by the tokens that it served:")
	w := amounts(out)
	for i := range r.Reserved {
		fmt.Fprintf(w, "%s\t  %s\n", r.Reserved[i].borne(), r.Reserved[i].line())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nWith it: %s%s USD\n", r.least(), r.WithReserved)
	return err
}

// amounts writes lines that begin with an amount, one below the other.
func amounts(out io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// wrapAt breaks a text at spaces.
func wrapAt(text string, width int) string {
	var b strings.Builder
	col := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i > 0 && col+1+n > width:
			b.WriteByte('\n')
			col = 0
		case i > 0:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
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
		if r.sealed() {
			return "final (closed and sealed)"
		}
		return "final (closed)"
	case Reopened:
		return "reopened after it was closed"
	}
	return "not closed yet"
}

// sealed reports whether every day of its months is.
func (r *Report) sealed() bool {
	for _, m := range r.Months {
		first, err := time.Parse("2006-01", m.Month)
		if err != nil || int(m.Sealed) < first.AddDate(0, 1, -1).Day() {
			return false
		}
	}
	return len(r.Months) > 0
}

func (r *Report) unlike() string {
	return fmt.Sprintf("WARNING: the month was closed on %s USD; its calls now come to %s USD more. A closed month doesn't change by itself: see `tollkeeper rollup check`.",
		r.Months[0].cost, r.Unlike)
}

// note says what may surprise: sums that are about to change, and nothing at all.
func (r *Report) note() string {
	switch {
	case r.Waiting == 1:
		return "1 window of the period is still to be added up: sums change when it is. See `tollkeeper rollup status`."
	case r.Waiting > 1:
		return thousands(r.Waiting) + " windows of the period are still to be added up: sums change when they are. See `tollkeeper rollup status`."
	case r.Total.Calls > 0 || len(r.Adjustments) > 0:
		return ""
	case r.Tenant != "":
		return "No call of this tenant is in the period: is its name right?"
	}
	return "No call is in the period."
}

func (r *Report) least() string {
	if r.AtLeast {
		return "at least "
	}
	return ""
}

func (r *Report) sum() string {
	text := fmt.Sprintf("Sum: %s%s USD", r.least(), r.Sum)
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
	case l.Pending:
		return "(not by " + dimension + " yet)"
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
