package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func TestParse(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for text, want := range map[string][2]string{trace: {trace, ""}, strings.ToUpper(trace) + "/00F067AA0BA902B7": {trace, "00f067aa0ba902b7"}} {
		a, b, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{a, b})
	}
	for _, bad := range []string{"", "x", trace[1:], trace + "/", trace + "/12", trace + "' OR 1"} {
		_, _, err := Parse(bad)
		require.ErrorContains(t, err, "want a trace id of 32 hex digits", bad)
	}
}

func TestAnAmountOfOtherPricesIsNotExplainedByThese(t *testing.T) {
	book, err := pricing.Builtin()
	require.NoError(t, err)
	r := Report{Ref: Ref{Tenant: "acme", Trace: "t", Span: "s"}, Provider: "openai", Model: "gpt-4o-mini", Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		PriceEntry: "openai/gpt-4o-mini", PriceVersion: "old", TenantSource: ledger.TenantFromAuth, Raw: map[string]int64{"input": 1000}}
	require.NoError(t, r.fill([]uint64{1000, 0, 0, 0, 0, 0, 0, 0, 0}, nil, []string{"0.0002", "0", "0", "0", "0", "0"}, 0))
	var out strings.Builder
	require.NoError(t, WriteText(&out, []Report{r}, book))
	require.Contains(t, out.String(), "cost       0.0002 USD\n")
	require.Contains(t, out.String(), "acme, by an authenticated identity")
	require.Regexp(t, `The present price book \(\w+\) would make it 0.00015 USD: the prices have changed since`, out.String())
	require.NotContains(t, out.String(), "1,000,000", "no sum that isn't the amount's")
	r.Unpriced, r.PriceEntry = ledger.UnpricedModel, ""
	out.Reset()
	require.NoError(t, WriteText(&out, []Report{r}, book))
	require.Contains(t, out.String(), "unpriced   unknown_model: its cost is not known, which is not zero")
}
