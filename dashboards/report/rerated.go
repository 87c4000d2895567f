package report

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ReratedBy are the dimensions by which re-rates keep what they changed.
var ReratedBy = []string{"tenant", "provider", "model", "day"}

// ReratedLine is one value's spend before and after all re-rates.
type ReratedLine struct {
	Value         string `json:"value"`
	Calls         uint64 `json:"calls"`
	UnpricedCalls uint64 `json:"unpriced_calls"`
	Charged       Amount `json:"as_charged"`  // by the prices with which calls came
	Rerated       Amount `json:"as_re_rated"` // by those of the last re-rate
	Difference    Amount `json:"difference"`
	Booked        Amount `json:"in_totals"` // what totals have: of months that were closed before a re-rate, less than all of it
}

// ReratedRun is a re-rate with its share of the difference.
type ReratedRun struct {
	Number     uint16    `json:"number"`
	State      string    `json:"state"`
	Author     string    `json:"author"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
	Book       string    `json:"price_version"`
	Before     []string  `json:"price_versions_before"`
	Difference Amount    `json:"difference"`
}

// Rerated is a period as it was charged and as it is re-rated. Calls that came late into closed months are adjustments and in
// neither.
type Rerated struct {
	Period    Period        `json:"period"`
	Tenant    string        `json:"tenant,omitempty"`
	Dimension string        `json:"dimension"`
	Currency  string        `json:"currency"`
	Lines     []ReratedLine `json:"lines"`
	Total     ReratedLine   `json:"total"`
	Runs      []ReratedRun  `json:"re_rates"`
}

// BuildRerated reads it from the ledger.
func BuildRerated(ctx context.Context, conn driver.Conn, q Query) (*Rerated, error) {
	q.Dimension = cmp.Or(q.Dimension, "tenant")
	if err := q.Validate(); err != nil {
		return nil, err
	}
	if !slices.Contains(ReratedBy, q.Dimension) {
		return nil, fmt.Errorf("dimension %q: re-rates are kept by %s", q.Dimension, strings.Join(ReratedBy, ", "))
	}
	r := &Rerated{Period: q.Period, Dimension: q.Dimension, Currency: "USD", Total: ReratedLine{Value: "total"}}
	if q.Tenant != nil {
		r.Tenant = *q.Tenant
	}
	args := append(q.Period.args(), whose(q.Tenant)...)
	var err error
	r.Lines, err = rowsOf(ctx, conn, "report/rerated", scanRerated, append(args, clickhouse.Named("dimension", q.Dimension))...)
	if err != nil {
		return nil, err
	}
	for _, l := range r.Lines {
		r.Total.Calls, r.Total.UnpricedCalls = r.Total.Calls+l.Calls, r.Total.UnpricedCalls+l.UnpricedCalls
		r.Total.Charged, r.Total.Rerated = r.Total.Charged.Plus(l.Charged), r.Total.Rerated.Plus(l.Rerated)
		r.Total.Difference, r.Total.Booked = r.Total.Difference.Plus(l.Difference), r.Total.Booked.Plus(l.Booked)
	}
	r.Runs, err = rowsOf(ctx, conn, "report/rerates", func(rows driver.Rows, run *ReratedRun) error {
		var diff string
		if err := rows.Scan(&run.Number, &run.State, &run.Author, &run.Reason, &run.At, &run.Book, &run.Before, &diff); err != nil {
			return err
		}
		run.At = run.At.UTC()
		return run.Difference.UnmarshalText([]byte(diff))
	}, args...)
	return r, err
}

func scanRerated(rows driver.Rows, l *ReratedLine) error {
	var booked, included, changed string
	if err := rows.Scan(&l.Value, &l.Calls, &l.UnpricedCalls, &booked, &included, &changed); err != nil {
		return err
	}
	var in Amount
	for _, f := range []struct {
		to   *Amount
		text string
	}{{&l.Booked, booked}, {&in, included}, {&l.Difference, changed}} {
		if err := f.to.UnmarshalText([]byte(f.text)); err != nil {
			return err
		}
	}
	l.Charged = l.Booked.Minus(in)
	l.Rerated = l.Charged.Plus(l.Difference)
	return nil
}

// WriteText writes it for a terminal.
func (r *Rerated) WriteText(out io.Writer) error {
	who := "all tenants"
	if r.Tenant != "" {
		who = "tenant " + Printable(r.Tenant)
	}
	fmt.Fprintf(out, "Spend by %s, %s, %s, in USD, days of UTC: as charged and as re-rated\n\n", r.Dimension, r.Period, who)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "as charged\tas re-rated\tdifference\tin totals\tcalls\tunpriced\t  %s\n", r.Dimension)
	for _, l := range append(slices.Clone(r.Lines), r.Total) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", l.Charged, l.Rerated, l.Difference, l.Booked, thousands(l.Calls), thousands(l.UnpricedCalls), Printable(l.Value))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, run := range r.Runs {
		fmt.Fprintf(out, "Re-rate %d, %s, by %s: %s; price book %s, before %s; %s USD (%s)\n", run.Number, run.At.Format(time.RFC3339), Printable(run.Author),
			Printable(run.Reason), run.Book, strings.Join(run.Before, ", "), run.Difference, run.State)
	}
	if len(r.Runs) == 0 {
		fmt.Fprintln(out, "No re-rate changed a call of the period.")
	}
	_, err := fmt.Fprintln(out, "\"in totals\" is what reports show: a month that was closed before a re-rate keeps what it was charged, and the difference is an adjustment.")
	return err
}

// WriteJSON writes one object.
func (r *Rerated) WriteJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteCSV writes a row per line.
func (r *Rerated) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	rows := [][]string{{r.Dimension, "as_charged_usd", "as_re_rated_usd", "difference_usd", "in_totals_usd", "calls", "unpriced_calls"}}
	for _, l := range r.Lines {
		rows = append(rows, []string{Cell(l.Value), l.Charged.String(), l.Rerated.String(), l.Difference.String(), l.Booked.String(),
			strconv.FormatUint(l.Calls, 10), strconv.FormatUint(l.UnpricedCalls, 10)})
	}
	return w.WriteAll(rows)
}
