package reconcile

import (
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// What bills don't tell apart is compared together: reasoning is output, images are input.
var folds = map[ledger.Bucket]ledger.Bucket{ledger.Reasoning: ledger.TextOutput, ledger.ImageInput: ledger.FreshInput}

func folded(t Tokens) Tokens {
	for from, to := range folds {
		t[to] += t[from]
		t[from] = 0
	}
	return t
}

func minus(a, b Tokens) Tokens {
	for i := range a {
		a[i] -= b[i]
	}
	return a
}

// shift is what midnight moved into a cell (and, negative, out of it): tokens where the bill counts them, else money.
type shift struct {
	tokens Tokens
	money  ledger.Sum
}

// midnight finds what a bill counts on the other day: a model's differences of two days that follow each other and have opposite
// signs, up to what the ledger has of it in the hour before midnight (or after it, where the bill counts it earlier). At the
// edges of the month there is no day beside: there only calls that ran over midnight explain.
func (c *comparison) midnight() map[key]shift {
	moved := map[key]shift{}
	left := map[key]Tokens{}
	money := map[key]ledger.Sum{}
	for k, cell := range c.cells {
		if cell.told {
			left[k] = minus(folded(cell.billed), folded(cell.seen))
		} else if !cell.item {
			money[k] = cell.invoice.Sub(cell.ledger)
		}
	}
	opposite := false
	for _, a := range c.sorted() {
		next := a.key
		next.day = next.day.AddDate(0, 0, 1)
		b := c.cells[next]
		if a.item || b == nil || a.told != b.told {
			continue
		}
		if a.told {
			opposite = c.pairTokens(a, b, left, moved) || opposite
		} else {
			opposite = pairMoney(a, b, money, moved) || opposite
		}
	}
	if opposite {
		c.hints = append(c.hints, "days beside each other differ the other way round by more than the hour around midnight: is the export made of days of UTC?")
	}
	c.edges(left, money, moved)
	return moved
}

// pairTokens moves tokens between two days. It says whether much was left that has opposite signs.
func (c *comparison) pairTokens(a, b *cell, left map[key]Tokens, moved map[key]shift) bool {
	la, lb, opposite := left[a.key], left[b.key], false
	ma, mb := moved[a.key], moved[b.key]
	evening, morning := folded(a.evening.Tokens), folded(b.morning.Tokens)
	for i := range la {
		var t int64
		switch {
		case la[i] < 0 && lb[i] > 0:
			t = min(-la[i], lb[i], evening[i])
		case la[i] > 0 && lb[i] < 0:
			t = -min(la[i], -lb[i], morning[i])
		}
		la[i], ma.tokens[i] = la[i]+t, ma.tokens[i]-t
		lb[i], mb.tokens[i] = lb[i]-t, mb.tokens[i]+t
		opposite = opposite || (la[i] < 0 && lb[i] > 0) || (la[i] > 0 && lb[i] < 0)
	}
	left[a.key], left[b.key], moved[a.key], moved[b.key] = la, lb, ma, mb
	return opposite
}

func pairMoney(a, b *cell, left map[key]ledger.Sum, moved map[key]shift) bool {
	la, lb := left[a.key], left[b.key]
	var t ledger.Sum
	switch {
	case la.Sign() < 0 && lb.Sign() > 0:
		t = least(least(la.Neg(), lb), a.evening.Cost)
	case la.Sign() > 0 && lb.Sign() < 0:
		t = least(least(la, lb.Neg()), b.morning.Cost).Neg()
	default:
		return false
	}
	ma, mb := moved[a.key], moved[b.key]
	left[a.key], ma.money = la.Add(t), ma.money.Sub(t)
	left[b.key], mb.money = lb.Sub(t), mb.money.Add(t)
	moved[a.key], moved[b.key] = ma, mb
	return left[a.key].Sign()*left[b.key].Sign() < 0
}

func (c *comparison) edges(left map[key]Tokens, money map[key]ledger.Sum, moved map[key]shift) {
	first, last := c.statement.Month.From, c.statement.Month.Last()
	for _, edge := range []struct {
		day  time.Time
		over []Over
		sign int64
	}{{first, c.books.Before, 1}, {last, c.books.Last, -1}} {
		byModel := map[string]Over{}
		for _, o := range edge.over {
			name := c.names.of(o.Model)
			if c.daysOnly && !c.statement.HasUsage {
				name = ""
			}
			have := byModel[name]
			have.Cost = have.Cost.Add(o.Cost)
			for i, n := range o.Tokens {
				have.Tokens[i] += n
			}
			byModel[name] = have
		}
		for model, o := range byModel {
			k := key{day: edge.day, model: model}
			cell := c.cells[k]
			if cell == nil {
				continue
			}
			m, tokens := moved[k], folded(o.Tokens)
			if cell.told {
				for i, n := range left[k] {
					if t := min(n*edge.sign, tokens[i]); t > 0 {
						m.tokens[i] += t * edge.sign
					}
				}
			} else if d := money[k]; d.Sign() == int(edge.sign) {
				t := least(abs(d), o.Cost)
				if edge.sign < 0 {
					t = t.Neg()
				}
				m.money = m.money.Add(t)
			}
			moved[k] = m
		}
	}
}

// explain parts a cell's difference.
func (c *comparison) explain(x *cell, moved shift) {
	rest := x.invoice.Sub(x.ledger)
	for _, have := range x.parts {
		rest = rest.Sub(have)
	}
	put := func(kind Kind, amount ledger.Sum, note string) {
		if amount.Sign() != 0 {
			x.parts[kind] = x.parts[kind].Add(amount)
			x.notes[kind] = join(x.notes[kind], note)
			rest = rest.Sub(amount)
		}
	}
	table := c.table(x)
	timing, valued := moved.money, true
	if x.told && !c.daysOnly {
		timing, valued = value(table, moved.tokens)
	}
	if valued {
		put(Timing, timing, "")
	} else {
		moved = shift{}
	}
	switch {
	case rest.Sign() == 0:
		return
	case x.calls == 0 && x.seen == (Tokens{}) && x.ledger.Sign() == 0:
		put(NotInstrumented, rest, "")
		return
	case x.lines == 0 && x.billed == (Tokens{}):
		put(NotInvoiced, rest, "")
		return
	}
	c.explainBoth(x, moved, table, &rest, put)
}

// explainBoth parts the difference of what both sides have.
func (c *comparison) explainBoth(x *cell, moved shift, table *pricing.Table, rest *ledger.Sum, put func(Kind, ledger.Sum, string)) {
	note := x.notes[Unexplained]
	if x.told && !c.daysOnly {
		missing := minus(minus(folded(x.billed), folded(x.seen)), moved.tokens)
		var more, less Tokens
		for i, n := range missing {
			more[i], less[i] = max(n, 0), min(n, 0)
		}
		plus, ok1 := value(table, more)
		minus, ok2 := value(table, less)
		if ok1 && ok2 {
			put(NotInstrumented, plus, "")
			put(NotInvoiced, minus, "")
		} else {
			note = fmt.Sprintf("%d tokens more on the bill, and the price book has no price for them", total(missing))
		}
	}
	switch {
	case rest.Sign() == 0:
	case times(abs(*rest), 2).Cmp(c.twiceRounding(x)) <= 0:
		put(Rounding, *rest, "")
	case x.unpriced > 0 && rest.Sign() > 0:
		put(Price, *rest, fmt.Sprintf("%d calls have no price in the ledger", x.unpriced))
	case x.told && note == "" && !x.item:
		if x.estimated > 0 {
			note = fmt.Sprintf("%d calls are estimated", x.estimated)
		}
		put(Price, *rest, note)
	default:
		put(Unexplained, *rest, note)
	}
}

// table is the price of a cell's missing tokens: of the tier that all of its usage has, else the standard one.
func (c *comparison) table(x *cell) *pricing.Table {
	if c.book == nil || x.item || x.model == "" {
		return nil
	}
	e, ok := c.book.Lookup(c.statement.Provider, x.model, x.day.Add(12*time.Hour))
	if !ok {
		return nil
	}
	if len(x.tiers) == 1 {
		for tier := range x.tiers {
			if t := e.Table(tier, 0); t != nil {
				return t
			}
		}
	}
	return e.Table(pricing.Standard, 0)
}

// value is what tokens cost; ok is false where one of them has no price.
func value(table *pricing.Table, tokens Tokens) (sum ledger.Sum, ok bool) {
	for i, n := range tokens {
		if n == 0 {
			continue
		}
		b := ledger.Bucket(i)
		if table == nil || !table.Has(b) {
			return ledger.Sum{}, false
		}
		v, ok := worth(table.Tokens[b], max(n, -n))
		if !ok {
			return ledger.Sum{}, false
		}
		if n < 0 {
			v = v.Neg()
		}
		sum = sum.Add(v)
	}
	return sum, true
}

// worth is n tokens at a price: an amount of one call is bounded, a day of a model isn't.
func worth(p pricing.Price, n int64) (ledger.Sum, bool) {
	const lot = 1_000_000_000
	whole, ok1 := p.Amount(lot)
	rest, ok2 := p.Amount(n % lot)
	return times(ledger.SumOf(whole), n/lot).Add(ledger.SumOf(rest)), ok1 && ok2
}

// twiceRounding is twice the most that rounding can make of a cell: half of the last decimal place that the bill writes for each
// of its lines, and half of 10⁻¹² USD for each part of the cost of each of our calls.
func (c *comparison) twiceRounding(x *cell) ledger.Sum {
	bound := times(ledger.SumOf(1), int64(x.calls)*int64(ledger.NumCostParts))
	if places := c.statement.Places; places < ledger.MoneyScale {
		last := ledger.SumOf(1)
		for range ledger.MoneyScale - places {
			last = times(last, 10)
		}
		bound = bound.Add(times(last, int64(x.lines)))
	}
	return bound
}

// foldDays adds up the models of a day, for a bill that doesn't tell them. Where usage is told, it is by model all the same, and
// its part of the difference is told first.
func (c *comparison) foldDays(moved map[key]shift) {
	for _, x := range c.sorted() {
		if x.model == "" || x.item {
			continue
		}
		day := c.at(x.day, "", false)
		day.ledger = day.ledger.Add(x.ledger)
		day.calls, day.unpriced, day.estimated = day.calls+x.calls, day.unpriced+x.unpriced, day.estimated+x.estimated
		day.evening.Cost, day.morning.Cost = day.evening.Cost.Add(x.evening.Cost), day.morning.Cost.Add(x.morning.Cost)
		day.told = day.told || x.told
		for i := range x.seen {
			day.seen[i] += x.seen[i]
			day.billed[i] += x.billed[i]
		}
		if x.told {
			c.foldUsage(day, x, moved[x.key])
		}
		delete(c.cells, x.key)
	}
}

func (c *comparison) foldUsage(day, x *cell, moved shift) {
	var more, less Tokens
	for i, n := range minus(minus(folded(x.billed), folded(x.seen)), moved.tokens) {
		more[i], less[i] = max(n, 0), min(n, 0)
	}
	for kind, tokens := range map[Kind]Tokens{Timing: moved.tokens, NotInstrumented: more, NotInvoiced: less} {
		if v, ok := value(c.table(x), tokens); ok && v.Sign() != 0 {
			day.parts[kind] = day.parts[kind].Add(v)
			day.notes[kind] = join(day.notes[kind], x.model)
		} else if !ok {
			day.notes[Unexplained] = join(day.notes[Unexplained], "the price book has no price for tokens of "+x.model)
		}
	}
}
