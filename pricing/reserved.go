package pricing

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Reservation is capacity that was bought for a fixed amount: provisioned throughput, scale units, a committed instance. A call
// that it serves costs nothing by itself (Rate leaves its list price in ListDelta); the amount is what is paid, used or not.
type Reservation struct {
	ID              string
	Providers       []string // as calls name them, lower case
	Models          []string // the book's names, or names that calls carry (deployments); "*" = all of the providers
	Tenants         []string // served by it; empty = everybody who has none of their own
	Tiers           []string // that it serves; standard where the file names none
	Regions         []string // empty = all
	From, To        time.Time
	Amount          ledger.Sum // for the whole period
	TokensPerMinute int64      // what it can serve; 0 = the file doesn't say
	Source          Source

	from, to int64
	series   map[*series]bool
	literal  map[string]bool
}

// ReservedPrefix begins the price entry of a call that reserved capacity served.
const ReservedPrefix = "reserved/"

// Entry is what Call.PriceEntry names.
func (r *Reservation) Entry() string { return ReservedPrefix + r.ID }

// Reservations lists the book's reserved capacity by id.
func (b *Book) Reservations() []Reservation {
	out := make([]Reservation, 0, len(b.reserved))
	for _, r := range b.reserved {
		out = append(out, *r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// reservation finds what served the call: a tenant's own capacity first, then everybody's. No two of one kind serve the same
// call; build sees to it.
func (b *Book) reservation(c *ledger.Call, when int64) *Reservation {
	if len(b.reserved) == 0 {
		return nil
	}
	provider, tier := strings.ToLower(c.Provider), tierOf(c)
	var shared *Reservation
	for _, r := range b.reserved {
		if when < r.from || when >= r.to || !slices.Contains(r.Providers, provider) || !slices.Contains(r.Tiers, tier) ||
			(len(r.Regions) > 0 && !slices.Contains(r.Regions, c.Region)) {
			continue
		}
		own := slices.Contains(r.Tenants, c.Tenant)
		if (len(r.Tenants) > 0 && !own) || !r.serves(b, c) {
			continue
		}
		if own {
			return r
		}
		shared = r
	}
	return shared
}

// serves goes by the names that the call carries, then by the model that answered, then by the one that was asked for.
func (r *Reservation) serves(b *Book, c *ledger.Call) bool {
	if r.literal["*"] || r.literal[strings.ToLower(c.Model)] || r.literal[strings.ToLower(c.RequestModel)] {
		return true
	}
	s := b.find(c.Provider, c.Model)
	if s == nil {
		s = b.find(c.Provider, c.RequestModel)
	}
	return s != nil && r.series[s]
}

// rateReserved makes a call that capacity served one that costs nothing by itself, with its list price beside.
func (b *Book) rateReserved(c *ledger.Call, r *Reservation) {
	c.PriceEntry = r.Entry()
	c.Flags |= ledger.FlagReserved
	// What the emitter left out can't change an amount of zero; an estimated count can change a share of the fixed amount.
	c.Flags &^= ledger.FlagsUntold &^ ledger.FlagEstimated
	if list := b.published(c); list != nil {
		c.ListDelta = difference(list.Table(tierOf(c), c.Usage.Input()), &c.Usage, 0)
	}
}

// published is the published price of a call's model, whatever is laid over it.
func (b *Book) published(c *ledger.Call) *Entry {
	e, list, _ := b.entryFor(c)
	if e != nil && e.override {
		return list
	}
	return e
}

// reserve enters a file's reserved capacity.
func (b *builder) reserve(book *Book, f *file, override bool) {
	for i := range f.Reserved {
		in := &f.Reserved[i]
		name := "reserved " + or(in.ID, fmt.Sprintf("%d", i+1))
		fault := func(format string, args ...any) { b.fault(f, name, format, args...) }
		if !override {
			fault("reserved capacity is an operator's; put it into a file of price_files")
			continue
		}
		if in.ID == "" || strings.ContainsAny(in.ID, " \t\n") {
			fault("id %q: want a word that no other reservation has", in.ID)
		}
		r := &Reservation{
			ID: in.ID, Tenants: f.Tenants, Tiers: in.Tiers, Regions: in.Regions, TokensPerMinute: in.TokensPerMinute, Source: f.Source,
			series: map[*series]bool{}, literal: map[string]bool{},
		}
		for _, p := range append([]string{f.Provider}, f.Also...) {
			r.Providers = append(r.Providers, strings.ToLower(p))
		}
		if len(r.Tiers) == 0 {
			r.Tiers = []string{Standard}
		}
		b.reservedPeriod(f, name, in, r)
		b.reservedModels(book, f, name, in, r)
		for _, have := range book.reserved {
			if have.ID == r.ID {
				fault("another reservation has this id; give every one its own")
			} else if have.competes(r) {
				fault("serves calls that %s serves too, so nobody can tell which did; part their models, tenants, tiers, regions or periods, or add them up", have.ID)
			}
		}
		book.reserved = append(book.reserved, r)
	}
}

func (b *builder) reservedPeriod(f *file, name string, in *reserved, r *Reservation) {
	var span Entry
	b.span(f, name, &span, in.From, in.To)
	r.From, r.To, r.from, r.to = span.From, span.To, span.from, span.to
	if r.from == 0 || r.to == 0 {
		b.fault(f, name, "from and to: a fixed amount needs both")
	}
	var err error
	if r.Amount, err = ledger.ParseSum(string(in.Amount)); err != nil {
		b.fault(f, name, "amount: %v", err)
	} else if r.Amount.Sign() <= 0 {
		b.fault(f, name, "amount %s: want what is paid for the period, in USD", in.Amount)
	}
	if in.TokensPerMinute < 0 {
		b.fault(f, name, "tokens_per_minute %d: want what it can serve, or leave it out", in.TokensPerMinute)
	}
}

func (b *builder) reservedModels(book *Book, f *file, name string, in *reserved, r *Reservation) {
	if len(in.Models) == 0 {
		b.fault(f, name, `models: name the models or deployments that it serves, or "*"`)
	}
	for _, m := range in.Models {
		own := strings.ToLower(m)
		if s := book.resolve(f.Provider, m); s != nil {
			r.series[s] = true
			own = s.model
		} else {
			r.literal[own] = true
		}
		if !slices.Contains(r.Models, own) {
			r.Models = append(r.Models, own)
		}
	}
}

// competes reports whether one call could be served by both.
func (r *Reservation) competes(o *Reservation) bool {
	common := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
	}
	tenants := common(r.Tenants, o.Tenants) || (len(r.Tenants) == 0 && len(o.Tenants) == 0)
	regions := len(r.Regions) == 0 || len(o.Regions) == 0 || common(r.Regions, o.Regions)
	models := common(r.Models, o.Models) || r.literal["*"] || o.literal["*"]
	return common(r.Providers, o.Providers) && common(r.Tiers, o.Tiers) && tenants && regions && models && r.from < o.to && o.from < r.to
}

// record is the reservation as it is kept beside the calls that it served.
func (r *Reservation) record(version string) Record {
	text, err := json.Marshal(map[string]any{
		"reserved_usd": r.Amount.String(), "from": r.From.Format(time.RFC3339), "to": r.To.Format(time.RFC3339), "models": r.Models,
		"tenants": r.Tenants, "tiers": r.Tiers, "regions": r.Regions, "tokens_per_minute": r.TokensPerMinute,
	})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return Record{
		Version: version, Entry: r.Entry(), Provider: r.Providers[0], Model: strings.Join(r.Models, ","), Effective: r.From, Body: string(text),
		Source: strings.TrimSpace(r.Source.URL + " " + r.Source.Via), Checked: r.Source.Checked,
	}
}

// text says for people what was bought.
func (r *Reservation) text() string {
	row := Row{URL: r.Source.URL, Via: r.Source.Via, Checked: r.Source.Checked}
	return fmt.Sprintf("reserved     %s: %s USD from %s to %s, %s; calls that it serves cost nothing by themselves\n",
		r.ID, r.Amount.Short(), day(r.From), day(r.To), row.provenance())
}
