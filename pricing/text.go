package pricing

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// none stands in a table where there is no price: it isn't a zero.
const none = "–"

// columns are the buckets that most models have, in the order of the tables for people.
var columns = [...]ledger.Bucket{
	ledger.FreshInput, ledger.CacheRead, ledger.CacheWrite5m, ledger.CacheWrite1h, ledger.TextOutput, ledger.Reasoning,
}

// WriteList writes List's rows as a table for people: USD per million tokens.
func WriteList(w io.Writer, rows []Row) error {
	head := []string{"MODEL"}
	for _, c := range columns {
		head = append(head, c.String())
	}
	cells := [][]string{append(head, "since", "also priced")}
	for _, r := range rows {
		cells = append(cells, append(append([]string{Name{r.Provider, r.Model}.String()}, r.common()...),
			or(r.From, none), strings.Join(append(r.rare(), r.Also...), ", ")))
	}
	if err := writeTable(w, cells, 1, len(columns)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d models, standard tier, USD per million tokens. %s: no price, so a call that uses it is unpriced.\n",
		len(rows), none)
	return err
}

// WriteHistory writes all tables of one model, and where they come from, for people.
func WriteHistory(w io.Writer, n Name, aliases []string, rows []Row) error {
	fmt.Fprintf(w, "%s\n", n)
	if len(aliases) > 0 {
		fmt.Fprintf(w, "also called  %s\n", strings.Join(aliases, ", "))
	}
	head := []string{"from", "to", "prices"}
	for _, c := range columns {
		head = append(head, c.String())
	}
	cells := [][]string{append(head, "other buckets and units")}
	var sources []string
	seen := map[string]bool{}
	for _, r := range rows {
		cells = append(cells, append(append([]string{or(r.From, none), or(r.To, none), r.condition()}, r.common()...),
			strings.Join(r.rare(), ", ")))
		if s := r.provenance(); !seen[s] {
			seen[s] = true
			sources = append(sources, s)
		}
	}
	fmt.Fprintln(w)
	if err := writeTable(w, cells, 3, len(columns)); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nUSD per million tokens, units in USD each; \"to\" is exclusive, UTC. %s: no price, or an open end.\n", none)
	for _, s := range sources {
		fmt.Fprintf(w, "source  %s\n", s)
	}
	return nil
}

// WriteText writes the explanation for people.
func (x *Explanation) WriteText(w io.Writer) error {
	c, r := &x.Call, &x.Row
	fmt.Fprintf(w, "%s at %s", Name{c.Provider, c.Model}, time.Unix(0, c.Start).UTC().Format(time.RFC3339))
	if c.Tenant != "" {
		fmt.Fprintf(w, " for tenant %s", c.Tenant)
	}
	fmt.Fprintln(w)
	if x.Served != nil {
		fmt.Fprint(w, x.Served.text())
	}
	if r.Entry != "" {
		fmt.Fprintf(w, "price entry  %s: %s, from %s to %s\n", r.Entry, r.condition(), or(r.From, "the beginning"), or(r.To, "further notice"))
		fmt.Fprintf(w, "source       %s\n", r.provenance())
	}
	fmt.Fprintf(w, "price book   %s\n", c.PriceVersion)
	if r.Above > 0 {
		fmt.Fprintf(w, "%s input tokens, cached ones included, are more than %s: the whole call is charged at that length's prices\n",
			group(c.Usage.Input()), group(r.Above))
	}
	if x.Searches {
		fmt.Fprintln(w, "at least: the model searches by itself, which is billed apart, and no searches are counted (flag estimated)")
	}
	if c.Unpriced != "" {
		_, err := fmt.Fprintf(w, "\nunpriced: %s\n", x.Why())
		return err
	}
	fmt.Fprintln(w)
	if x.Served != nil && !x.Listed {
		_, err := fmt.Fprint(w, "charged 0.00; its list price isn't known\n")
		return err
	}
	if err := writeTable(w, x.cells(), 1, 4); err != nil {
		return err
	}
	if x.Served != nil {
		_, err := fmt.Fprint(w, "\nThe lines are what the published prices would have made of it.\n")
		return err
	}
	fmt.Fprint(w, "\nEach line is rounded once, half to even, to 10⁻¹² USD; the total is their sum.\n")
	cells := [][]string{{"list price", none}, {"saved by negotiated prices", none}}
	if x.Listed {
		cells[0][1], cells[1][1] = x.List.Short(), c.ListDelta.Short()
	}
	cells = append(cells, []string{"saved by caching", c.CacheSaved.Short()}, []string{"saved by the tier", c.TierSaved.Short()})
	return writeTable(w, cells, 1, 1)
}

