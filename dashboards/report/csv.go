package report

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// WriteCSV writes a row per line and per adjustment; kind tells them apart. There is no total row, so that a sum over the
// column is right.
func (r *Report) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"period", "state", "kind", "dimension", "value", "calls", "errors", "unpriced_calls", "estimated_calls", "input_tokens",
		"output_tokens", "at_least", "cost_usd", "list_cost_usd", "booked", "corrects", "tenant", "reason", "author", "time_zone"})
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	for _, l := range r.Lines {
		value, list := Cell(l.Value), ""
		switch {
		case l.Pending:
			value = l.name(r.Dimension)
		case l.Others > 0:
			value = "(" + n(l.Others) + " others)"
		}
		if l.ListCost != nil {
			list = l.ListCost.String()
		}
		_ = w.Write([]string{r.Period.String(), string(r.State), "calls", r.Dimension, value, n(l.Calls), n(l.Errors), n(l.UnpricedCalls), n(l.Estimated),
			n(l.InputTokens), n(l.OutputTokens), strconv.FormatBool(l.AtLeast), l.Cost.String(), list, "", "", Cell(r.Tenant), "", "", r.Period.Zone().String()})
	}
	for _, a := range r.Adjustments {
		_ = w.Write([]string{r.Period.String(), string(r.State), "adjustment", "", Cell(a.Kind), strconv.FormatInt(a.Calls, 10), "", "", "", "", "", "false",
			a.Cost.String(), "", a.Booked.String(), a.Original.String(), Cell(a.Tenant), Cell(a.Reason), Cell(a.Author), r.Period.Zone().String()})
	}
	w.Flush()
	return w.Error()
}

// Cell makes a name safe for a spreadsheet: one that begins like a formula gets an apostrophe before it.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// WriteJSON writes the whole report as one object, amounts as strings.
func (r *Report) WriteJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
