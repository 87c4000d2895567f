package report

import (
	"context"
	"math/big"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// Reserved is a reservation's part of a period: what it cost, what it served, who bears it.
type Reserved struct {
	ID        string    `json:"id"`
	Providers []string  `json:"providers"`
	Models    []string  `json:"models"`
	Tenants   []string  `json:"tenants,omitempty"` // that it may serve; none: all
	From      time.Time `json:"from"`              // of the part
	To        time.Time `json:"to"`
	Whole     Amount    `json:"whole"`  // of all of its time
	Amount    Amount    `json:"amount"` // of the period, by time
	Calls     uint64    `json:"calls"`  // that it served
	Tokens    uint64    `json:"tokens"`
	// Capacity is how many tokens it could have served, and Used and Idle are the parts of Amount for those that it did and
	// didn't; all are nil where the price file has no tokens_per_minute and it served something.
	Capacity *uint64         `json:"capacity_tokens,omitempty"`
	Used     *Amount         `json:"used,omitempty"`
	Idle     *Amount         `json:"idle,omitempty"`
	Rule     string          `json:"rule"` // by what Shares were made
	Shares   []ReservedShare `json:"shares"`
}

// ReservedShare is what one tenant bears of a reservation: the shares add up to its amount.
type ReservedShare struct {
	Tenant string `json:"tenant"`
	Calls  uint64 `json:"calls"`
	Tokens uint64 `json:"tokens"`
	Amount Amount `json:"amount"`
}

// The rules by which an amount is handed out, the first that can be used.
const (
	ByTokens  = "tokens served"
	BySpend   = "own spend, since it served nothing"
	Equally   = "equally, since it served nothing and none of its tenants spent anything"
	ToNobody  = "unattributed, since it served nothing and nobody spent anything"
	perMinute = int64(time.Minute)
)

// Orphans are tokens that reserved capacity served, which the price files don't hold any more: their share of an amount can't
// be told.
type Orphans struct {
	Calls  uint64 `json:"calls"`
	Tokens uint64 `json:"tokens"`
}

// ReservedOf lists what the price files reserve in a period, of some providers or, with none, of all; who used it isn't told.
func ReservedOf(p Period, book *pricing.Book, providers []string) []Reserved {
	var out []Reserved
	if book == nil {
		return nil
	}
	for _, r := range book.Reservations() {
		from, to := r.From.UTC(), r.To.UTC()
		if p.From.After(from) {
			from = p.From
		}
		if p.To.Before(to) {
			to = p.To
		}
		if !from.Before(to) || (len(providers) > 0 && !slices.ContainsFunc(providers, func(name string) bool { return slices.Contains(r.Providers, name) })) {
			continue
		}
		before, part, whole := int64(from.Sub(r.From)), int64(to.Sub(from)), int64(r.To.Sub(r.From))
		res := Reserved{ID: r.ID, Providers: r.Providers, Models: r.Models, Tenants: r.Tenants, From: from, To: to, Whole: Amount{r.Amount},
			Amount: Amount{between(r.Amount, before, before+part, whole)}}
		if r.TokensPerMinute > 0 {
			tokens := new(big.Int).Mul(big.NewInt(r.TokensPerMinute), big.NewInt(part))
			if tokens.Quo(tokens, big.NewInt(perMinute)); tokens.IsUint64() {
				res.Capacity = new(tokens.Uint64())
			}
		}
		out = append(out, res)
	}
	return out
}

// between is the part of an amount that falls from one moment to another of its time: what it comes to until the end less what
// it comes to until the beginning, so that parts that follow each other add up to the whole, however it is cut.
func between(amount ledger.Sum, from, to, whole int64) ledger.Sum {
	until := func(t int64) ledger.Sum {
		return Split(amount, []*big.Int{big.NewInt(t), big.NewInt(whole - t)})[0]
	}
	return until(to).Sub(until(from))
}

type servedTokens struct {
	tenant, provider, model, region string
	calls, tokens                   uint64
}

// ReadReserved reads who used what the price files reserve in a period, and hands the amounts out. spent is what each tenant spent
// in the period, for capacity that served nothing.
func ReadReserved(ctx context.Context, conn driver.Conn, p Period, book *pricing.Book, spent map[string]Amount) ([]Reserved, Orphans, error) {
	all, orphans := ReservedOf(p, book, nil), Orphans{}
	for i := range all {
		r := &all[i]
		served, err := readServed(ctx, conn, r.From, r.To)
		if err != nil {
			return nil, orphans, err
		}
		r.handOut(served, func(s servedTokens) bool { return servedBy(book, s, r.From) == r.ID }, spent)
	}
	served, err := readServed(ctx, conn, p.From, p.To)
	for _, s := range served {
		orphans.Calls += s.calls
		orphans.Tokens += s.tokens
	}
	for i := range all {
		orphans.Calls -= min(orphans.Calls, all[i].Calls)
		orphans.Tokens -= min(orphans.Tokens, all[i].Tokens)
	}
	return all, orphans, err
}

// ExplainReserved is ReadReserved with what every tenant spent in the period.
func ExplainReserved(ctx context.Context, conn driver.Conn, p Period, book *pricing.Book) ([]Reserved, Orphans, error) {
	days, err := tenantDays(ctx, conn, p)
	if err != nil {
		return nil, Orphans{}, err
	}
	spent := map[string]Amount{}
	for _, d := range days {
		spent[d.tenant] = spent[d.tenant].Plus(d.cost)
	}
	return ReadReserved(ctx, conn, p, book, spent)
}

func readServed(ctx context.Context, conn driver.Conn, from, to time.Time) ([]servedTokens, error) {
	return rowsOf(ctx, conn, "report/reserved", func(rows driver.Rows, s *servedTokens) error {
		return rows.Scan(&s.tenant, &s.provider, &s.model, &s.region, &s.calls, &s.tokens)
	}, clickhouse.Named("from", from), clickhouse.Named("to", to))
}

// servedBy goes by the model that answered. Totals don't keep the name that was asked for: a deployment's is found by being the
// only capacity that the call could have had.
func servedBy(book *pricing.Book, s servedTokens, at time.Time) string {
	if id := book.ServedBy(s.tenant, s.provider, s.model, s.region, at); id != "" {
		return id
	}
	found := ""
	for _, r := range book.Reservations() {
		fits := !at.Before(r.From) && at.Before(r.To) && slices.Contains(r.Providers, s.provider) && (len(r.Regions) == 0 || slices.Contains(r.Regions, s.region)) &&
			(len(r.Tenants) == 0 || slices.Contains(r.Tenants, s.tenant))
		switch {
		case fits && found != "":
			return ""
		case fits:
			found = r.ID
		}
	}
	return found
}

func (r *Reserved) handOut(served []servedTokens, mine func(servedTokens) bool, spent map[string]Amount) {
	calls, tokens, weights := map[string]uint64{}, map[string]uint64{}, map[string]*big.Int{}
	for _, s := range served {
		if mine(s) {
			calls[s.tenant] += s.calls
			tokens[s.tenant] += s.tokens
			r.Calls += s.calls
			if r.Tokens += s.tokens; s.tokens > 0 {
				addTo(weights, s.tenant, new(big.Int).SetUint64(s.tokens))
			}
		}
	}
	r.Rule = ByTokens
	if len(weights) == 0 {
		r.Rule, weights = r.unused(spent)
	}
	for tenant, part := range share(r.Amount.Sum, weights) {
		r.Shares = append(r.Shares, ReservedShare{tenant, calls[tenant], tokens[tenant], Amount{part}})
	}
	slices.SortFunc(r.Shares, func(a, b ReservedShare) int {
		if c := b.Amount.Cmp(a.Amount.Sum); c != 0 {
			return c
		}
		if a.Tenant < b.Tenant {
			return -1
		}
		return 1
	})
	r.idle()
}

// unused says who bears what served nothing.
func (r *Reserved) unused(spent map[string]Amount) (rule string, weights map[string]*big.Int) {
	weights = map[string]*big.Int{}
	for tenant, s := range spent {
		if (len(r.Tenants) == 0 || slices.Contains(r.Tenants, tenant)) && s.Sign() > 0 {
			addTo(weights, tenant, bigOf(s.Sum))
		}
	}
	if len(weights) > 0 {
		return BySpend, weights
	}
	for _, tenant := range r.Tenants {
		addTo(weights, tenant, big.NewInt(1))
	}
	if len(weights) > 0 {
		return Equally, weights
	}
	addTo(weights, ledger.Unattributed, big.NewInt(1))
	return ToNobody, weights
}

// idle parts the amount by the tokens that were served and those that could have been.
func (r *Reserved) idle() {
	switch {
	case r.Tokens == 0:
		r.Used, r.Idle = new(Amount), new(r.Amount)
	case r.Capacity != nil && r.Tokens >= *r.Capacity:
		r.Used, r.Idle = new(r.Amount), new(Amount)
	case r.Capacity != nil:
		parts := Split(r.Amount.Sum, []*big.Int{new(big.Int).SetUint64(r.Tokens), new(big.Int).SetUint64(*r.Capacity - r.Tokens)})
		r.Used, r.Idle = &Amount{parts[0]}, &Amount{parts[1]}
	}
}

// addReserved tells what the price files reserve in the period, and what a tenant bears of it.
func (r *Report) addReserved(ctx context.Context, conn driver.Conn, q Query) error {
	if len(ReservedOf(q.Period, q.Book, nil)) == 0 {
		return nil
	}
	all, _, err := ExplainReserved(ctx, conn, q.Period, q.Book)
	if err != nil {
		return err
	}
	var part Amount
	for i := range all {
		if q.Tenant != nil { // of others, only that they are there
			all[i].Shares = slices.DeleteFunc(all[i].Shares, func(s ReservedShare) bool { return s.Tenant != *q.Tenant })
		}
		for _, s := range all[i].Shares {
			part = part.Plus(s.Amount)
		}
	}
	r.Reserved, r.ReservedPart = all, &part
	return nil
}

// Utilisation is the part of the capacity that was used, such as 12.5 %, or why it isn't known.
func (r *Reserved) Utilisation() string {
	switch {
	case r.Tokens == 0:
		return "0.0 %"
	case r.Capacity == nil || *r.Capacity == 0:
		return "not known: the price file has no tokens_per_minute"
	}
	return Percent(new(big.Int).SetUint64(r.Tokens), new(big.Int).SetUint64(*r.Capacity))
}

// Percent is part / whole as text with one decimal, rounded half up, for people to read.
func Percent(part, whole *big.Int) string {
	if whole.Sign() == 0 {
		return "-"
	}
	tenths := new(big.Int).Mul(new(big.Int).Abs(part), big.NewInt(2000))
	half := new(big.Int).Abs(whole)
	tenths.Add(tenths, half).Quo(tenths, new(big.Int).Lsh(half, 1))
	q, r := new(big.Int).QuoRem(tenths, big.NewInt(10), new(big.Int))
	sign := ""
	if part.Sign()*whole.Sign() < 0 {
		sign = "-"
	}
	return sign + q.String() + "." + r.String() + " %"
}

// PercentOf is one amount as a part of another, for people to read.
func PercentOf(part, whole Amount) string { return Percent(bigOf(part.Sum), bigOf(whole.Sum)) }
