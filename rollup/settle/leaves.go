package settle

import (
	"context"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// untoldParts are the flags of what an aggregate's rest doesn't tell: which of its tokens were cached, and which were audio.
const untoldParts = ledger.FlagCacheUnknown | ledger.FlagAudioUnknown

// Leaf makes the call of an aggregate's report that bills what its calls don't explain. If nothing is explained it is the
// aggregate's own usage at its own price; else the rest, as plain input and output, rated by the book (nil: unpriced).
func (u *Unseen) Leaf(c ledger.Call, book *pricing.Book) ledger.Call {
	c.SpanID, c.Role = u.By.Span, ledger.RoleLeaf
	c.Flags = c.Flags&^(ledger.FlagCandidate|ledger.FlagUniqueID) | ledger.FlagUnseenLeaf
	if u.Whole() {
		return c
	}
	c.Usage = ledger.Usage{}
	c.Usage.Tokens[ledger.FreshInput] = int64(u.Input)
	c.Usage.Tokens[ledger.TextOutput] = int64(u.Output)
	c.Cost = [ledger.NumCostParts]ledger.Money{}
	c.ListDelta, c.CacheSaved, c.TierSaved, c.ProvidedCost = 0, 0, 0, 0
	c.PriceEntry, c.PriceVersion, c.Unpriced = "", "", ledger.UnpricedModel
	c.Flags = c.Flags&^(ledger.FlagProvided|ledger.FlagHasProvided|ledger.FlagCostDiffers|ledger.FlagReserved|ledger.FlagModelGuessed) | untoldParts
	if book != nil {
		c.Unpriced = ""
		book.Rate(&c)
	}
	return c
}

// leaves writes the reports of unseen leaves.
func (s *Settler) leaves(ctx context.Context, all []*Unseen) error {
	var book *pricing.Book
	if s.prices != nil {
		if _, err := s.prices.Look(); err != nil {
			s.log.Warn("prices for unseen leaves: the old ones are kept", "error", err)
		}
		book = s.prices.Book()
	}
	for _, u := range all {
		if err := s.store.leaf(ctx, u, book); err != nil {
			return fmt.Errorf("unseen leaf of %x/%x: %w", u.Aggregate.Trace, u.Aggregate.Span, err)
		}
	}
	return nil
}

// leaf reads what the price depends on and writes the report: the aggregate's own, changed in what is different.
func (s *store) leaf(ctx context.Context, u *Unseen, book *pricing.Book) error {
	id := u.Aggregate.ID
	key := []any{named("minute", time.Unix(id.Minute, 0).UTC()), named("tenant", id.Tenant), named("trace", fmt.Sprintf("%x", id.Trace)), named("span", fmt.Sprintf("%x", id.Span))}
	c := ledger.Call{Tenant: id.Tenant}
	if !u.Whole() {
		var start time.Time
		var flags uint32
		err := s.conn.QueryRow(ctx, schema.SQL("settle/aggregate"), key...).Scan(&c.Provider, &c.Model, &c.RequestModel, &c.ServiceTier, &c.Kind,
			&c.Operation, &c.Region, &start, &flags)
		if err != nil {
			return fmt.Errorf("read the aggregate: %w", err)
		}
		c.Start, c.Flags = start.UnixNano(), ledger.Flags(flags)
	}
	leaf := u.Leaf(c, book)
	whole, costs := uint8(0), make([]string, len(leaf.Cost))
	if u.Whole() {
		whole = 1
	}
	for i, m := range leaf.Cost {
		costs[i] = m.String()
	}
	return s.conn.Exec(ctx, schema.SQL("settle/leaf"), append(key, named("leaf", fmt.Sprintf("%x", u.By.Span)), named("whole", whole),
		named("input", u.Input), named("output", u.Output), named("costs", costs), named("list_delta", leaf.ListDelta.String()),
		named("tier_saved", leaf.TierSaved.String()), named("price_version", leaf.PriceVersion), named("price_entry", leaf.PriceEntry),
		named("unpriced", leaf.Unpriced), named("flags", uint32(leaf.Flags)), named("unseen", uint32(ledger.FlagUnseenLeaf)),
		named("not_leaf", uint32(ledger.FlagCandidate|ledger.FlagUniqueID)))...)
}

// markLater asks for a rollup of the minute at times to come.
func (s *store) markLater(ctx context.Context, minute time.Time, at []time.Time) error {
	ms := make([]int64, len(at))
	for i, t := range at {
		ms[i] = t.UnixMilli()
	}
	return s.conn.Exec(ctx, schema.SQL("settle/mark_later"), named("minute", minute), named("due", ms))
}
