package alerts

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

// verdicts watch what a provider refuses and how much of a quota is left. Quotas belong to the account, so tenants are
// added up per provider and model.
func (l Limit) verdicts(t *tick, open episodes) ([]verdict, error) {
	sums := map[who]cell{}
	for w, c := range t.of(byProviderModel).within(l.Window, t.watermark) {
		sum := sums[who{"", w.value}]
		sum.add(c)
		sums[who{"", w.value}] = sum
	}
	d := detect.Share{Percent: l.Percent, Clear: l.ClearPercent, MinCalls: uint64(l.MinCalls)}
	var out []verdict
	for _, w := range about(l.Name, "", sums, open) {
		if l.Model != "" && l.Model != w.value {
			continue
		}
		c := sums[w]
		v := verdict{key: key{rule: l.Name, by: byProviderModel, value: w.value}, kind: KindLimit, severity: Warning, known: t.fresh, clearFor: l.ClearAfter,
			value: count(c.limited), threshold: count(c.calls), detail: detail{Window: l.Window.String(), Calls: c.calls}}
		v.holds, v.clear = d.Judge(c.limited, c.calls)
		quota, from := l.quotaOf(t, w.value)
		room, low := headroom(quota, from, tokensOf(t, w.value))
		v.holds, v.clear = v.holds || low, v.clear && !low
		v.summary = fmt.Sprintf("%s refuses %d of %d calls with 429 in %s (%d %% are too many); headroom: %s", w.value, c.limited, c.calls, l.Window, l.Percent, room)
		v.cross = func(context.Context) (time.Time, error) { return c.newest, nil }
		out = append(out, v)
	}
	return out, nil
}

// tokensOf are the tokens of all tenants in the last minute.
func tokensOf(t *tick, model string) (n uint64) {
	for w, c := range t.of(byProviderModel).within(time.Minute, t.watermark) {
		if w.value == model {
			n += c.tokens
		}
	}
	return n
}

// lowHeadroom is the percentage of a quota that is too little to be left.
const lowHeadroom = 10

// headroom is 1 − tokens of the last minute / quota, in percent rounded down; "not reported" where no quota is known.
func headroom(quota int64, from string, tokens uint64) (text string, low bool) {
	if quota <= 0 {
		return "not reported (no quota is configured, and no response's header says one)", false
	}
	left := new(big.Int).Sub(big.NewInt(quota), new(big.Int).SetUint64(tokens))
	left.Mul(left, big.NewInt(100)).Div(left, big.NewInt(quota)) // Euclidean: rounds down
	return fmt.Sprintf("%s %% (%d of %d tokens a minute used; the quota is %s)", left, tokens, quota, from), left.Cmp(big.NewInt(lowHeadroom)) < 0
}
