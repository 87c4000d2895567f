package alerts

import (
	"context"
	"slices"
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

// aboutWhom is whom an explanation is about: a tenant or a part of it, in a window.
type aboutWhom struct {
	who
	by     string
	window window
}

// explain looks for the part of each new episode's tenant whose spend rose most, and writes it down. A failure costs the
// explanation, never the alert. However many begin at one evaluation, those of one window cost two queries.
func (a *Alerts) explain(ctx context.Context, of []untold) {
	limited, cancel := context.WithTimeout(ctx, explainWithin)
	defer cancel()
	type together struct {
		by     string
		window window
	}
	asked, found := map[together][]who{}, map[aboutWhom]*Why{}
	for _, u := range of {
		if x, ok := u.about(); ok && found[x] == nil {
			found[x] = &Why{Window: x.window.String()}
			k := together{x.by, x.window}
			asked[k] = append(asked[k], x.who)
		}
	}
	for k, subjects := range asked {
		for some := range slices.Chunk(subjects, askAtOnce) {
			err := a.store.why(limited, k.by, k.window, some, func(w who) *Why { return found[aboutWhom{w, k.by, k.window}] })
			if err != nil {
				a.log.Warn("episodes are not explained", "subjects", some, "error", err)
				for _, w := range some {
					delete(found, aboutWhom{w, k.by, k.window})
				}
			}
		}
	}
	var changed []*AlertEvent
	for _, u := range of {
		x, ok := u.about()
		if !ok || found[x] == nil {
			continue
		}
		u.verdict.detail.Why = found[x]
		u.event.Detail = encode(u.verdict.detail)
		if ep := a.episodes[u.verdict.key]; ep != nil && ep.id == u.event.Episode {
			ep.event.Detail = u.event.Detail
		}
		changed = append(changed, u.event)
	}
	if err := a.store.writeAlerts(ctx, changed...); err != nil {
		a.log.Warn("explanations of episodes are not written down", "episodes", len(changed), "error", err)
	}
}

// about is what there is to explain; ok is false if there is nothing.
func (u untold) about() (x aboutWhom, ok bool) {
	if u.verdict == nil || u.verdict.key.tenant == "" || u.verdict.window.to.IsZero() {
		return x, false
	}
	k, w := u.verdict.key, u.verdict.window
	w.from = later(w.from, w.to.Add(-explainReach)).Truncate(time.Minute)
	w.to = w.to.Add(time.Minute).Truncate(time.Minute)
	return aboutWhom{who{k.tenant, k.value}, k.by, w}, true
}

// why explains what some subjects of one dimension spent in a window; of gives where to put it.
func (r reader) why(ctx context.Context, by string, w window, subjects []who, of func(who) *Why) error {
	tenants, values := make([]string, len(subjects)), make([]string, len(subjects))
	for i, s := range subjects {
		tenants[i], values[i] = quoted(s.tenant), quoted(s.value)
	}
	p := params{"from": second(w.from), "to": second(w.to), "before": second(w.from.Add(w.from.Sub(w.to))), "by": text(by),
		"tenants": array(tenants), "values": array(values)}
	err := r.each(ctx, "explain_rise", p, func(rows driver.Rows) error {
		var s who
		var found Why
		if err := rows.Scan(&s.tenant, &s.value, &found.Dimension, &found.Value, &found.Now, &found.Before); err != nil {
			return err
		}
		if why := of(s); why != nil {
			why.Dimension, why.Value, why.Now, why.Before = found.Dimension, found.Value, found.Now, found.Before
		}
		return nil
	})
	if err != nil {
		return err
	}
	delete(p, "before")
	return r.each(ctx, "explain_calls", p, func(rows driver.Rows) error {
		var s who
		var c TopCall
		if err := rows.Scan(&s.tenant, &s.value, &c.Trace, &c.Span, &c.Model, &c.USD); err != nil {
			return err
		}
		if why := of(s); why != nil {
			why.Top = append(why.Top, c)
		}
		return nil
	})
}
