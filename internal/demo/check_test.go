package demo

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func goodResult() Result {
	e := Episode{Fired: true, Throttled: true, Refused: 5, Released: true, RateBefore: "1.00", RateAfter: "0.05", ReactionAlert: 1, ReactionThrottle: 2}
	return Result{CallsMade: 10, CallsInLedger: 10, CallsInRollup: 10, BilledByModelServer: "0.5", BilledByLedger: "0.5", BilledByRollups: "0.5", Spike: e, Budget: e}
}

func TestCheckPassesAndEndsWithOneLine(t *testing.T) {
	r, out := goodResult(), new(strings.Builder)
	require.NoError(t, r.WriteCheck(out, false))
	require.True(t, strings.HasSuffix(out.String(), "DEMO: got 12 of 12, 0 s (goal all) ok\n"), out.String())
}

func TestCheckFailsOnEachMissedGoal(t *testing.T) {
	for name, spoil := range map[string]func(*Result){
		"a call too few":       func(r *Result) { r.CallsInLedger-- },
		"rollups behind":       func(r *Result) { r.CallsInRollup-- },
		"a digit of money":     func(r *Result) { r.BilledByLedger = "0.500000000001" },
		"money in the rollups": func(r *Result) { r.BilledByRollups = "0.4" },
		"no alert":             func(r *Result) { r.Spike.Fired = false },
		"slow throttle":        func(r *Result) { r.Budget.ReactionThrottle = ReactionGoal + 1 },
		"nothing refused":      func(r *Result) { r.Spike.Refused = 0 },
		"not released":         func(r *Result) { r.Budget.Released = false },
		"a problem":            func(r *Result) { r.Problems = []string{"the moon is full"} },
	} {
		r, out := goodResult(), new(strings.Builder)
		spoil(&r)
		require.Error(t, r.WriteCheck(out, false), name)
		require.Contains(t, out.String(), "short", name)
		require.Error(t, r.WriteCheck(new(strings.Builder), true), name)
	}
}

func TestCheckAsJSON(t *testing.T) {
	r, out := goodResult(), new(strings.Builder)
	require.NoError(t, r.WriteCheck(out, true))
	require.Equal(t, 12, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), `{"name":"spike: alert after, s","got":"1.0","goal":"<= 10","ok":true}`)
}
