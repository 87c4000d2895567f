package alerts

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Why is what an episode comes from: the part that explains most of the rise, and the most expensive calls.
type Why struct {
	Dimension string    `json:"dimension,omitempty"` // model, team, key, agent, feature, service or prompt
	Value     string    `json:"value,omitempty"`
	Now       string    `json:"now_usd,omitempty"`    // its spend in the window
	Before    string    `json:"before_usd,omitempty"` // and in the window of the same length before
	Window    string    `json:"window,omitempty"`
	Top       []TopCall `json:"top_calls,omitempty"`
}

// TopCall is one of the most expensive calls of the window.
type TopCall struct {
	Trace string `json:"trace"`
	Span  string `json:"span"`
	Model string `json:"model"`
	USD   string `json:"usd"`
}

// An explanation is worth neither a scan of a month nor a late notification.
const (
	explainReach  = 10 * time.Minute
	explainWithin = 5 * time.Second
)

// explain looks for the part of the tenant whose spend rose most. A failure costs the explanation, never the alert.
func (a *Alerts) explain(ctx context.Context, v verdict) *Why {
	w := v.window
	if v.key.tenant == "" || w.to.IsZero() {
		return nil
	}
	w.from = later(w.from, w.to.Add(-explainReach)).Truncate(time.Minute)
	w.to = w.to.Add(time.Minute).Truncate(time.Minute)
	why, err := a.store.why(ctx, v.key, w)
	if err != nil {
		a.log.Warn("an episode is not explained", "rule", v.key.rule, "tenant", v.key.tenant, "err", err)
		return nil
	}
	return why
}

func (r reader) why(ctx context.Context, k key, w window) (*Why, error) {
	length := w.to.Sub(w.from)
	why := &Why{Window: w.String()}
	p := params{"from": second(w.from), "to": second(w.to), "before": second(w.from.Add(-length)), "tenant": text(k.tenant),
		"by": text(k.by), "value": text(k.value)}
	err := r.each(ctx, "explain_rise", p, func(rows driver.Rows) error {
		return rows.Scan(&why.Dimension, &why.Value, &why.Now, &why.Before)
	})
	if err != nil {
		return nil, err
	}
	delete(p, "before")
	err = r.each(ctx, "explain_calls", p, func(rows driver.Rows) error {
		var c TopCall
		err := rows.Scan(&c.Trace, &c.Span, &c.Model, &c.USD)
		why.Top = append(why.Top, c)
		return err
	})
	return why, err
}
