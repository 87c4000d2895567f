package dashboards

import (
	"strings"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Kind is how a panel draws its rows.
type Kind string

// The kinds of panels.
const (
	Stat       Kind = "stat"       // one row, one value
	TimeSeries Kind = "timeseries" // rows of (time, series, value)
	Table      Kind = "table"      // rows as they are
	Bars       Kind = "bars"       // rows of (name, value)
)

// Unit is how a number is written. The names are Grafana's.
type Unit string

// The units in use.
const (
	USD      Unit = "currencyUSD"
	Count    Unit = "short"
	Percent  Unit = "percent" // 0–100
	Seconds  Unit = "s"
	Text     Unit = "string"
	PerSec   Unit = "reqps"
	Bytes    Unit = "decbytes"
	NoUnit   Unit = "none"
	DateTime Unit = "dateTimeAsIso"
)

// Panel is one picture or number with one query.
type Panel struct {
	Title       string
	Description string // what it says, of which rows, in which time zone
	Kind        Kind
	Query       string // name of a file in schema/queries/dashboards, without .sql
	Unit        Unit
	Width       uint32          // of 24
	Height      uint32          // in rows of 30 px
	Stacked     bool            // TimeSeries: stack the series
	Columns     map[string]Unit // Table: units by column
	Links       []Link          // Table: other boards, opened from a cell
	Hidden      []string        // Table: columns that only serve links
	Bad         *float64        // Stat: red from this value on
	SumColumns  []string        // Table: columns with a total in the footer
	MayBeEmpty  bool            // no rows is a good answer: nothing happened
	Views       bool            // reads spend through the ledger's views, as a tenant's user has to
}

// SQL is the panel's query, with macros and variables still in it.
func (p Panel) SQL() string {
	if name, arg, _ := strings.Cut(p.Query, "="); p.Views {
		return write(throughViews(schema.SQL("dashboards/"+name)), arg)
	}
	return SQL(p.Query)
}

// SQL is a query of schema/queries/dashboards as Grafana gets it, with macros and variables still in it. A name may carry
// an argument: tenant/by_dimension=team.
func SQL(query string) string {
	name, arg, _ := strings.Cut(query, "=")
	return write(schema.SQL("dashboards/"+name), arg)
}

// Link opens a board from a cell of Column, with Variable set to the row's Value column.
type Link struct {
	Column, Board, Variable, Value string
}

// Row is a titled group of panels.
type Row struct {
	Title  string
	Panels []Panel
}

// Variable is a choice on top of the board; its query gives one column of values, or two: value and text. Free: in Grafana
// it is a field to type into, since the values are too many to list.
type Variable struct {
	Name, Label, Query string
	Free               bool
}

// SQL is the variable's query, through the views: tenants' boards have it too.
func (v Variable) SQL() string { return write(throughViews(schema.SQL("dashboards/"+v.Query)), "") }

// Board is one dashboard.
type Board struct {
	UID         string
	Title       string
	Description string
	Tags        []string
	From        string // default range, relative to now
	Refresh     string
	Variables   []Variable
	Rows        []Row
	Annotations []Annotation
	OwnRows     bool // makes sense with one tenant's rows alone: part of a tenant's own set
}

// Annotation marks events on the time axis: rows of (time, title, text).
type Annotation struct {
	Name, Query, Color string
}

// SQL is the annotation's query.
func (a Annotation) SQL() string { return SQL(a.Query) }

// All lists the boards.
func All() []Board { return []Board{Spend(), Tenant(), OnCall(), Scaling(), Trace(), Pipeline()} }

// ForTenant lists the boards that a tenant may have to itself: every panel shows only what is the tenant's own, and reads nothing but
// what a tenant's user may.
func ForTenant() []Board {
	var own []Board
	for _, b := range All() {
		if !b.OwnRows {
			continue
		}
		for _, row := range b.Rows {
			for i := range row.Panels {
				row.Panels[i].Views = true
			}
		}
		own = append(own, b)
	}
	return own
}

func from(v float64) *float64 { return &v }
