package pricing

import (
	"math/big"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Explanation is a call's cost as a person would check it: Σ lines = total. Amounts are in USD.
type Explanation struct {
	Call     ledger.Call // as Rate leaves it
	Row      Row         // the prices that were used; empty when there are none
	Lines    []Line
	Total    ledger.Money // the sum of the lines' amounts
	List     ledger.Money // what the published prices would have made of it; Total when nothing is laid over them
	Listed   bool         // false: they can't price it, so there is no List
	Lacks    []string     // buckets and units that were used and have no price, with reason no_bucket_price; or the one that wasn't counted
	Served   *Reservation // the reserved capacity that served it: lines are list prices, and the total is zero
	Searches bool         // the model searches by itself, and nobody counted how often: the total is the least
	Tiers    []string     // the tiers that the entry has, with reason no_tier_price
}

// Line is one product of the sum: Count × Price ÷ Per, rounded once, half to even, to 10⁻¹² USD.
type Line struct {
	Name   string // the ledger's name of the bucket or unit
	Count  int64
	Per    int64        // 1,000,000 for tokens, 1 for units
	Price  string       // USD per Per, after the factor
	Base   string       // USD per Per before it; empty without a factor
	Factor string       // of a discount; empty without one
	Exact  string       // the product in USD before it was rounded
	Amount ledger.Money // the product as it is charged
}

// Rounded reports whether the amount differs from the exact product.
func (l Line) Rounded() bool { return l.Exact != trimmed(l.Amount.String()) }

// Explain rates a copy of the call and says how its amount came about. A call that can't be priced keeps its reason in
// Call.Unpriced, and has no lines.
func (b *Book) Explain(c ledger.Call) Explanation {
	b.Rate(&c)
	x := Explanation{Call: c}
	if c.Flags&ledger.FlagReserved != 0 {
		return b.explainReserved(x)
	}
	e, list, _ := b.entryFor(&c)
	if e == nil {
		return x
	}
	tier, input := tierOf(&c), c.Usage.Input()
	t := e.Table(tier, input)
	if c.Unpriced == "" && t != nil && t.ID != c.PriceEntry { // the tier that was asked for may not have answered
		tier, t = Standard, e.Table(Standard, input)
	}
	for _, r := range b.rows(e) {
		if t != nil && r.Entry == t.ID {
			x.Row = r
		}
		if r.Above == 0 {
			x.Tiers = append(x.Tiers, r.Tier)
		}
	}
	if t == nil {
		return x
	}
	if c.Unpriced != "" {
		x.Lacks = lacking(t, &c.Usage)
		if unit, missing := t.uncounted(&c); missing {
			x.Lacks = []string{unit.String()}
		}
		return x
	}
	x.Searches = b.searchesUncounted(&c, e)
	var base *Table
	if e.factor != nil && list != nil {
		base = list.Table(tier, input)
	}
	x.Lines = lines(t, base, x.Row.Factor, &c.Usage)
	for _, l := range x.Lines {
		x.Total += l.Amount
	}
	x.List, x.Listed = x.Total+c.ListDelta, !e.override
	if e.override && list != nil {
		if published := list.Table(tier, input); published != nil {
			_, _, reason := costOf(published, &c.Usage)
			x.Listed = reason == ""
		}
	}
	return x
}

// explainReserved says what served the call and what it would have cost at list prices.
func (b *Book) explainReserved(x Explanation) Explanation {
	c := &x.Call
	x.Served = b.reservation(c, when(c))
	list := b.published(c)
	if list == nil {
		return x
	}
	t := list.Table(tierOf(c), c.Usage.Input())
	if t == nil {
		return x
	}
	if _, _, reason := costOf(t, &c.Usage); reason != "" {
		return x
	}
	for _, r := range b.rows(list) {
		if r.Entry == t.ID {
			x.Row = r
		}
	}
	x.Lines, x.List, x.Listed = lines(t, nil, "", &c.Usage), c.ListDelta, true
	return x
}

// lines multiplies out what was used; base are the prices before the factor.
func lines(t, base *Table, factor string, u *ledger.Usage) []Line {
	var out []Line
	add := func(name string, count, per int64, p Price, before *Price) {
		if count == 0 {
			return
		}
		l := Line{Name: name, Count: count, Per: per, Price: p.per(per), Exact: p.exact(count)}
		if before != nil {
			l.Base, l.Factor = before.per(per), factor
		}
		l.Amount, _ = p.Amount(count)
		out = append(out, l)
	}
	for i, n := range u.Tokens {
		var before *Price
		if base != nil {
			before = &base.Tokens[i]
		}
		add(ledger.Bucket(i).String(), n, 1_000_000, t.Tokens[i], before)
	}
	for i, n := range t.counted(u) {
		var before *Price
		if base != nil {
			before = &base.Units[i]
		}
		add(ledger.Unit(i).String(), n, 1, t.Units[i], before)
	}
	return out
}

func lacking(t *Table, u *ledger.Usage) []string {
	var names []string
	for i, n := range u.Tokens {
		if n != 0 && !t.Has(ledger.Bucket(i)) {
			names = append(names, ledger.Bucket(i).String())
		}
	}
	for i, n := range u.Units {
		if n != 0 && !t.HasUnit(ledger.Unit(i)) {
			names = append(names, ledger.Unit(i).String())
		}
	}
	return names
}

// per writes the price for a million tokens or for one unit.
func (p Price) per(n int64) string {
	if n == 1 {
		return p.String()
	}
	return p.million().String()
}

// exact writes count × p without rounding.
func (p Price) exact(count int64) string {
	product := new(big.Int).Mul(big.NewInt(count), new(big.Int).SetUint64(p.digits)).String()
	if pad := int(p.exp) + 1 - len(product); pad > 0 {
		product = strings.Repeat("0", pad) + product
	}
	cut := len(product) - int(p.exp)
	return trimmed(product[:cut] + "." + product[cut:])
}

// trimmed is a decimal with a point, without the zeros that say nothing.
func trimmed(decimal string) string {
	return strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
}

// ExplainedRow is an explanation's line, or its sum, for programs: decimals are strings.
type ExplainedRow struct {
	Line    string `json:"line"` // a bucket's or unit's name, or "total"
	Count   int64  `json:"count,omitempty"`
	Per     int64  `json:"per,omitempty"`
	Base    string `json:"list_price,omitempty"`
	Factor  string `json:"factor,omitempty"`
	Price   string `json:"price,omitempty"`
	Exact   string `json:"exact,omitempty"`
	Amount  string `json:"amount,omitempty"`
	Rounded bool   `json:"rounded,omitempty"`

	*Sum
}

// Sum is what an explanation's last row says beside the total.
type Sum struct {
	Provider       string `json:"provider"`
	Model          string `json:"model"`
	Unpriced       string `json:"unpriced,omitempty"`
	ListPrice      string `json:"list_total,omitempty"`
	DiscountSaved  string `json:"discount_saved,omitempty"`
	CacheSaved     string `json:"cache_saved,omitempty"`
	TierSaved      string `json:"tier_saved,omitempty"`
	Tier           string `json:"tier,omitempty"`
	Entry          string `json:"price_entry,omitempty"`
	URL            string `json:"source,omitempty"`
	Via            string `json:"via,omitempty"`
	Checked        string `json:"checked,omitempty"`
	Version        string `json:"price_version"`
	Reserved       string `json:"reserved,omitempty"` // the capacity that served it: the lines are list prices
	Unpriceable    string `json:"reason,omitempty"`
	AboveThreshold int64  `json:"above_input_tokens,omitempty"`
}

// Rows are the explanation's lines and their sum.
func (x *Explanation) Rows() []ExplainedRow {
	var rows []ExplainedRow
	for _, l := range x.Lines {
		rows = append(rows, ExplainedRow{Line: l.Name, Count: l.Count, Per: l.Per, Base: l.Base, Factor: l.Factor, Price: l.Price,
			Exact: l.Exact, Amount: l.Amount.String(), Rounded: l.Rounded()})
	}
	c, r := &x.Call, &x.Row
	sum := &Sum{Provider: c.Provider, Model: c.Model, Unpriced: c.Unpriced, Tier: r.Tier, Entry: r.Entry, URL: r.URL, Via: r.Via,
		Checked: r.Checked, Version: c.PriceVersion, AboveThreshold: r.Above}
	if x.Served != nil {
		sum.Reserved, sum.Entry = x.Served.ID, c.PriceEntry
	}
	if c.Unpriced != "" {
		sum.Unpriceable = x.Why()
		return append(rows, ExplainedRow{Line: "total", Sum: sum})
	}
	if x.Listed {
		sum.ListPrice, sum.DiscountSaved = x.List.String(), c.ListDelta.String()
	}
	sum.CacheSaved, sum.TierSaved = c.CacheSaved.String(), c.TierSaved.String()
	return append(rows, ExplainedRow{Line: "total", Amount: x.Total.String(), Sum: sum})
}
