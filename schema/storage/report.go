// Package storage says where the ledger's bytes lie, since when, what they cost a month, and what is not where retention
// wants it.
package storage

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema"
)

// grace is how long a part may be late: the server moves every few minutes, and drops every four hours.
const grace = 6 * time.Hour

// Row is one table on one tier.
type Row struct {
	Table  string    `json:"table"`
	Tier   string    `json:"tier"` // a volume of the storage policy; "default" where there are no tiers
	Parts  int       `json:"parts"`
	Rows   uint64    `json:"rows"`
	Bytes  uint64    `json:"bytes"`              // on disk, compressed
	Oldest time.Time `json:"oldest,omitzero"`    // of the rows' time; zero for tables that are not cut by time
	Newest time.Time `json:"newest,omitzero"`    //
	Cost   string    `json:"usd_month,omitzero"` // at the configured price; empty without one
}

// Late is what retention wants elsewhere.
type Late struct {
	Table string    `json:"table"`
	Tier  string    `json:"tier"`
	Want  string    `json:"want"` // a tier, or "dropped"
	Parts int       `json:"parts"`
	Bytes uint64    `json:"bytes"`
	Since time.Time `json:"since"` // when the first of them was due
}

// Log is one of the server's own log tables.
type Log struct {
	Table   string `json:"table"`
	Bytes   uint64 `json:"bytes"`
	Bounded bool   `json:"bounded"` // it has a TTL
}

// Report is the state of the store at a moment.
type Report struct {
	At     time.Time `json:"at"`
	Rows   []Row     `json:"rows"`
	Late   []Late    `json:"late"`
	Logs   []Log     `json:"server_logs"`
	Cost   string    `json:"usd_month,omitzero"`         // of all rows; empty unless every tier in use has a price
	AllHot string    `json:"usd_month_all_hot,omitzero"` // the same bytes on the tier hot
}

// smallLogs are logs of the server that nobody needs to care about yet, in bytes.
const smallLogs = 1_000_000_000

// LogsOutgrow tells whether the server's own logs are larger than the ledger and one of them has no bound.
func (r *Report) LogsOutgrow() bool {
	var ledger, logs uint64
	open := false
	for _, x := range r.Rows {
		ledger += x.Bytes
	}
	for _, l := range r.Logs {
		logs += l.Bytes
		open = open || !l.Bounded
	}
	return open && logs > smallLogs && logs > ledger
}

// Read asks the server about the database. Prices are decimals by tier, in USD per GB (10⁹ bytes) and month.
func Read(ctx context.Context, conn driver.Conn, database string, o schema.Options, prices map[string]string, now time.Time) (*Report, error) {
	parts, err := schema.Parts(ctx, conn, database)
	if err != nil {
		return nil, err
	}
	r := &Report{At: now.UTC(), Rows: []Row{}, Late: []Late{}, Logs: []Log{}}
	var logs []struct {
		Name    string `ch:"name"`
		Bytes   uint64 `ch:"bytes"`
		Bounded bool   `ch:"bounded"`
	}
	if err := conn.Select(ctx, &logs, schema.SQL("storage/logs")); err != nil {
		return nil, fmt.Errorf("read the server's log tables: %w", err)
	}
	for _, l := range logs {
		r.Logs = append(r.Logs, Log{l.Name, l.Bytes, l.Bounded})
	}
	for _, p := range parts {
		r.count(p)
		if want, due, ok := o.Place(p, now); ok && now.Sub(due) > grace {
			r.late(p, want, due)
		}
	}
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return compare(a.Table, b.Table, a.Tier, b.Tier) })
	return r, r.price(prices)
}

func compare(table, otherTable, tier, otherTier string) int {
	if table != otherTable {
		if table < otherTable {
			return -1
		}
		return 1
	}
	return slices.Index(schema.Tiers, tier) - slices.Index(schema.Tiers, otherTier)
}

func (r *Report) count(p schema.Part) {
	i := slices.IndexFunc(r.Rows, func(x Row) bool { return x.Table == p.Table && x.Tier == p.Tier })
	if i < 0 {
		r.Rows = append(r.Rows, Row{Table: p.Table, Tier: p.Tier})
		i = len(r.Rows) - 1
	}
	x := &r.Rows[i]
	x.Parts++
	x.Rows += p.Rows
	x.Bytes += p.Bytes
	if p.Timed() {
		if x.Oldest.IsZero() || p.Oldest.Before(x.Oldest) {
			x.Oldest = p.Oldest
		}
		if p.Newest.After(x.Newest) {
			x.Newest = p.Newest
		}
	}
}

func (r *Report) late(p schema.Part, want string, due time.Time) {
	i := slices.IndexFunc(r.Late, func(x Late) bool { return x.Table == p.Table && x.Tier == p.Tier && x.Want == want })
	if i < 0 {
		r.Late = append(r.Late, Late{Table: p.Table, Tier: p.Tier, Want: want, Since: due})
		i = len(r.Late) - 1
	}
	x := &r.Late[i]
	x.Parts++
	x.Bytes += p.Bytes
	if due.Before(x.Since) {
		x.Since = due
	}
}

// price fills in what a month costs, where there are prices.
func (r *Report) price(texts map[string]string) error {
	prices := map[string]*big.Rat{}
	for tier, text := range texts {
		price, ok := new(big.Rat).SetString(text)
		if !ok || price.Sign() < 0 || strings.ContainsAny(text, "eE/_") {
			return fmt.Errorf("price of tier %s: %q is no price: use a decimal like \"0.08\", in USD", tier, text)
		}
		prices[tier] = price
	}
	total, allHot, whole := new(big.Rat), new(big.Rat), len(r.Rows) > 0
	for i := range r.Rows {
		x := &r.Rows[i]
		price, known := prices[x.Tier]
		if !known && x.Tier == schema.DefaultPolicy {
			price, known = prices[schema.Tiers[0]] // tables of no tier lie on the server's own disk
		}
		if !known {
			whole = false
			continue
		}
		cost := monthly(x.Bytes, price)
		x.Cost = cost.FloatString(4)
		total.Add(total, cost)
		if hot, ok := prices[schema.Tiers[0]]; ok {
			allHot.Add(allHot, monthly(x.Bytes, hot))
		}
	}
	if whole {
		r.Cost = total.FloatString(4)
		if _, ok := prices[schema.Tiers[0]]; ok {
			r.AllHot = allHot.FloatString(4)
		}
	}
	return nil
}

func monthly(bytes uint64, perGB *big.Rat) *big.Rat {
	return new(big.Rat).Mul(new(big.Rat).SetFrac(new(big.Int).SetUint64(bytes), big.NewInt(1_000_000_000)), perGB)
}
