package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Columns is the width of a terminal for which WriteText leaves columns out.
const Columns = 80

// WriteText writes the report as a table for a terminal of 80 columns: what doesn't fit is left out, the least important first,
// and named.
func (r *Report) WriteText(out io.Writer) error { return r.writeText(out, Columns) }

// WriteWide writes the table with all its columns.
func (r *Report) WriteWide(out io.Writer) error { return r.writeText(out, 1<<20) }

// column is one of the table's; the first that are dropped where they don't fit have the highest number.
type column struct {
	name string
	drop int
	cell func(r *Report, l Line) string
}

var columns = []column{
	{"USD", 0, costCell},
	{"at list price", 4, func(r *Report, l Line) string {
		if l.ListCost == nil {
			return "not kept"
		}
		return r.usd(*l.ListCost)
	}},
	{"calls", 0, func(_ *Report, l Line) string { return thousands(l.Calls) }},
	{"failed", 5, func(_ *Report, l Line) string { return thousands(l.Errors) }},
	{"unpriced", 3, func(_ *Report, l Line) string { return thousands(l.UnpricedCalls) }},
	{"input tokens", 1, func(_ *Report, l Line) string { return thousands(l.InputTokens) }},
	{"output tokens", 2, func(_ *Report, l Line) string { return thousands(l.OutputTokens) }},
}

func costCell(r *Report, l Line) string {
	if l.AtLeast {
		return "≥ " + r.usd(l.Cost)
	}
	return r.usd(l.Cost)
}

// usd is an amount with as many decimal places as any of the report's has, so that the points of a column are below each other.
func (r *Report) usd(a Amount) string {
	if r.places == 0 {
		r.places = r.mostPlaces()
	}
	return a.to(r.places)
}

// to is an amount that has at most so many decimal places, with all of them.
func (a Amount) to(places int) string {
	text := a.Sum.String()
	return text[:len(text)-ledger.MoneyScale+places]
}

func (r *Report) mostPlaces() int {
	places := 2
	for _, l := range append(slices.Clone(r.Lines), r.Total) {
		places = max(places, placesOf(l.Cost))
		if l.ListCost != nil {
			places = max(places, placesOf(*l.ListCost))
		}
	}
	for _, x := range r.Adjustments {
		places = max(places, placesOf(x.Cost))
	}
	return places
}

func placesOf(a Amount) int {
	_, decimals, _ := strings.Cut(a.Short(), ".")
	return len(decimals)
}

// narrowest is the least that is left for names.
const narrowest = 12

func (r *Report) writeText(out io.Writer, width int) error {
	fmt.Fprintln(out, wrapAt(r.title(), width))
	fmt.Fprintln(out)
	lines := append(slices.Clone(r.Lines), r.Total)
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = len([]rune(c.name))
		for _, l := range lines {
			widths[i] = max(widths[i], len([]rune(c.cell(r, l))))
		}
	}
	longest := len("total of the calls")
	for _, l := range r.Lines {
		longest = max(longest, len([]rune(l.name(r.Dimension))))
	}
	kept := make([]bool, len(columns))
	used := func() (n int) {
		for i := range kept {
			if kept[i] {
				n += widths[i] + 2
			}
		}
		return n
	}
	for i := range kept {
		kept[i] = true
	}
	var left []string
	for drop := 5; drop > 0 && used()+max(narrowest, min(longest, 20)) > width; drop-- {
		for i, c := range columns {
			if c.drop == drop {
				kept[i] = false
				left = append(left, c.name)
			}
		}
	}
	row := func(cell func(column) string, name string) {
		for i, c := range columns {
			if kept[i] {
				text := cell(c)
				fmt.Fprint(out, strings.Repeat(" ", widths[i]-len([]rune(text))), text, "  ")
			}
		}
		fmt.Fprintln(out, clipName(name, max(narrowest, width-used())))
	}
	row(func(c column) string { return c.name }, r.Dimension)
	for _, l := range r.Lines {
		row(func(c column) string { return c.cell(r, l) }, l.name(r.Dimension))
	}
	row(func(c column) string { return c.cell(r, r.Total) }, "total of the calls")
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
		slices.Reverse(left)
		fmt.Fprintln(out, wrapAt("Not shown in "+strconv.Itoa(width)+" columns: "+strings.Join(left, ", ")+"; --wide, csv, json and html have all.", width))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.Adjustments) > 0 {
		fmt.Fprintln(out, "\nAdjustments booked in the period:")
		for _, a := range r.Adjustments {
			fmt.Fprintf(w, "%s\t  %s\n", r.usd(a.Cost), clipName(a.text(r.Tenant == ""), max(narrowest, width-20)))
		}
		fmt.Fprintf(w, "%s\t  total of the adjustments\n", r.usd(r.Adjusted))
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "\n%s\n", wrapAt(r.sum(), width)); err != nil || r.ReservedPart == nil {
		return err
	}
	fmt.Fprintln(out, "\nReserved capacity, paid in advance, handed out by the tokens that it served:")
	for i := range r.Reserved {
		fmt.Fprintf(w, "%s\t  %s\n", r.Reserved[i].borne(), r.Reserved[i].line())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nWith it: %s%s USD\n", r.least(), r.WithReserved)
	return err
}

// clipName cuts a name that doesn't fit.
func clipName(name string, n int) string {
	if r := []rune(name); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return name
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
