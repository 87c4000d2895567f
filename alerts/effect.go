package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// proof is how far it is known that a throttle of one episode works: ordered, acknowledged, read back, effective.
type proof struct {
	episode     uuid.UUID
	level       gateway.Level // what was ordered last, harder than the policy's after a throttle without effect
	before      cell          // use in EffectWindow before the first command
	acked       time.Time     // first acknowledgement at this level
	concluded   bool          // effective, or reported as not
	ineffective bool          // the last conclusion
	biting      bool          // a command that may bite is on its way
	looked      time.Time     // last look at what the gateway holds
	lost        bool          // it didn't hold what it took
	losses      int           // how often, in this episode
	blind       bool          // it has no read-back
}

// begin starts the proof of an episode's throttle.
func (p *proof) begin(w wish, before cell) {
	*p = proof{episode: w.episode, level: w.policy.Level, before: before, biting: p.biting, looked: p.looked, blind: p.blind}
}

// levels are in order of hardness.
var levels = []gateway.Level{gateway.Release, gateway.Notify, gateway.Slow, gateway.Cap, gateway.Block}

func hardness(l gateway.Level) int { return slices.Index(levels, l) }

// harder is the next level, if the configuration lets a throttle come to it.
func (t *ThrottleConfig) harder(l gateway.Level) (gateway.Level, bool) {
	i := hardness(l) + 1
	if l == gateway.Notify || i >= len(levels) || i > hardness(t.EscalateTo) {
		return "", false
	}
	return levels[i], true
}

// found is what a measurement wrote into throttle_events.
type found struct {
	BeforeUSD    string `json:"before"`
	BeforeCalls  uint64 `json:"before_calls"`
	BeforeTokens uint64 `json:"before_tokens,omitempty"`
	AfterUSD     string `json:"after,omitempty"`
	AfterCalls   uint64 `json:"after_calls,omitempty"`
	Window       string `json:"window"`
}

// baseline is the note of the first command at a level: the use that its effect will be measured against.
func (h *hold) baseline(cmd gateway.Command) string {
	if cmd.DryRun || !h.acked.IsZero() {
		return ""
	}
	b, err := json.Marshal(found{BeforeUSD: h.before.spend.String(), BeforeCalls: h.before.calls, BeforeTokens: h.before.tokens})
	if err != nil {
		panic("alerts: a baseline is always JSON: " + err.Error())
	}
	return string(b)
}

// proofOf reads how far the proof of a held command had come before a restart.
func (s store) proofOf(ctx context.Context, gatewayName string, held gateway.Command) (proof, error) {
	p := proof{}
	id, err := uuid.Parse(held.Episode)
	if err != nil {
		p.concluded = true // of no episode: nobody measures it
		return p, nil
	}
	p.episode = id
	params := params{"gateway": text(gatewayName), "tenant": text(held.Tenant), "team": text(held.Team), "key": text(held.Key), "user": text(held.User),
		"model": text(held.Model), "episode": held.Episode, "level": string(held.Level)}
	var note string
	err = s.each(ctx, "throttle_proof", params, func(rows driver.Rows) error { return rows.Scan(&note, &p.acked, &p.concluded, &p.ineffective) })
	if err != nil {
		return p, err
	}
	var f found
	if json.Unmarshal([]byte(note), &f) != nil { // ordered without a note: there is nothing to compare with
		p.concluded = true
		return p, nil
	}
	p.before.calls, p.before.tokens = f.BeforeCalls, f.BeforeTokens
	p.before.spend, err = ledger.ParseSum(f.BeforeUSD)
	return p, err
}

// receipts are what was received lately from a subject; ok is false for one that the ledger isn't counted by.
func (tk *tick) receipts(s gateway.Subject) (r *recent, w who, ok bool) {
	w = who{tenant: s.Tenant}
	r = tk.recent
	for _, p := range []struct{ dimension, value string }{{byTeam, s.Team}, {byKey, s.Key}, {byModel, s.Model}} {
		if p.value == "" {
			continue
		}
		if w.value != "" {
			return nil, w, false
		}
		r, w.value = tk.recents[p.dimension], p.value
	}
	return r, w, r != nil && s.User == ""
}

// useBefore is the subject's use in the EffectWindow that ends now, with or without the bucket that has just begun,
// whichever is more.
func (t *throttles) useBefore(tk *tick, s gateway.Subject) cell {
	r, w, ok := tk.receipts(s)
	if !ok {
		return cell{}
	}
	end, span := r.bucketOf(tk.watermark), t.span(r)
	whole, running := r.received(w, end-span, end-1), r.received(w, end-span+1, end)
	if running.spend.Cmp(whole.spend) > 0 || (running.spend.Cmp(whole.spend) == 0 && running.calls > whole.calls) {
		return running
	}
	return whole
}

// span is the EffectWindow in buckets.
func (t *throttles) span(r *recent) int64 { return max(1, int64(t.cfg.EffectWindow/r.bucket)) }

