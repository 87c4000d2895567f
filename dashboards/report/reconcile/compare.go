package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

type key struct {
	day   time.Time
	model string // or item, of lines that name no model
	item  bool
}

// cell is a day and model on both sides.
type cell struct {
	key
	invoice, ledger            ledger.Sum
	lines                      int
	calls, unpriced, estimated uint64
	billed, seen               Tokens
	told                       bool // the bill counts its tokens
	tiers                      map[string]bool
	evening, morning           Hour
	parts                      map[Kind]ledger.Sum
	notes                      map[Kind]string
}

type comparison struct {
	statement *Statement
	books     *Books
	book      *pricing.Book
	names     names
	kinds     []KindText
	cells     map[key]*cell
	daysOnly  bool
	counted   bool // all of the bill's lines for models count their tokens
	hints     []string
	parts     map[partKey]*Part
}

type partKey struct {
	kind        Kind
	model, item string
}

// Compare explains the difference between a bill and the ledger. Tolerance is how much may stay unexplained.
func Compare(s *Statement, b *Books, book *pricing.Book, tolerance report.Amount) *Result {
	c := &comparison{statement: s, books: b, book: book, kinds: Kinds(), cells: map[key]*cell{}, parts: map[partKey]*Part{},
		names: names{book: book, provider: s.Provider, known: map[string]string{}}}
	r := &Result{Provider: s.Provider, Month: s.Month.String(), Currency: "USD", State: b.State, Files: s.Files, Outside: s.Outside, Rounded: s.Rounded, HasUsage: s.HasUsage}
	if book != nil {
		r.Book = book.Version()
	}
	c.fill(r)
	if c.daysOnly && !s.HasUsage {
		c.foldDays(nil)
	}
	moved := c.midnight()
	if c.daysOnly && s.HasUsage {
		c.foldDays(moved)
		moved = nil
	}
	for _, cell := range c.sorted() {
		c.explain(cell, moved[cell.key])
		c.row(r, cell)
	}
	c.reserved(r)
	c.booked(r)
	c.finish(r, tolerance)
	return r
}

// fill puts both sides in cells.
func (c *comparison) fill(r *Result) {
	c.daysOnly = !slices.ContainsFunc(c.statement.Charges, func(l Charge) bool { return l.Model != "" || l.Item != "" })
	r.DaysOnly = c.daysOnly
	tools := c.charges(r)
	for _, u := range c.statement.Usage {
		cell := c.at(u.Day, c.names.of(u.Model), false)
		cell.told = true
		for i, n := range u.Tokens {
			cell.billed[i] += n
		}
		cell.tiers[cmp.Or(strings.ToLower(u.Tier), pricing.Standard)] = true
	}
	for _, d := range c.books.Days {
		r.Calls = r.Calls.Plus(report.Amount{Sum: d.Cost})
		r.Unpriced += d.Unpriced
		r.Estimated += d.Estimated
		cell := c.at(d.Day, c.names.of(d.Model), false)
		cost := d.Cost
		if tools && d.Tokens != (Tokens{}) && d.Other.Sign() != 0 { // the bill has searches and the like on lines of their own
			cost = cost.Sub(d.Other)
			other := c.at(d.Day, toolsItem, true)
			other.ledger = other.ledger.Add(d.Other)
			other.calls += d.Calls
		}
		cell.ledger = cell.ledger.Add(cost)
		cell.calls += d.Calls
		cell.unpriced += d.Unpriced
		cell.estimated += d.Estimated
		for i, n := range d.Tokens {
			cell.seen[i] += n
		}
	}
	for _, h := range c.books.Hours {
		cell := c.at(h.Day, c.names.of(h.Model), false)
		into := &cell.morning
		if h.Evening {
			into = &cell.evening
		}
		into.Cost = into.Cost.Add(h.Cost)
		for i, n := range h.Tokens {
			into.Tokens[i] += n
		}
	}
	for _, a := range c.books.Adjustments {
		if _, of := reconciled(a.Kind); of {
			continue
		}
		r.Corrections = r.Corrections.Plus(a.Cost)
		cell := c.at(a.Original.Time, c.names.of(a.Model), false)
		cell.ledger = cell.ledger.Add(a.Cost.Sum)
	}
	r.AtLeast = r.Unpriced > 0
	if c.statement.HasUsage || c.counted {
		for _, cell := range c.cells {
			cell.told = cell.told || !cell.item
		}
	}
}

