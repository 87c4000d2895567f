package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// projectEvery is how often a forecast is made: it moves slowly.
const projectEvery = time.Minute

type projected struct {
	at time.Time
	detect.Forecast
}

// forecasts returns a verdict per forecast threshold: the spend at the period's end if things go on as usual.
func (b *budgets) forecasts(ctx context.Context, t *tick, rule Budget, w window, s who, amount ledger.Sum, sum total) ([]verdict, error) {
	var out []verdict
	for _, threshold := range rule.Forecast {
		need, err := detect.Percent(amount, threshold)
		if err != nil {
			return nil, err
		}
		k := key{rule: rule.Name + ":forecast", tenant: s.tenant, threshold: threshold, by: rule.By, value: s.value}
		p := b.projects[k]
		if t.now.Sub(p.at) >= projectEvery || p.at.Before(w.from) {
			hours, err := b.history.of(ctx, t, rule.By)
			if err != nil {
				return nil, err
			}
			p.at = t.now
			if p.Forecast, err = hours[s].Project(sum.spend, w.from, t.now, w.to, historyReach); err != nil {
				return nil, err
			}
			b.projects[k] = p
		}
		v := verdict{
			key: k, kind: KindForecast, severity: Warning, known: t.fresh && !t.behind, clearFor: forecastClear,
			holds: p.OK && p.Total.Cmp(need) >= 0, clear: !p.OK || p.Total.Cmp(need) < 0,
			value: p.Total, threshold: need, window: window{t.now.Add(-24 * time.Hour), t.now},
			detail:  detail{Window: w.String(), Threshold: threshold, Amount: amount.String(), Baseline: p.How, Calls: sum.calls, Unpriced: sum.unpriced},
			crossed: t.newest,
		}
		v.summary = fmt.Sprintf("%s will have spent %s%s USD of its %s USD for %s, going by %s; %s USD so far",
			s, atLeast(sum.unpriced), p.Total.Short(), amount.Short(), w, p.How, sum.spend.Short())
		out = append(out, v)
	}
	return out, nil
}

// forecastClear is how long a forecast has to stay below its threshold: it wavers by nature.
const forecastClear = 2 * time.Hour

// burns returns a verdict per burn window: the pace at which the budget is being used up.
func (b *budgets) burns(ctx context.Context, t *tick, rule Budget, w window, s who, amount ledger.Sum) ([]verdict, error) {
	if rule.Burn == nil {
		return nil, nil
	}
	pace := detect.Rate{Spend: amount, In: w.to.Sub(w.from)}
	end := t.now.Truncate(time.Minute).Add(time.Minute)
	var out []verdict
	for i, bw := range rule.Burn.Windows {
		within := func(d time.Duration) (total, error) {
			totals, err := b.sums.of(ctx, t, rule.By, window{end.Add(-d), end})
			return totals[s], err
		}
		long, err := within(bw.Long)
		if err != nil {
			return nil, err
		}
		short, err := within(bw.Short)
		if err != nil {
			return nil, err
		}
		f, err := detect.Burn{Long: bw.Long, Short: bw.Short, Factor: bw.Factor.Sum}.Judge(pace, long.spend, short.spend)
		if err != nil {
			return nil, err
		}
		v := verdict{
			key:  key{rule: rule.Name + ":burn", tenant: s.tenant, threshold: i + 1, by: rule.By, value: s.value},
			kind: KindBurn, severity: bw.Severity, known: t.fresh && (!t.behind || f.Holds), clearFor: burnClear,
			holds: f.Holds, clear: f.Clear, value: f.Value, threshold: f.Need, window: window{t.now.Add(-bw.Long), t.now},
			detail:  detail{Window: bw.Long.String() + " and " + bw.Short.String(), Factor: bw.Factor.Short(), Amount: amount.String(), Calls: long.calls, Unpriced: long.unpriced},
			crossed: t.newest,
		}
		if rule.Throttle != nil && rule.Burn.Throttle && bw.Severity == Critical {
			v.throttle = rule.Throttle
		}
		v.summary = fmt.Sprintf("%s burns its %s USD for %s %s times too fast: %s%s USD in %s and %s USD in %s",
			s, amount.Short(), w, bw.Factor.Short(), atLeast(long.unpriced), long.spend.Short(), bw.Long, short.spend.Short(), bw.Short)
		out = append(out, v)
	}
	return out, nil
}

// burnClear is how long the short window has to be below the pace.
const burnClear = 5 * time.Minute
