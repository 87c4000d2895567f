package books

import (
	"fmt"
	"math/big"
	"time"
)

// units are 10⁻¹² USD.
type units = int64

// price of a token in units: USD per million tokens times a million.
type price struct{ input, cached, output int64 }

// priceList is a price book: what each model costs from a time on.
type priceList []struct {
	model string
	from  time.Time
	price price
}

// at is the price of a model at a time; false if it has none.
func (l priceList) at(model string, when time.Time) (p price, ok bool) {
	for _, e := range l {
		if e.model == model && !when.Before(e.from) {
			p, ok = e.price, true
		}
	}
	return p, ok
}

// report is what one layer says of a call, and what it is charged.
type report struct {
	gateway               bool
	input, cached, output int64
	amount                units
	priced                bool
}

func (r *report) charge(l priceList, c *call) {
	p, ok := l.at(c.model, c.at)
	r.priced, r.amount = ok, r.input*p.input+r.cached*p.cached+r.output*p.output
}

// call is one real request.
type call struct {
	id            int
	tenant, model string
	at            time.Time
	reports       []*report
}

// stands is the report that stands for the call: a gateway knows more than a client.
func (c *call) stands() *report {
	best := c.reports[0]
	for _, r := range c.reports[1:] {
		if r.gateway {
			best = r
		}
	}
	return best
}

// sums are amounts by tenant.
type sums map[string]*big.Int

func (s sums) add(tenant string, n units) {
	if s[tenant] == nil {
		s[tenant] = new(big.Int)
	}
	s[tenant].Add(s[tenant], big.NewInt(n))
}

func (s sums) plus(o sums, sign int64) sums {
	out := sums{}
	for t, n := range s {
		out[t] = new(big.Int).Set(n)
	}
	for t, n := range o {
		out.add(t, 0)
		out[t].Add(out[t], new(big.Int).Mul(n, big.NewInt(sign)))
	}
	return out
}

// all is the sum of all tenants.
func (s sums) all() *big.Int {
	sum := new(big.Int)
	for _, n := range s {
		sum.Add(sum, n)
	}
	return sum
}

// text writes each tenant's amount as a decimal of twelve places; tenants with nothing are left out.
func (s sums) text() map[string]string {
	out := map[string]string{}
	for t, n := range s {
		if n.Sign() != 0 {
			out[t] = decimal(n)
		}
	}
	return out
}

func decimal(n *big.Int) string {
	whole, part := new(big.Int).QuoRem(new(big.Int).Abs(n), big.NewInt(1_000_000_000_000), new(big.Int))
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%s.%012d", sign, whole, part.Int64())
}

// truth is what is known of the calls without asking the product.
type truth struct {
	calls     []*call
	frozen    map[time.Time]sums // closed months
	rerated   map[time.Time]sums // by re-rates since the month was closed
	allReruns map[time.Time]sums // by all re-rates
}

func monthOf(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }

// now is what a month's calls add up to, and how many they are.
func (t *truth) now(month time.Time) (s sums, calls, unpriced int) {
	s = sums{}
	for _, c := range t.calls {
		if monthOf(c.at) != month {
			continue
		}
		calls++
		r := c.stands()
		s.add(c.tenant, r.amount)
		if !r.priced {
			unpriced++
		}
	}
	return s, calls, unpriced
}

// totals are what a month's totals have to be.
func (t *truth) totals(month time.Time) sums {
	if s := t.frozen[month]; s != nil {
		return s
	}
	s, _, _ := t.now(month)
	return s
}

// adjusted is what has to be booked elsewhere for a month.
func (t *truth) adjusted(month time.Time) sums {
	if t.frozen[month] == nil {
		return sums{}
	}
	s, _, _ := t.now(month)
	return s.plus(t.frozen[month], -1)
}

// rerate charges all calls of some months again, and returns how many calls change.
func (t *truth) rerate(l priceList, from, to time.Time) (before, after sums, changed int) {
	before, after = sums{}, sums{}
	for _, c := range t.calls {
		if c.at.Before(from) || !c.at.Before(to) {
			continue
		}
		was, wasPriced := c.stands().amount, c.stands().priced
		for _, r := range c.reports {
			r.charge(l, c)
		}
		is := c.stands()
		if is.amount != was || is.priced != wasPriced {
			changed++
		}
		month := monthOf(c.at)
		for _, m := range []map[time.Time]sums{t.allReruns, t.rerated} {
			if m[month] == nil {
				m[month] = sums{}
			}
			m[month].add(c.tenant, is.amount-was)
		}
		before.add(c.tenant, was)
		after.add(c.tenant, is.amount)
	}
	return before, after, changed
}

func (t *truth) close(month time.Time) {
	t.frozen[month], _, _ = t.now(month)
	t.rerated[month] = sums{}
}
