package second

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/pricing"
)

func TestEveryDisagreementIsListed(t *testing.T) {
	book, err := pricing.Builtin()
	require.NoError(t, err)
	o, err := Compare(book)
	require.NoError(t, err)
	var text strings.Builder
	err = o.Write(&text, false)
	require.NoError(t, err, text.String())
	require.Contains(t, text.String(), "0 not listed")
	require.GreaterOrEqual(t, o.Models, 300)
}

// The comparison sees what it is there for: a price changed by a hundredth, in either opinion.
func TestAChangedPriceIsSeen(t *testing.T) {
	book, err := pricing.Builtin()
	require.NoError(t, err)
	_, of, err := lists()
	require.NoError(t, err)
	changed := strings.Replace(string(litellm), `"input_cost_per_token": 0.0000025`, `"input_cost_per_token": 0.00000251`, 1)
	if changed == string(litellm) {
		changed = strings.Replace(string(litellm), `"input_cost_per_token": 2.5e-06`, `"input_cost_per_token": 2.51e-06`, 1)
	}
	require.NotEqual(t, string(litellm), changed)
	count := func(content string) (n int) {
		facts, err := Facts(book, []byte(content), of)
		require.NoError(t, err)
		for i := range facts {
			if facts[i].Differ() {
				n++
			}
		}
		return n
	}
	require.Greater(t, count(changed), count(string(litellm)))

	lines := strings.Split(string(usages), "\n")
	i := 1
	for !strings.HasPrefix(lines[i], "openai\tgpt-4o\tstandard\t") {
		i++
	}
	totals, err := Totals(book, []byte(lines[i]))
	require.NoError(t, err)
	require.True(t, totals[0].Compared() && totals[0].Equal())
	cut := strings.LastIndex(lines[i], "\t")
	totals, err = Totals(book, []byte(lines[i][:cut]+"\t1"+lines[i][cut+1:]))
	require.NoError(t, err)
	require.False(t, totals[0].Equal())
}
