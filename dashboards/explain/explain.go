// Package explain goes from a number to its parts: from a call to the raw counts, the rule that read them, the price that was
// applied and the reports that gave way to it (DESIGN law 4). Data comes in from the ledger; text or JSON goes out.
package explain

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Ref names a report: its trace and span in hex, and the minute and tenant that complete its identity.
type Ref struct {
	Minute time.Time `json:"minute"`
	Tenant string    `json:"tenant"`
	Trace  string    `json:"trace_id"`
	Span   string    `json:"span_id"`
}

func (r Ref) String() string { return r.Trace + "/" + r.Span }

// Report is what one span says of a call, and what became of it. Amounts are decimals in USD.
type Report struct {
	Ref
	TenantSource string            `json:"tenant_source"`
	Start        time.Time         `json:"start"`
	DurationMS   uint64            `json:"duration_ms"`
	Provider     string            `json:"provider"`
	Model        string            `json:"model"`
	RequestModel string            `json:"request_model"`
	Operation    string            `json:"operation"`
	Kind         string            `json:"kind"`
	ServiceTier  string            `json:"service_tier"`
	FinishReason string            `json:"finish_reason"`
	ErrorClass   string            `json:"error_class"`
	Service      string            `json:"service"`
	Environment  string            `json:"environment"`
	Emitter      string            `json:"emitter"`
	Rule         string            `json:"rule"`
	Role         string            `json:"role"`
	Rank         uint8             `json:"rank"`
	Raw          map[string]int64  `json:"raw"`   // as the span says
	Usage        map[string]int64  `json:"usage"` // disjoint buckets and units
	Cost         map[string]string `json:"cost"`  // by part
	Total        string            `json:"total"`
	Provided     string            `json:"provided_cost,omitempty"` // the emitter's own figure
	PriceVersion string            `json:"price_version"`
	PriceEntry   string            `json:"price_entry"`
	Unpriced     string            `json:"unpriced,omitempty"`
	Flags        string            `json:"flags,omitempty"`

	GaveWayTo *Ref   `json:"gave_way_to,omitempty"` // nil: it counts
	Reason    string `json:"reason,omitempty"`
	StandsFor []Ref  `json:"stands_for,omitempty"`

	call ledger.Call
	sum  ledger.Sum
}

var id = regexp.MustCompile(`^([0-9a-fA-F]{32})(?:/([0-9a-fA-F]{16}))?$`)

// Parse reads TRACE or TRACE/SPAN in hex.
func Parse(s string) (trace, span string, err error) {
	m := id.FindStringSubmatch(s)
	if m == nil {
		return "", "", fmt.Errorf("call %q: want a trace id of 32 hex digits, or trace/span with 16 more: 4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7", s)
	}
	return strings.ToLower(m[1]), strings.ToLower(m[2]), nil
}

