package explain

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// WriteText explains a total to a person.
func (t *Total) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	least := ""
	if t.Unpriced > 0 {
		least = "at least "
	}
	line("tenant", "%s%s", t.Tenant, suffix(", model ", t.Model))
	line("period", "%s to %s, %g hours", t.From.Format(time.RFC3339), t.To.Format(time.RFC3339), t.To.Sub(t.From).Hours())
	line("shown", "%s%s USD, %d calls, %d unpriced", least, t.Shown, t.Calls, t.Unpriced)
	for _, reason := range slices.Sorted(maps.Keys(t.GaveWay)) {
		line("settled", "%s gave way: %s", reports(t.GaveWay[reason]), or(reasons[reason], reason))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range t.Parts {
		fmt.Fprintln(out)
		if err := t.Parts[i].writeText(out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nparts      %s USD\n", t.PartsTotal)
	for i := range t.Adjustments {
		t.Adjustments[i].writeText(out)
	}
	return t.writeSum(out)
}

// writeSum says what the parts and the adjustments add up to.
func (t *Total) writeSum(out io.Writer) error {
	more := ""
	if t.adjusted.Sign() != 0 {
		more = ", plus " + t.Adjusted + " USD of adjustments about it,"
	}
	sum := "What is shown" + more + " is the sum of the parts, to 10⁻¹² USD."
	switch t.difference.Sign() {
	case 1:
		sum = fmt.Sprintf("The parts are %s USD more than what is shown and adjusted: calls came that are rolled up in a moment (tollkeeper rollup status).", t.Difference)
	case -1:
		sum = fmt.Sprintf("The parts are %s USD less than what is shown and adjusted: reports gave way, or amounts changed, which is rolled up in a moment (tollkeeper rollup status).",
			ledger.Sum{}.Sub(t.difference).Short())
	}
	if _, err := fmt.Fprintln(out, sum); err != nil || t.booked.Sign() == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "With the %s USD of adjustments booked in it, tollkeeper report says %s USD of this period.\n", t.Booked, t.Reported)
	return err
}

func reports(n uint64) string {
	if n == 1 {
		return "1 report"
	}
	return fmt.Sprintf("%d reports", n)
}

func (p *Part) writeText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	what := p.Provider + "/" + p.Model + suffix(", ", p.Operation)
	if p.UnseenLeaf {
		what += ", used by an agent beside its calls"
	}
	line("calls", "%d of %s", p.Calls, what)
	line("pays", "by %s", or(sources[p.TenantSource], p.TenantSource))
	line("spans say", "%s", or(numbers(p.Raw), "no counts"))
	line("read as", "%s, by rule %s", or(numbers(p.Usage), "no usage"), p.Rule)
	if p.Unpriced != "" {
		line("unpriced", "%s: their cost is not known, which is not zero", p.Unpriced)
	} else {
		line("price", "%s, price book %s", or(p.PriceEntry, "none: refused by the provider"), or(p.PriceVersion, "unknown"))
	}
	var costs []string
	for _, name := range parts {
		if c, ok := p.Cost[name]; ok {
			costs = append(costs, name+" "+c)
		}
	}
	about := ""
	if p.Inexact {
		about = "about "
	}
	if len(costs) > 1 {
		line("cost", "%s%s USD = %s", about, p.Total, strings.Join(costs, " + "))
	} else {
		line("cost", "%s%s USD", about, p.Total)
	}
	line("dearest", "tollkeeper explain call %s", p.Dearest)
	return w.Flush()
}

func (a *Adjustment) writeText(out io.Writer) {
	where := "booked " + a.Booked.Format(time.DateOnly)
	switch {
	case a.About && !a.Here:
		where += ", about this period"
	case a.Here && !a.About:
		where += " here, about " + a.Original.Format(time.DateOnly)
	}
	fmt.Fprintf(out, "adjustment %s USD, %s%s, %s, by %s: %s%s\n", a.Cost, a.Kind, suffix(" ", strings.Trim(a.Provider+"/"+a.Model, "/")), where, a.Author, a.Reason,
		suffix("; evidence: ", a.Evidence))
}

func suffix(lead, s string) string {
	if s == "" {
		return ""
	}
	return lead + s
}