// measure looks in the ledger for the effect of an episode's throttle at its present level.
func (t *throttles) measure(tk *tick, h *hold) error {
	if (h.concluded && !h.ineffective) || h.acked.IsZero() || h.current.Sequence == 0 || h.current.DryRun || h.current.Level == gateway.Notify {
		return nil
	}
	r, w, ok := tk.receipts(h.subject)
	if !ok {
		return nil
	}
	begin, span := r.bucketOf(h.acked)+1, t.span(r)
	end := r.bucketOf(earlier(tk.watermark, r.last))
	if end < begin+span {
		return nil
	}
	after := r.received(w, end-span, end-1)
	obeyed, err := t.obeyed(h, after)
	if err != nil {
		return err
	}
	note, err := json.Marshal(found{BeforeUSD: h.before.spend.String(), BeforeCalls: h.before.calls, AfterUSD: after.spend.String(), AfterCalls: after.calls,
		Window: t.cfg.EffectWindow.String()})
	if err != nil {
		return fmt.Errorf("encode measurement: %w", err)
	}
	elapsed := time.Duration(end-begin) * r.bucket
	switch {
	case obeyed:
		h.concluded, h.ineffective = true, false
		t.log.Info("throttle is effective", "subject", h.subject, "level", h.current.Level, "before", h.before.spend.Short(), "after", after.spend.Short(), "window", t.cfg.EffectWindow)
		t.record(h.current, StepEffective, string(note), tk.now)
		return nil
	case elapsed < t.cfg.EffectWithin, h.concluded: // without effect is said once; that it came late, too
		return nil
	}
	// What was used since, without the first window: calls from before the command are still coming in then.
	used := r.received(w, begin+span, end-1)
	left, err := withinAllowance(h.current, used, elapsed)
	if left || err != nil {
		return err // a cap that isn't used up yet refuses nobody
	}
	t.withoutEffect(tk, h, string(note))
	return nil
}

// withoutEffect writes it down, makes the next command harder where that is allowed, and lets the people's alert fire.
func (t *throttles) withoutEffect(tk *tick, h *hold, note string) {
	h.concluded, h.ineffective = true, true
	next, ok := t.cfg.harder(h.current.Level)
	t.log.Error("throttle is acknowledged and without effect: is all of the subject's traffic behind this gateway?",
		"subject", h.subject, "level", h.current.Level, "next", next, "measured", note)
	t.record(h.current, StepIneffective, "no effect: "+note, tk.now)
	if ok {
		h.level, h.acked, h.concluded = next, time.Time{}, false
	}
}

// obeyed reports that the use has fallen to half of what it was, or keeps to the pace of every limit.
func (t *throttles) obeyed(h *hold, after cell) (bool, error) {
	if after.spend.Add(after.spend).Cmp(h.before.spend) <= 0 && 2*after.calls <= h.before.calls {
		return true, nil
	}
	l := h.current.Limits
	if h.current.Level == gateway.Block || (l.USD == 0 && l.Requests == 0 && l.Tokens == 0) {
		return false, nil
	}
	return keepsTo(l, after, func(limit ledger.Sum) (ledger.Sum, error) {
		return detect.Rate{Spend: limit, In: l.Per}.Scaled(detect.One, t.cfg.EffectWindow)
	})
}

// withinAllowance reports that the use since the command is no more than a gateway that obeys would let pass.
func withinAllowance(cmd gateway.Command, used cell, elapsed time.Duration) (bool, error) {
	l := cmd.Limits
	if cmd.Level != gateway.Cap {
		return false, nil
	}
	periods := elapsed/l.Per + 1
	return keepsTo(l, used, func(limit ledger.Sum) (ledger.Sum, error) {
		return detect.Rate{Spend: limit, In: l.Per}.Scaled(detect.One, periods*l.Per)
	})
}

// keepsTo compares every kind that is limited with what is allowed of it.
func keepsTo(l gateway.Limits, use cell, allowed func(limit ledger.Sum) (ledger.Sum, error)) (bool, error) {
	for _, k := range []struct {
		limit, used ledger.Sum
		limited     bool
	}{
		{ledger.SumOf(l.USD), use.spend, l.USD > 0},
		{count(uint64(l.Requests)), count(use.calls), l.Requests > 0},
		{count(uint64(l.Tokens)), count(use.tokens), l.Tokens > 0},
	} {
		if !k.limited {
			continue
		}
		most, err := allowed(k.limit)
		if err != nil {
			return false, err
		}
		if k.used.Cmp(most) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// ThrottleRule is the rule of the alert that a throttle isn't proved.
const ThrottleRule = "throttle-unproved"

// mostLosses and mostFailures are how often in a row a command may be lost or fail before people are told.
const (
	mostLosses   = 3
	mostFailures = 3
)

// verdicts tell people of throttles that a gateway doesn't take, doesn't keep, or that have no effect.
func (t *throttles) verdicts(open episodes) (out []verdict) {
	spoken := map[key]bool{}
	for s, h := range t.holds {
		k := key{rule: ThrottleRule, tenant: s.Tenant, by: byPart, value: s.Part()}
		if k.value == "" {
			k.by = byTenant
		}
		v := verdict{key: k, kind: KindThrottle, severity: Critical, known: true,
			crossed: later(h.acked, h.current.Issued)}
		switch {
		case h.failures >= mostFailures:
			v.holds, v.summary = true, fmt.Sprintf("the gateway %s doesn't take the throttle of %s: %s", t.name(), s, h.trouble)
		case h.losses >= mostLosses && h.current.Sequence > 0:
			v.holds, v.summary = true, fmt.Sprintf("the gateway %s took the throttle of %s and lost it %d times: %s", t.name(), s, h.losses, h.trouble)
		case h.ineffective && h.current.Sequence > 0:
			v.holds, v.summary = true, fmt.Sprintf("%s is throttled (%s), and its calls go on: is all of its traffic behind the gateway %s?", s, h.current.Level, t.name())
		default:
			v.clear, v.summary = true, fmt.Sprintf("the throttle of %s is proved or over", s)
		}
		if v.holds || open[k] != nil {
			spoken[k] = true
			out = append(out, v)
		}
	}
	for k := range open {
		if k.rule == ThrottleRule && !spoken[k] {
			out = append(out, verdict{key: k, kind: KindThrottle, severity: Critical, known: true, clear: true, summary: "the throttle of " + k.tenant + " is over"})
		}
	}
	return out
}
