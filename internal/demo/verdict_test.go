package demo

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func usd(t *testing.T, s string) ledger.Sum {
	t.Helper()
	v, err := ledger.ParseSum(s)
	require.NoError(t, err)
	return v
}

// sound is the evidence of a demo in which everything went well.
func sound(t *testing.T) evidence {
	accounts := map[string]account{
		"acme":   {calls: 10, answered: 8, amount: usd(t, "0.123456789012")},
		"globex": {calls: 5, answered: 5, amount: usd(t, "1.5")},
	}
	episode := Episode{Rule: "r", Tenant: "acme", Fired: true, Throttled: true, Released: true, Refused: 3,
		RateBefore: "0.400000000000", RateAfter: "0.100000000000",
		ReactionAlert: 2.13, ReactionThrottle: 2.4}
	return evidence{
		made:    map[string]apps.Counts{"acme": {Made: 10, OK: 8, Refused: 2}, "globex": {Made: 5, OK: 5}},
		truth:   map[string]modelserver.Bill{"acme": {Calls: 8, Amount: usd(t, "0.123456789012")}, "globex": {Calls: 5, Amount: usd(t, "1.5")}},
		ledger:  accounts,
		rollups: maps.Clone(accounts),
		spike:   episode, budget: episode,
	}
}

func TestVerdictWhenAllIsWell(t *testing.T) {
	r := judge(sound(t))
	require.NoError(t, r.Err())
	require.Equal(t, "1.623456789012", r.BilledByLedger)
	require.Equal(t, int64(15), r.CallsInLedger)
	require.Equal(t, int64(13), r.CallsBilled)
	require.Equal(t, []string{
		"spike    alert in 2.1 s, throttle in 2.4 s, 0.400 → 0.100 USD/min, released",
		"budget   alert in 2.1 s, throttle in 2.4 s, 0.400 → 0.100 USD/min, released",
		"calls    15 made, 13 billed, 15 in the ledger",
		"model server billed 1.623456789012 USD, ledger says 1.623456789012 USD: equal",
	}, r.lines())
	var out bytes.Buffer
	require.NoError(t, r.WriteJSON(&out))
	var back map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, "1.623456789012", back["billed_by_model_server_usd"])
	require.Equal(t, []any{}, back["problems"])
}

func TestVerdictNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(e *evidence)
		says  string
	}{
		"a call is missing": {func(e *evidence) {
			e.ledger["globex"] = account{calls: 4, answered: 4, amount: usd(t, "1.2")}
		}, "globex: the ledger has 4 calls, the apps made 5 (1 missing)"},
		"a call is doubled": {func(e *evidence) {
			e.rollups["globex"] = account{calls: 6, answered: 6, amount: usd(t, "1.8")}
		}, "globex: the rollups have 6 calls, the apps made 5 (1 too many)"},
		"10⁻¹² USD": {func(e *evidence) {
			e.ledger["acme"] = account{calls: 10, answered: 8, amount: usd(t, "0.123456789011")}
		}, "a difference of -0.000000000001 USD"},
		"without a price": {func(e *evidence) {
			a := e.ledger["acme"]
			a.unpriced = 1
			e.ledger["acme"] = a
		}, "1 calls without a price"},
		"an unknown tenant": {func(e *evidence) {
			e.ledger[ledger.Unattributed] = account{calls: 1, answered: 1}
		}, "unattributed: the ledger has 1 calls, the apps made 0"},
		"a tenant is missing": {func(e *evidence) { delete(e.ledger, "acme") }, "acme: the ledger has 0 calls"},
		"no traffic":          {func(e *evidence) { *e = evidence{spike: e.spike, budget: e.budget} }, "there was no traffic"},
		"not fired":           {func(e *evidence) { e.spike.Fired = false }, "the spike rule never fired for acme"},
		"not throttled":       {func(e *evidence) { e.budget.Throttled = false }, "the budget rule fired for acme, but the gateway was not throttled"},
		"not released":        {func(e *evidence) { e.spike.Released = false }, "was not released"},
		"nothing refused":     {func(e *evidence) { e.spike.Refused = 0 }, "refused no call"},
		"spend goes on":       {func(e *evidence) { e.budget.RateAfter = "0.210000000000" }, "did not fall by half"},
	} {
		t.Run(name, func(t *testing.T) {
			e := sound(t)
			c.spoil(&e)
			r := judge(e)
			require.ErrorContains(t, r.Err(), c.says)
		})
	}
}

func TestTheLineSaysNotEqual(t *testing.T) {
	e := sound(t)
	e.ledger["globex"] = account{calls: 4, answered: 4, amount: usd(t, "1.2")}
	r := judge(e)
	require.Contains(t, strings.Join(r.lines(), "\n"), "NOT EQUAL")
	require.False(t, r.OK())
}

func TestRateIsExact(t *testing.T) {
	require.Equal(t, "30.000000000030", perMinute(usd(t, "1.000000000001"), 2).String())
	require.Equal(t, "12.000000000012", perMinute(usd(t, "1.000000000001"), 5).String())
}
