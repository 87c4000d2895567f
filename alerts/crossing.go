package alerts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// reach is a total that was reached in a window.
type reach struct {
	who
	window
	need ledger.Sum
}

// crossingReach bounds how far back the crossing call is looked for among the calls.
const crossingReach = time.Hour

// askAtOnce bounds how many subjects one query is about.
const askAtOnce = 200

// crossings finds the receipts of the calls with which the verdicts' totals were reached. However many budgets are crossed at
// one evaluation, a rule's threshold costs one query. Where no call can be named the newest receipt stands.
func (b *budgets) crossings(ctx context.Context, t *tick, of []verdict) (map[key]time.Time, error) {
	type together struct {
		rule      string
		threshold int
		window    window
	}
	out, asked := map[key]time.Time{}, map[together]map[string]ledger.Sum{}
	for i := range of {
		v := &of[i]
		out[v.key] = v.crossed
		if v.reach == nil {
			continue
		}
		out[v.key] = t.newest
		search, need, err := b.search(ctx, t, *v.reach)
		if err != nil {
			return nil, fmt.Errorf("find the crossing call of %s for %s: %w", v.key.rule, v.key.tenant, err)
		}
		if v.reach.value != "" || need.Sign() <= 0 { // a part of a tenant, or crossed while nobody looked
			continue
		}
		group := together{v.key.rule, v.key.threshold, search}
		if asked[group] == nil {
			asked[group] = map[string]ledger.Sum{}
		}
		asked[group][v.key.tenant] = need
	}
	for group, needs := range asked {
		for tenants := range slices.Chunk(slices.Sorted(maps.Keys(needs)), askAtOnce) {
			err := t.ledger.crossings(ctx, group.window, tenants, needs, func(tenant string, at time.Time) {
				out[key{rule: group.rule, tenant: tenant, threshold: group.threshold}] = at
			})
			if err != nil {
				return nil, fmt.Errorf("find the crossing calls of %s: %w", group.rule, err)
			}
		}
	}
	return out, nil
}

// search is where a crossing call is looked for, and the total that is to be reached there: spend from before crossingReach is
// taken from the rollups.
func (b *budgets) search(ctx context.Context, t *tick, r reach) (window, ledger.Sum, error) {
	start := t.openFrom.Add(-crossingReach)
	if !r.from.Before(start) {
		return r.window, r.need, nil
	}
	maps.DeleteFunc(b.earlier, func(_ window, p closedPart) bool { return t.now.Sub(p.read) >= closedEvery || t.now.Before(p.read) })
	before := window{r.from, start}
	part, ok := b.earlier[before]
	if !ok {
		sums, err := t.ledger.closed(ctx, byTenant, r.from, start)
		if err != nil {
			return window{}, ledger.Sum{}, err
		}
		part = closedPart{read: t.now, sums: sums}
		b.earlier[before] = part
	}
	return window{start, r.to}, r.need.Sub(part.sums[r.who].spend), nil
}

// crossings yields, of the tenants whose total in w reaches what they need, the receipt of the first call with which it does.
func (r reader) crossings(ctx context.Context, w window, tenants []string, needs map[string]ledger.Sum, yield func(tenant string, at time.Time)) error {
	p := bounds(w)
	names, amounts := make([]string, len(tenants)), make([]string, len(tenants))
	for i, tenant := range tenants {
		names[i], amounts[i] = quoted(tenant), quoted(needs[tenant].String())
	}
	p["tenants"], p["needs"] = array(names), array(amounts)
	return r.each(ctx, "crossings", p, func(rows driver.Rows) error {
		var tenant string
		var ms int64
		if err := rows.Scan(&tenant, &ms); err != nil {
			return err
		}
		yield(tenant, time.UnixMilli(ms).UTC())
		return nil
	})
}
