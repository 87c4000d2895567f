package alerts

import (
	"context"
	"fmt"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// spendBefore is the tenant's spend in the EffectWindow that ends now, with or without the bucket that has just begun,
// whichever is more.
func (t *throttles) spendBefore(tk *tick, tenant string) ledger.Sum {
	end, span := tk.recent.bucketOf(tk.watermark), int64(t.cfg.EffectWindow/tk.recent.bucket)
	whole, running := tk.recent.received(who{tenant: tenant}, end-span, end-1).spend, tk.recent.received(who{tenant: tenant}, end-span+1, end).spend
	if running.Cmp(whole) > 0 {
		return running
	}
	return whole
}

// measure looks in the ledger for the effect of the first command of an episode.
func (t *throttles) measure(ctx context.Context, tk *tick, tenant string, h *hold) error {
	if h.concluded || h.acked.IsZero() || h.current.Sequence == 0 {
		return nil
	}
	begin := tk.recent.bucketOf(h.acked) + 1
	span := int64(t.cfg.EffectWindow / tk.recent.bucket)
	end := tk.recent.bucketOf(tk.watermark)
	if end < begin+span {
		return nil
	}
	after := tk.recent.received(who{tenant: tenant}, end-span, end-1).spend
	fallen := after.Add(after).Cmp(h.before) <= 0
	if l := h.current.Limits; !fallen && l.USD > 0 {
		allowed, err := detect.Rate{Spend: ledger.SumOf(l.USD), In: l.Per}.Scaled(detect.One, t.cfg.EffectWindow)
		if err != nil {
			return err
		}
		fallen = after.Cmp(allowed) <= 0
	}
	found := fmt.Sprintf(`{"before": "%s", "after": "%s", "window": "%s"}`, h.before, after, t.cfg.EffectWindow)
	switch {
	case fallen:
		h.concluded = true
		t.log.Info("throttle is effective", "tenant", tenant, "before", h.before.Short(), "after", after.Short(), "window", t.cfg.EffectWindow)
		return t.record(ctx, h.current, StepEffective, found, tk.now)
	case tk.now.Sub(h.acked) >= t.cfg.EffectWithin:
		h.concluded = true
		t.log.Error("throttle is acknowledged and without effect: is all of the tenant's traffic behind this gateway?",
			"tenant", tenant, "before", h.before.Short(), "after", after.Short(), "window", t.cfg.EffectWindow)
		return t.record(ctx, h.current, StepFailed, "no effect: "+found, tk.now)
	}
	return nil
}
