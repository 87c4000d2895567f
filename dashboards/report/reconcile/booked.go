package reconcile

import (
	"strings"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
)

// reserved takes what the price files pay in advance from the commitments of the bill.
func (c *comparison) reserved(r *Result) {
	if r.Reserved.Sum = c.books.Reserved; r.Reserved.Sign() == 0 {
		return
	}
	const item = "reserved capacity of the price files"
	day, less := c.statement.Month.From, report.Amount{Sum: r.Reserved.Neg()}
	c.part(Commitment, "", "", "less "+item, day, less.Sum)
	r.Rows = append(r.Rows, Row{Day: report.Date{Time: day}, Item: item, Ledger: r.Reserved, Difference: less, Parts: map[Kind]report.Amount{Commitment: less}})
}

// BookedPrefix begins the kinds of adjustments that Book books.
const BookedPrefix = "invoice_"

// reconciled is the kind that an adjustment was booked for: by a reconciliation, or by hand as a credit or a tax.
func reconciled(adjustment string) (kind Kind, of bool) {
	if adjustment == string(Credit) || adjustment == string(Tax) {
		return Kind(adjustment), true
	}
	name, of := strings.CutPrefix(adjustment, BookedPrefix)
	return Kind(name), of
}

// booked takes earlier bookings from the parts that they were made for.
func (c *comparison) booked(r *Result) {
	for _, a := range c.books.Adjustments {
		kind, of := reconciled(a.Kind)
		if !of {
			continue
		}
		r.Rows = append(r.Rows, Row{Day: a.Original, Model: a.Model, Item: "booked as " + a.Kind, Ledger: a.Cost, Difference: report.Amount{Sum: a.Cost.Neg()},
			Parts: map[Kind]report.Amount{kind: {Sum: a.Cost.Neg()}}})
		rest := a.Cost
		if strings.HasPrefix(a.Kind, BookedPrefix) {
			c.take(partKey{kind, a.Model, evidenceOf(a).Item}, rest)
			continue
		}
		for _, p := range c.parts { // by hand: for whichever lines of the bill have room, all of one sign
			if p.Kind != kind || p.Found.Sign() != rest.Sign() || rest.Sign() == 0 {
				continue
			}
			room := p.Found.Minus(p.Booked)
			if abs(rest.Sum).Cmp(abs(room.Sum)) < 0 {
				room = rest
			}
			p.Booked, rest = p.Booked.Plus(room), rest.Minus(room)
		}
		if rest.Sign() != 0 {
			c.take(partKey{kind, a.Model, "booked by hand"}, rest)
		}
	}
}

func (c *comparison) take(k partKey, a report.Amount) {
	if c.parts[k] == nil {
		c.parts[k] = &Part{Kind: k.kind, Model: k.model, Item: k.item}
	}
	c.parts[k].Booked = c.parts[k].Booked.Plus(a)
}
