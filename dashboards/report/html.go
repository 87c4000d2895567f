package report

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed report.html
var pageText string

// WriteHTML writes one self-contained page, fit for printing.
func (r *Report) WriteHTML(out io.Writer) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"thousands": thousands,
		"usd":       r.usd,
		"list":      func(l Line) string { return r.usd(*l.ListCost) },
		"reserved":  func(v Reserved) string { return v.line() },
		"borne":     func(v Reserved) Amount { return v.borne() },
		"name":      func(l Line) string { return l.name(r.Dimension) },
		"adjusted":  func(a Adjustment) string { return a.text(r.Tenant == "") },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	values := map[string]any{"R": r, "Title": r.title(), "Sum": r.sum(), "Note": r.note()}
	if r.Unlike != nil {
		values["Unlike"] = r.unlike()
	}
	return page.Execute(out, values)
}
