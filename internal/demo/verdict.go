package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// evidence is everything the verdict is reached from.
type evidence struct {
	made    map[string]apps.Counts      // by the apps themselves
	truth   map[string]modelserver.Bill // by the model server
	ledger  map[string]account          // by the view calls
	rollups map[string]account          // by the view spend
	spike   Episode
	budget  Episode
}

// perMinute turns the sum of some seconds, a divisor of 60, into a rate per minute without dividing an amount.
func perMinute(sum ledger.Sum, seconds int) ledger.Sum {
	var rate ledger.Sum
	for range 60 / seconds {
		rate = rate.Add(sum)
	}
	return rate
}

// judge compares and lists every problem in a sentence: a call more or less, or 10⁻¹² USD, is one.
func judge(e evidence) Result {
	r := Result{Spike: e.spike, Budget: e.budget, Problems: []string{}}
	bad := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	names := map[string]bool{}
	for _, keys := range [][]string{slices.Collect(maps.Keys(e.made)), slices.Collect(maps.Keys(e.truth)),
		slices.Collect(maps.Keys(e.ledger)), slices.Collect(maps.Keys(e.rollups))} {
		for _, k := range keys {
			names[k] = true
		}
	}
	var made apps.Counts
	var truth modelserver.Bill
	var inLedger, inRollups account
	for _, t := range slices.Sorted(maps.Keys(names)) {
		m, b, l, s := e.made[t], e.truth[t], e.ledger[t], e.rollups[t]
		r.Tenants = append(r.Tenants, TenantResult{Tenant: t, CallsMade: m.Made, CallsInLedger: l.calls, Refused: m.Refused,
			BilledByModelServer: b.Amount.String(), BilledByLedger: l.amount.String(), BilledByRollups: s.amount.String()})
		made, truth.Calls, truth.Amount = made.Add(m), truth.Calls+b.Calls, truth.Amount.Add(b.Amount)
		inLedger, inRollups = inLedger.add(l), inRollups.add(s)
		compare(bad, t, "the ledger has", "the ledger", m.Made, b, l)
		compare(bad, t, "the rollups have", "the rollups", m.Made, b, s)
	}
	r.CallsMade, r.CallsInLedger, r.CallsInRollup = made.Made, inLedger.calls, inRollups.calls
	r.CallsBilled, r.CallsBilledInLedger, r.Unpriced = truth.Calls, inLedger.answered, inLedger.unpriced
	r.BilledByModelServer, r.BilledByLedger, r.BilledByRollups = truth.Amount.String(), inLedger.amount.String(), inRollups.amount.String()
	if truth.Calls == 0 {
		bad("the model server billed no call: there was no traffic")
	}
	judgeEpisode(bad, "spike", &e.spike)
	judgeEpisode(bad, "budget", &e.budget)
	return r
}

func compare(bad func(string, ...any), tenant, has, says string, made int64, truth modelserver.Bill, a account) {
	if a.calls != made {
		bad("%s: %s %d calls, the apps made %d (%s)", tenant, has, a.calls, made, moreOrLess(a.calls-made))
	}
	if a.answered != truth.Calls {
		bad("%s: %s %d calls that were answered, the model server billed %d (%s)", tenant, has, a.answered,
			truth.Calls, moreOrLess(a.answered-truth.Calls))
	}
	if a.amount != truth.Amount {
		bad("%s: %s: %s USD, the model server billed %s USD, a difference of %s USD", tenant, says, a.amount,
			truth.Amount, a.amount.Sub(truth.Amount))
	}
	if a.unpriced > 0 {
		bad("%s: %s %d calls without a price, though every model of the demo is in the price book", tenant, has, a.unpriced)
	}
}

func moreOrLess(d int64) string {
	if d < 0 {
		return fmt.Sprintf("%d missing", -d)
	}
	return fmt.Sprintf("%d too many", d)
}

// judgeEpisode asks for the whole loop: fired, throttled, calls refused, spend fallen to less than half, released.
func judgeEpisode(bad func(string, ...any), name string, e *Episode) {
	switch {
	case !e.Fired:
		bad("the %s rule never fired for %s, although it ran away", name, e.Tenant)
		return
	case !e.Throttled:
		bad("the %s rule fired for %s, but the gateway was not throttled", name, e.Tenant)
		return
	case !e.Released:
		bad("the throttle of the %s rule on %s was not released", name, e.Tenant)
	}
	if e.Refused == 0 {
		bad("the gateway refused no call of %s under the throttle of the %s rule", e.Tenant, name)
	}
	before, err := ledger.ParseSum(e.RateBefore)
	after, err2 := ledger.ParseSum(e.RateAfter)
	if err != nil || err2 != nil || after.Add(after).Cmp(before) > 0 {
		bad("the spend of %s did not fall by half under the throttle of the %s rule: %s USD a minute before, %s after",
			e.Tenant, name, e.RateBefore, e.RateAfter)
	}
}

// lines is the verdict for people; the last one holds the model server's bill against the ledger.
func (r *Result) lines() []string {
	verdict := "equal"
	if r.BilledByModelServer != r.BilledByLedger || r.BilledByLedger != r.BilledByRollups || r.CallsBilled != r.CallsBilledInLedger {
		verdict = "NOT EQUAL"
	}
	return []string{
		r.Spike.line("spike"), r.Budget.line("budget"),
		fmt.Sprintf("calls    %d made, %d billed, %d in the ledger", r.CallsMade, r.CallsBilled, r.CallsInLedger),
		fmt.Sprintf("model server billed %s USD, ledger says %s USD: %s", r.BilledByModelServer, r.BilledByLedger, verdict),
	}
}

// toThousandth cuts an amount of 12 decimal places to three, for display.
func toThousandth(amount string) string {
	if n := len(amount) - ledger.MoneyScale + 3; n > 0 {
		return amount[:n]
	}
	return amount
}

// line says how a runaway was met.
func (e *Episode) line(name string) string {
	switch {
	case !e.Fired:
		return fmt.Sprintf("%-8s no alert fired", name)
	case !e.Throttled:
		return fmt.Sprintf("%-8s alert in %.1f s, but no throttle", name, e.ReactionAlert)
	}
	end := "released"
	if !e.Released {
		end = "NOT RELEASED"
	}
	return fmt.Sprintf("%-8s alert in %.1f s, throttle in %.1f s, %s → %s USD/min, %s", name, e.ReactionAlert,
		e.ReactionThrottle, toThousandth(e.RateBefore), toThousandth(e.RateAfter), end)
}

// Err is an error that says everything that is wrong, or nil.
func (r *Result) Err() error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("demo: %s", strings.Join(r.Problems, "; "))
}