func (c *comparison) at(day time.Time, name string, item bool) *cell {
	k := key{day.UTC().Truncate(24 * time.Hour), name, item}
	if c.cells[k] == nil {
		c.cells[k] = &cell{key: k, tiers: map[string]bool{}, parts: map[Kind]ledger.Sum{}, notes: map[Kind]string{}}
	}
	return c.cells[k]
}

func (c *comparison) sorted() []*cell {
	out := make([]*cell, 0, len(c.cells))
	for _, cell := range c.cells {
		out = append(out, cell)
	}
	slices.SortFunc(out, func(a, b *cell) int {
		return cmp.Or(a.day.Compare(b.day), cmp.Compare(a.model, b.model), cmp.Compare(b2i(a.item), b2i(b.item)))
	})
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// part adds an amount of a day.
func (c *comparison) part(kind Kind, model, item, note string, day time.Time, amount ledger.Sum) {
	k := partKey{kind, model, item}
	p := c.parts[k]
	if p == nil {
		p = &Part{Kind: kind, Model: model, Item: item}
		c.parts[k] = p
	}
	a := report.Amount{Sum: amount}
	p.Note = join(p.Note, note)
	p.Found = p.Found.Plus(a)
	if n := len(p.Days); n > 0 && p.Days[n-1].Day.Equal(day) {
		p.Days[n-1].Amount = p.Days[n-1].Amount.Plus(a)
		return
	}
	p.Days = append(p.Days, DayAmount{report.Date{Time: day}, a})
}

// join adds what isn't there yet; a list of more than a few ends.
func join(list, more string) string {
	switch {
	case more == "" || slices.Contains(strings.Split(list, "; "), more) || strings.HasSuffix(list, "…"):
		return list
	case list == "":
		return more
	case strings.Count(list, "; ") >= 3:
		return list + "; …"
	}
	return list + "; " + more
}

func (c *comparison) finish(r *Result, tolerance report.Amount) {
	var left report.Amount
	for _, p := range c.parts {
		p.Left = p.Found.Minus(p.Booked)
		r.Booked = r.Booked.Plus(p.Booked)
		left = left.Plus(p.Left)
		r.Parts = append(r.Parts, *p)
	}
	order := func(k Kind) int { return slices.IndexFunc(c.kinds, func(t KindText) bool { return t.Kind == k }) }
	slices.SortFunc(r.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), abs(b.Found.Sum).Cmp(abs(a.Found.Sum)), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Item, b.Item))
	})
	r.Ledger = r.Calls.Plus(r.Corrections).Plus(r.Reserved).Plus(r.Booked)
	r.Difference = r.Invoice.Minus(r.Ledger)
	if left != r.Difference {
		panic("reconcile: the parts don't add up to the difference") // no bill may make them: a property test holds it
	}
	r.Hints = c.hints
	for _, f := range r.Files {
		if !f.AsOf.IsZero() && f.AsOf.Before(c.statement.Month.To) {
			r.Hints = append(r.Hints, fmt.Sprintf("%s: the provider had counted up to %s, before the month's end; what came later is missing from it. Export it again.", f.Name, f.AsOf.Format("2006-01-02 15:04 UTC")))
		}
	}
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return a.Day.Compare(b.Day.Time) })
	r.verdict(tolerance)
}

func (c *comparison) row(r *Result, cell *cell) {
	if cell.invoice.Sign() == 0 && cell.ledger.Sign() == 0 && cell.lines == 0 && cell.calls == 0 && cell.billed == (Tokens{}) {
		return
	}
	row := Row{Day: report.Date{Time: cell.day}, Model: cell.model, Invoice: report.Amount{Sum: cell.invoice}, Ledger: report.Amount{Sum: cell.ledger},
		Difference: report.Amount{Sum: cell.invoice.Sub(cell.ledger)}, Calls: cell.calls, Unpriced: cell.unpriced, Parts: map[Kind]report.Amount{},
		TokensSeen: total(cell.seen)}
	if cell.item {
		row.Model, row.Item = "", cell.model
	}
	if cell.told {
		row.TokensBilled = new(total(cell.billed))
	}
	for kind, amount := range cell.parts {
		if amount.Sign() == 0 {
			continue
		}
		row.Parts[kind] = report.Amount{Sum: amount}
		c.part(kind, row.Model, row.Item, cell.notes[kind], cell.day, amount)
	}
	r.Rows = append(r.Rows, row)
}

func total(t Tokens) (n int64) {
	for _, v := range t {
		n += v
	}
	return n
}
