package genai_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// TestRereadingByTheSameRulesChangesNothing reads every recorded call again from its raw counts alone, as it is stored: priced.
func TestRereadingByTheSameRulesChangesNothing(t *testing.T) {
	rules, err := genai.BuiltinRules()
	require.NoError(t, err)
	book, err := pricing.Builtin()
	require.NoError(t, err)
	all, err := replay.Load("testdata/recordings")
	require.NoError(t, err)
	again, left := 0, 0
	for _, r := range all {
		eachCall(rules, &r, func(c ledger.Call, _ genai.Origin, aggregate bool) {
			book.Charge(&c, nil)
			got := c
			if !rules.Reread(&got) {
				left++
				require.Equal(t, c, got)
				require.True(t, aggregate || c.Flags&ledger.FlagBadCount != 0 || c.Usage.Tokens[ledger.AudioInput]+c.Usage.Tokens[ledger.ImageInput] > 0, "%s: %s", r.Name, c.Rule)
				return
			}
			again++
			book.Recharge(&got, nil)
			require.Equal(t, c.Flags.String(), got.Flags.String(), r.Name)
			require.Equal(t, c, got, r.Name)
		})
	}
	t.Logf("%d calls read again, %d left", again, left)
	require.Greater(t, again, 100)
	require.Greater(t, again, 5*left) // most of those left are aggregates
}

func TestRereadingByARuleThatHasLearned(t *testing.T) {
	rule := func(cache string) *genai.Rules {
		rules, err := genai.ParseRules([]byte("rules: [{id: all, source: test, cache_read: " + cache + "}]\noperations: {chat: []}"))
		require.NoError(t, err)
		return rules
	}
	c := ledger.Call{Rule: "all", Operation: "chat"}
	c.Raw.Set(ledger.RawInput, 100)
	c.Raw.Set(ledger.RawCacheRead, 60)
	c.Raw.Set(ledger.RawOutput, 7)
	c.Usage.Units[ledger.UnitRequest] = 1
	fresh := func(rules *genai.Rules) [2]int64 {
		require.True(t, rules.Reread(&c))
		require.EqualValues(t, 1, c.Usage.Units[ledger.UnitRequest])
		return [2]int64{c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.CacheRead]}
	}
	require.Equal(t, [2]int64{40, 60}, fresh(rule("inside")))
	require.Equal(t, [2]int64{100, 60}, fresh(rule("outside")))
	require.NotEqual(t, rule("inside").Version(), rule("outside").Version())
	c.Raw.Set(ledger.RawCacheRead, 160)
	require.Equal(t, [2]int64{100, 160}, fresh(rule("inside")))
	require.Equal(t, ledger.FlagContradiction, c.Flags)
	require.Equal(t, [2]int64{100, 160}, fresh(rule("outside")))
	require.Zero(t, c.Flags)
	c.Rule = "gone"
	require.False(t, rule("inside").Reread(&c))
}
