package api

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
)

//go:embed openapi.yaml
var openapiYAML []byte

// description is openapi.yaml as JSON, its anchors written out.
var description = func() []byte {
	text, err := yaml.YAMLToJSON(openapiYAML)
	if err != nil {
		panic("api: openapi.yaml: " + err.Error()) // it is in the binary, and a test reads it
	}
	return text
}()

// endpoint is a path, what it takes and how it is answered.
type endpoint struct {
	path   string
	params []string
	answer func(context.Context, *Server, question) (any, error)
}

var (
	period = []string{"month", "days", "from", "to"}
	pages  = []string{"limit", "cursor"}

	endpoints = []endpoint{
		{"/v1/spend", slices.Concat(period, []string{"by"}, pages), spend},
		{"/v1/charges", slices.Concat(period, pages), charges},
		{"/v1/adjustments", slices.Concat(period, pages), adjustments},
		{"/v1/period", period, state},
	}
)

// head is what every answer says first.
type head struct {
	Tenant   string       `json:"tenant"`
	FirstDay report.Date  `json:"first_day"`
	LastDay  report.Date  `json:"last_day"`
	State    report.State `json:"state"` // open, final or reopened
	Currency string       `json:"currency"`
	TimeZone string       `json:"time_zone"`
}

func (s *Server) head(ctx context.Context, q question) (head, report.Period, error) {
	days := 0
	if text, given := q.params["days"]; given {
		var err error
		if days, err = strconv.Atoi(text); err != nil || days < 1 {
			return head{}, report.Period{}, bad("days %q: want a number, 1 or more", text)
		}
	}
	p, err := report.Choose(q.params["month"], days, q.params["from"], q.params["to"], s.deps.Now())
	if err != nil {
		return head{}, p, bad("%w", err)
	}
	state, err := report.StateOf(ctx, q.conn, p)
	return head{q.tenant, report.Date{Time: p.From}, report.Date{Time: p.Last()}, state, "USD", "UTC"}, p, err
}

// Spend is a page of /v1/spend, ordered by value.
type Spend struct {
	head
	Dimension   string        `json:"dimension"`
	Lines       []report.Line `json:"lines"`
	Total       report.Line   `json:"total"`
	Adjustments report.Amount `json:"adjustments"` // their sum; /v1/adjustments lists them
	Sum         report.Amount `json:"sum"`
	AtLeast     bool          `json:"at_least"`
	Next        string        `json:"next_cursor,omitempty"`
}

func spend(ctx context.Context, s *Server, q question) (any, error) {
	h, p, err := s.head(ctx, q)
	if err != nil {
		return nil, err
	}
	query := report.Query{Period: p, Tenant: &q.tenant, Own: true, Dimension: cmp.Or(q.params["by"], "model")}
	if err := query.Validate(); err != nil {
		return nil, bad("by: %w", err)
	}
	r, err := report.Build(ctx, q.conn, query)
	if err != nil {
		return nil, err
	}
	out := Spend{head: h, Dimension: r.Dimension, Total: r.Total, Adjustments: r.Adjusted, Sum: r.Sum, AtLeast: r.AtLeast}
	out.Lines, out.Next, err = page(q, r.Lines, func(l report.Line) string {
		switch {
		case l.Pending:
			return "2" // what isn't added up yet comes last
		case l.Others > 0:
			return "1" // before it what adds up others
		}
		return "0" + l.Value
	})
	return out, err
}

// Charge is a day of one model.
type Charge struct {
	Day       report.Date       `json:"day"`
	Provider  string            `json:"provider"`
	Model     string            `json:"model"`
	Calls     uint64            `json:"calls"`
	Unpriced  uint64            `json:"unpriced_calls"`
	Estimated uint64            `json:"estimated_calls"`
	Reserved  uint64            `json:"reserved_calls"`
	Tokens    map[string]uint64 `json:"tokens"` // by bucket
	Cost      report.Amount     `json:"cost"`
	ListCost  report.Amount     `json:"list_cost"`
	AtLeast   bool              `json:"at_least"`
}

// Charges is a page of /v1/charges, ordered by day, provider and model.
type Charges struct {
	head
	Charges []Charge `json:"charges"`
	Next    string   `json:"next_cursor,omitempty"`
}

func charges(ctx context.Context, s *Server, q question) (any, error) {
	h, p, err := s.head(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := report.Charges(ctx, q.conn, p, &q.tenant)
	if err != nil {
		return nil, err
	}
	var all []Charge
	for _, c := range rows {
		out := Charge{Day: c.Day, Provider: c.Provider, Model: c.Model, Calls: c.Calls, Unpriced: c.UnpricedCalls, Estimated: c.Estimated, Reserved: c.Reserved,
			Tokens: map[string]uint64{}, Cost: c.Cost, ListCost: c.ListCost, AtLeast: c.UnpricedCalls > 0}
		for i, n := range c.Tokens {
			out.Tokens[ledger.Bucket(i).String()] = n
		}
		all = append(all, out)
	}
	out := Charges{head: h}
	out.Charges, out.Next, err = page(q, all, func(c Charge) string { return strings.Join([]string{c.Day.String(), c.Provider, c.Model}, "\x00") })
	return out, err
}

// Adjustments is a page of /v1/adjustments, ordered by the day of booking and id.
type Adjustments struct {
	head
	Adjustments []Adjustment `json:"adjustments"`
	Next        string       `json:"next_cursor,omitempty"`
}

// Adjustment is what was booked; who booked it and on what evidence is the operator's.
type Adjustment struct {
	ID       string        `json:"id"`
	Booked   report.Date   `json:"booked"`
	Original report.Date   `json:"original"`
	Provider string        `json:"provider"`
	Model    string        `json:"model"`
	Kind     string        `json:"kind"`
	Cost     report.Amount `json:"cost"`
	Calls    int64         `json:"calls"`
	Reason   string        `json:"reason"`
}

func adjustments(ctx context.Context, s *Server, q question) (any, error) {
	h, p, err := s.head(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := report.Adjustments(ctx, q.conn, p, &q.tenant)
	if err != nil {
		return nil, err
	}
	var all []Adjustment
	for _, a := range rows {
		all = append(all, Adjustment{a.ID, a.Booked, a.Original, a.Provider, a.Model, a.Kind, a.Cost, a.Calls, a.Reason})
	}
	out := Adjustments{head: h}
	out.Adjustments, out.Next, err = page(q, all, func(a Adjustment) string { return a.Booked.String() + a.ID })
	return out, err
}

// state answers /v1/period.
func state(ctx context.Context, s *Server, q question) (any, error) {
	h, _, err := s.head(ctx, q)
	return h, err
}

var errCursor = errors.New("not a cursor of this question: take next_cursor as it stands, with the same parameters")