// Trace reads every report of a trace, or of one span of it.
func Trace(ctx context.Context, conn driver.Conn, trace, span string) ([]Report, error) {
	rows, err := conn.Query(ctx, schema.SQL("explain/reports"), clickhouse.Named("trace", trace), clickhouse.Named("span", span))
	if err != nil {
		return nil, fmt.Errorf("read the reports of %s: %w", trace, err)
	}
	defer rows.Close()
	var out []Report
	for rows.Next() {
		var r Report
		var duration uint64
		var usage []uint64
		var units map[string]uint64
		var costs []string
		var flags uint32
		err := rows.Scan(&r.Minute, &r.Tenant, &r.TenantSource, &r.Ref.Trace, &r.Span, &r.Start, &duration, &r.Provider, &r.Model, &r.RequestModel,
			&r.Operation, &r.Kind, &r.ServiceTier, &r.FinishReason, &r.ErrorClass, &r.Service, &r.Environment, &r.Emitter, &r.Rule, &r.Role, &r.Rank,
			&r.Raw, &usage, &units, &costs, &r.Provided, &r.PriceVersion, &r.PriceEntry, &r.Unpriced, &flags)
		if err == nil {
			r.Minute, r.Start, r.DurationMS = r.Minute.UTC(), r.Start.UTC(), duration/1e6
			err = r.fill(usage, units, costs, ledger.Flags(flags))
		}
		if err != nil {
			return nil, fmt.Errorf("read the reports of %s: %w", trace, err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the reports of %s: %w", trace, err)
	}
	return out, settled(ctx, conn, trace, out)
}

var parts = [ledger.NumCostParts]string{"input", "cache_read", "cache_write", "output", "reasoning", "other"}

// fill takes over what is stored by position.
func (r *Report) fill(usage []uint64, units map[string]uint64, costs []string, flags ledger.Flags) error {
	r.Usage, r.Cost, r.Flags = map[string]int64{}, map[string]string{}, flags.String()
	r.call = ledger.Call{Provider: r.Provider, Model: r.Model, RequestModel: r.RequestModel, Tenant: r.Tenant, ServiceTier: r.ServiceTier,
		Kind: r.Kind, Operation: r.Operation, ErrorClass: r.ErrorClass, Start: r.Start.UnixNano(), Flags: flags}
	for i, n := range usage {
		if n > 0 {
			r.Usage[ledger.Bucket(i).String()] = int64(n)
			r.call.Usage.Tokens[i] = int64(n)
		}
	}
	for u := range ledger.NumUnits {
		if n := units[ledger.Unit(u).String()]; n > 0 {
			r.Usage[ledger.Unit(u).String()] = int64(n)
			r.call.Usage.Units[u] = int64(n)
		}
	}
	for i, text := range costs {
		m, err := ledger.ParseMoney(text)
		if err != nil {
			return err
		}
		r.sum = r.sum.AddMoney(m)
		if m != 0 {
			r.Cost[parts[i]] = m.Short()
		}
	}
	r.Total = r.sum.Short()
	if flags&ledger.FlagHasProvided == 0 {
		r.Provided = ""
	} else if m, err := ledger.ParseMoney(r.Provided); err == nil {
		r.Provided = m.Short()
	}
	return nil
}

// settled says of each report whether it counts, and for whom it stands.
func settled(ctx context.Context, conn driver.Conn, trace string, reports []Report) error {
	if len(reports) == 0 {
		return nil
	}
	from, to := reports[0].Minute, reports[0].Minute
	for _, r := range reports {
		if r.Minute.Before(from) {
			from = r.Minute
		}
		if r.Minute.After(to) {
			to = r.Minute
		}
	}
	const farthest = 24 * time.Hour // a group of settlement is no longer
	rows, err := conn.Query(ctx, schema.SQL("explain/settled"), clickhouse.Named("trace", trace), clickhouse.Named("from", from.Add(-farthest)),
		clickhouse.Named("to", to.Add(farthest)))
	if err != nil {
		return fmt.Errorf("read the settlements of %s: %w", trace, err)
	}
	defer rows.Close()
	for rows.Next() {
		var loser, winner Ref
		var reason string
		err := rows.Scan(&loser.Minute, &loser.Tenant, &loser.Trace, &loser.Span, &winner.Minute, &winner.Tenant, &winner.Trace, &winner.Span, &reason)
		if err != nil {
			return fmt.Errorf("read the settlements of %s: %w", trace, err)
		}
		loser.Minute, winner.Minute = loser.Minute.UTC(), winner.Minute.UTC()
		for i := range reports {
			switch reports[i].Ref {
			case loser:
				reports[i].GaveWayTo, reports[i].Reason = &winner, reason
			case winner:
				reports[i].StandsFor = append(reports[i].StandsFor, loser)
			}
		}
	}
	return rows.Err()
}

// Price is the sum behind the report's amount by the present price book; same says whether that book makes the same of it.
func (r *Report) Price(book *pricing.Book) (x pricing.Explanation, same bool) {
	x = book.Explain(r.call)
	return x, x.Call.Unpriced == r.Unpriced && ledger.SumOf(x.Total) == r.sum && x.Call.PriceEntry == r.PriceEntry
}
