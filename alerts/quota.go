package alerts

import (
	"context"
	"fmt"
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
	for model, q := range e.quotas { // what was seen a while ago stands until something newer is seen, for a day
		if _, again := found[model]; !again && now.Sub(q.seen) < 24*time.Hour {
			found[model] = q
		}
	}
	e.quotas = found
	return nil
}

// quotaOf is the rule's own quota, or what a header said of the model.
func (l Limit) quotaOf(t *tick, model string) (tokens int64, from string) {
	if l.TokensPerMinute > 0 {
		return l.TokensPerMinute, "configured"
	}
	if q, ok := t.quotas[model]; ok {
		return q.tokens, "by a response's header at " + q.seen.UTC().Format(time.TimeOnly) + " UTC"
	}
	return 0, ""
}

func (r reader) quotas(ctx context.Context, from, to time.Time) (map[string]quota, error) {
	names := "['" + strings.Join(quotaHeaders, "','") + "']"
	out := map[string]quota{}
	err := r.each(ctx, "quotas", params{"from": second(from), "to": second(to), "names": names}, func(rows driver.Rows) error {
		var model string
		var q quota
		if err := rows.Scan(&model, &q.tokens, &q.seen); err != nil {
			return fmt.Errorf("quota: %w", err)
		}
		out[model] = q
		return nil
	})
	return out, err
}

// quotas of a series aren't known.
func (t *Tape) quotas(context.Context, time.Time, time.Time) (map[string]quota, error) {
	return map[string]quota{}, nil
}
