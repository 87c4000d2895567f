package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// quota is a provider's limit of tokens a minute, as a response's header said it.
type quota struct {
	tokens int64
	seen   time.Time
}

// Quotas in headers are looked for so often, so far back.
const (
	quotasEvery = time.Minute
	quotasReach = 15 * time.Minute
)

// quotaHeaders are the attributes in which they come: OpenTelemetry's name for a captured response header, for the headers
// of OpenAI (and those who speak its protocol) and of Anthropic (their pages on rate limits, 2026).
var quotaHeaders = []string{
	"http.response.header.x-ratelimit-limit-tokens",
	"http.response.header.anthropic-ratelimit-tokens-limit",
}

// lookForQuotas reads them now and then.
func (e *evaluation) lookForQuotas(ctx context.Context, now time.Time) error {
	if len(e.cfg.Limits) == 0 || (now.Sub(e.quotasRead) < quotasEvery && !now.Before(e.quotasRead)) {
		return nil
	}
	found, err := e.source.quotas(ctx, now.Add(-quotasReach).Truncate(time.Minute), now.Add(time.Minute))
	if err != nil {
		return err
	}
	e.quotasRead = now
	for of, q := range e.quotas { // what was seen a while ago stands until something newer is seen, for a day
		if _, again := found[of]; !again && now.Sub(q.seen) < 24*time.Hour {
			found[of] = q
		}
	}
	e.quotas = found
	return nil
}

// quotaOf is the rule's own quota, or what the newest header said of the model to a tenant of the account.
func (l Limit) quotaOf(t *tick, model string) (tokens int64, from string) {
	if own := l.configured(model); own > 0 {
		return own, "configured"
	}
	var newest quota
	for w, q := range t.quotas {
		if w.value == model && l.covers(w.tenant) && q.seen.After(newest.seen) {
			newest = q
		}
	}
	if newest.tokens == 0 {
		return 0, ""
	}
	return newest.tokens, "by a response's header at " + newest.seen.UTC().Format(time.TimeOnly) + " UTC"
}

// configured is the account's quota of tokens a minute for a provider/model; 0: none is.
func (l Limit) configured(model string) int64 {
	if l.TokensPerMinute > 0 && l.Model == model {
		return l.TokensPerMinute
	}
	return l.Quotas[model]
}

// covers reports that the tenant's calls go through the account.
func (l Limit) covers(tenant string) bool {
	return len(l.Tenants) == 0 || slices.Contains(l.Tenants, tenant)
}

func (r reader) quotas(ctx context.Context, from, to time.Time) (map[who]quota, error) {
	names := "['" + strings.Join(quotaHeaders, "','") + "']"
	out := map[who]quota{}
	err := r.each(ctx, "quotas", params{"from": second(from), "to": second(to), "names": names}, func(rows driver.Rows) error {
		var w who
		var q quota
		if err := rows.Scan(&w.tenant, &w.value, &q.tokens, &q.seen); err != nil {
			return fmt.Errorf("quota: %w", err)
		}
		out[w] = q
		return nil
	})
	return out, err
}

// quotas of a series aren't known.
func (t *Tape) quotas(context.Context, time.Time, time.Time) (map[who]quota, error) {
	return map[who]quota{}, nil
}
