package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

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

// writeLines writes the table, and names the columns that didn't fit.
func (r *Report) writeLines(out io.Writer, width int) (left []string) {
	kept, left := r.columnsFor(width)
	row := func(cell func(column) string, name string) {
		for _, c := range kept {
			text := cell(c.column)
			fmt.Fprint(out, strings.Repeat(" ", c.width-len([]rune(text))), text, "  ")
		}
		fmt.Fprintln(out, clipName(name, max(narrowest, width-used(kept))))
	}
	row(func(c column) string { return c.name }, r.Dimension)
	for _, l := range r.Lines {
		row(func(c column) string { return c.cell(r, l) }, l.name(r.Dimension))
	}
	row(func(c column) string { return c.cell(r, r.Total) }, totalName)
	return left
}

const totalName = "total of the calls"

// wideColumn is a column with its width in characters.
type wideColumn struct {
	column
	width int
}

// used is how many characters columns take, with the gaps after them.
func used(columns []wideColumn) (n int) {
	for _, c := range columns {
		n += c.width + 2
	}
	return n
}

// columnsFor are the columns that fit beside the names, and the names of those that don't, the most important first.
func (r *Report) columnsFor(width int) (kept []wideColumn, left []string) {
	for _, c := range columns {
		wide := wideColumn{c, len([]rune(c.name))}
		for _, l := range append(slices.Clone(r.Lines), r.Total) {
			wide.width = max(wide.width, len([]rune(c.cell(r, l))))
		}
		kept = append(kept, wide)
	}
	longest := len(totalName)
	for _, l := range r.Lines {
		longest = max(longest, len([]rune(l.name(r.Dimension))))
	}
	for drop := 5; drop > 0 && used(kept)+max(narrowest, min(longest, 20)) > width; drop-- {
		kept = slices.DeleteFunc(kept, func(c wideColumn) bool {
			if c.drop == drop {
				left = append(left, c.name)
			}
			return c.drop == drop
		})
	}
	slices.Reverse(left)
	return kept, left
}

// clipName cuts a name that doesn't fit.
func clipName(name string, n int) string {
	if r := []rune(name); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return name
}
