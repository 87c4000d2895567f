package alerts

import (
	"fmt"
	"math/big"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

// verdicts watch what a provider refuses and how much of a quota is left. Quotas belong to the account, so its tenants are
// added up per provider and model.
func (l Limit) verdicts(t *tick, open episodes) ([]verdict, error) {
	sums := l.together(t, l.Window)
	lastMinute := l.together(t, time.Minute)
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
		room, low := headroom(quota, from, lastMinute[w].tokens)
		v.holds, v.clear = v.holds || low, v.clear && !low
		v.summary = fmt.Sprintf("%s%s refuses %d of %d calls with 429 in %s (%d %% are too many); headroom: %s", w.value, l.ofAccount(), c.limited, c.calls, l.Window, l.Percent, room)
		v.crossed = c.newest
		out = append(out, v)
	}
	return out, nil
}

// together are the calls of the account's tenants in the last time d, per provider/model.
func (l Limit) together(t *tick, d time.Duration) map[who]cell {
	sums := map[who]cell{}
	for w, c := range t.of(byProviderModel).within(d, t.watermark) {
		if l.covers(w.tenant) {
			all := who{"", w.value}
			sum := sums[all]
			sum.add(c)
			sums[all] = sum
		}
	}
	return sums
}

func (l Limit) ofAccount() string {
	if l.Account == "" {
		return ""
	}
	return " (account " + l.Account + ")"
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