func (x *Explanation) cells() [][]string {
	out := [][]string{{"", "count", "× price in USD", "= exactly", "charged"}}
	for _, l := range x.Lines {
		price := l.Price
		if l.Factor != "" {
			price = fmt.Sprintf("%s × %s = %s", l.Base, l.Factor, l.Price)
		}
		if l.Per != 1 {
			price += " / " + group(l.Per)
		}
		out = append(out, []string{l.Name, group(l.Count), price, l.Exact, l.Amount.Short()})
	}
	if x.Served != nil {
		return append(out, []string{"list price", "", "", "", x.List.Short()}, []string{"charged", "", "", "", x.Total.Short()})
	}
	return append(out, []string{"total", "", "", "", x.Total.Short()})
}

// Why says in words why the call has no price, and what to do; empty when it has one.
func (x *Explanation) Why() string {
	c := &x.Call
	switch c.Unpriced {
	case ledger.UnpricedBucket:
		return fmt.Sprintf("%s: %s has no price for %s; give it one in a price file", c.Unpriced, x.Row.Entry, strings.Join(x.Lacks, ", "))
	case ledger.UnpricedUnits:
		return fmt.Sprintf("%s: %s bills answers by the %s, and none was counted", c.Unpriced, x.Row.Entry, strings.Join(x.Lacks, ", "))
	case ledger.UnpricedTier:
		return fmt.Sprintf("%s: no price for tier %s; the model has %s", c.Unpriced, c.ServiceTier, strings.Join(x.Tiers, ", "))
	case ledger.UnpricedModel:
		return fmt.Sprintf("%s: no price for %s at that time", c.Unpriced, Name{c.Provider, c.Model})
	case ledger.UnpricedOverflow:
		return fmt.Sprintf("%s: the amount is more than %s USD", c.Unpriced, ledger.MaxMoney)
	}
	return c.Unpriced
}

// condition says which calls of its model a row is for: "standard", "batch >200000", "standard for acme ×0.85".
func (r *Row) condition() string {
	s := r.tier()
	if r.Hours != "" {
		s += " " + r.Hours
	}
	switch {
	case r.Tenant != "":
		s += " for " + r.Tenant
	case r.Override:
		s += " override"
	}
	if r.Factor != "" {
		s += " ×" + r.Factor
	}
	return s
}

// tier is the tier and the context length.
func (r *Row) tier() string {
	if r.Above > 0 {
		return fmt.Sprintf("%s >%d", r.Tier, r.Above)
	}
	return r.Tier
}

func (r *Row) provenance() string {
	var said []string
	for _, s := range [...][2]string{{"", r.URL}, {"via ", r.Via}, {"checked ", r.Checked}} {
		if s[1] != "" {
			said = append(said, s[0]+s[1])
		}
	}
	return or(strings.Join(said, ", "), "the price file names none")
}

// common are the prices of the columns, rare those of all other buckets and units.
func (r *Row) common() []string {
	var out []string
	for _, c := range columns {
		out = append(out, or(r.Million[c.String()], none))
	}
	return out
}

func (r *Row) rare() []string {
	var out []string
	for _, b := range [...]ledger.Bucket{ledger.AudioInput, ledger.ImageInput, ledger.AudioOutput} {
		if p, ok := r.Million[b.String()]; ok {
			out = append(out, b.String()+" "+p)
		}
	}
	for i := range ledger.NumUnits {
		if p, ok := r.Unit[ledger.Unit(i).String()]; ok {
			out = append(out, ledger.Unit(i).String()+" "+p)
		}
	}
	return out
}

// writeTable aligns cells; n columns from the first-th on are set to the right.
func writeTable(w io.Writer, cells [][]string, first, n int) error {
	for col := first; col < first+n; col++ {
		width := 0
		for _, row := range cells {
			width = max(width, utf8.RuneCountInString(row[col]))
		}
		for _, row := range cells {
			row[col] = strings.Repeat(" ", width-utf8.RuneCountInString(row[col])) + row[col]
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range cells {
		last := len(row)
		for last > 1 && strings.TrimSpace(row[last-1]) == "" {
			last--
		}
		fmt.Fprintln(tw, strings.Join(row[:last], "\t"))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// group writes a count with commas between thousands.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
