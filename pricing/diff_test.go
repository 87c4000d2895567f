package pricing

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollkeeper/tollkeeper/ledger"
	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	before := testBook(t, `
provider: maker
tenants: [acme]
discounts: [{models: [m1], factor: 0.9, from: 2026-11-01}]
models: [{model: old, prices: [{usd_per_million: {input: 4}}]}]
`)
	after := testBook(t, `
provider: maker
tenants: [acme]
discounts: [{models: [m1], factor: 0.8, from: 2026-11-01}]
models: [{model: new, prices: [{from: 2026-11-01, usd_per_million: {input: 3}, usd_per_unit: {page: 0.1}}]}]
`, `
provider: maker
models: [{model: m2, prices: [{from: 2026-11-15, usd_per_million: {input: 0.75}}]}]
`)
	require.Empty(t, Diff(before, before, time.Time{}, time.Time{}))
	var out bytes.Buffer
	require.NoError(t, WriteDiff(&out, Diff(before, after, time.Time{}, time.Time{})))
	golden(t, "diff.txt", out.String())
	out.Reset()
	require.NoError(t, WriteDiff(&out, Diff(after, after, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), testTime)))
	golden(t, "diff-days.txt", out.String())

	require.Equal(t, "+50.0 %", percent("1", "1.5"))
	require.Equal(t, "-33.3 %", percent("3", "2"))
	require.Empty(t, percent("0", "2"))
	require.Empty(t, percent("", "2"))
}

func TestChangedPast(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return at
	}
	before := testBook(t)
	for name, c := range map[string]struct {
		file, command string
		past          []Past
	}{
		"nothing": {file: "provider: maker\nmodels: [{model: m2, prices: [{usd_per_million: {input: 1, image_input: 1}}]}]"},
		"less than before": {
			file:    "provider: maker\nmodels: [{model: m2, prices: [{from: 2026-11-01, usd_per_million: {input: 1}}]}]",
			past:    []Past{{"maker", "m2", "", day("2026-11-01"), testTime}},
			command: `tollkeeper rerate --from 2026-11-01 --to 2026-11-23 --model m2 --reason "…"`,
		},
		"in the future": {file: "provider: maker\nmodels: [{model: m2, prices: [{from: 2026-12-01, usd_per_million: {input: 2}}]}]"},
		"in the past": {
			file:    "provider: maker\nmodels: [{model: m2, prices: [{from: 2026-11-01, usd_per_million: {input: 2}}]}]",
			past:    []Past{{"maker", "m2", "", day("2026-11-01"), testTime}},
			command: `tollkeeper rerate --from 2026-11-01 --to 2026-11-23 --model m2 --reason "…"`,
		},
		"a tenant's, and it has ended": {
			file:    "provider: maker\ntenants: [acme, 'o''hara']\ndiscounts: [{models: [m1], factor: 0.5, from: 2026-05-01, to: 2026-07-01}]",
			past:    []Past{{"maker", "m1", "acme", day("2026-05-01"), day("2026-07-01")}, {"maker", "m1", "o'hara", day("2026-05-01"), day("2026-07-01")}},
			command: `tollkeeper rerate --from 2026-05-01 --to 2026-07-01 --model m1 --reason "…"`,
		},
		"one tenant's": {
			file:    "provider: maker\ntenants: [big corp]\ndiscounts: [{models: [m2], factor: 0.5, from: 2026-11-20}]",
			past:    []Past{{"maker", "m2", "big corp", day("2026-11-20"), testTime}},
			command: `tollkeeper rerate --from 2026-11-20 --to 2026-11-23 --tenant 'big corp' --model m2 --reason "…"`,
		},
		"from the beginning": {
			file:    "provider: maker\nmodels: [{model: m9, prices: [{usd_per_million: {input: 2}}]}]",
			past:    []Past{{"maker", "m9", "", time.Time{}, testTime}},
			command: `tollkeeper rerate --from FIRST-DAY --to 2026-11-23 --model m9 --reason "…"`,
		},
		"some hours of the day": {
			file:    "provider: maker\nmodels: [{model: m2, prices: [{usd_per_million: {input: 1, image_input: 1}}, {from: 2026-11-10, hours: 01:00-02:00, usd_per_million: {input: 0.5}}]}]",
			past:    []Past{{"maker", "m2", "", day("2026-11-10"), testTime}},
			command: `tollkeeper rerate --from 2026-11-10 --to 2026-11-23 --model m2 --reason "…"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			past := ChangedPast(before, testBook(t, c.file), testTime)
			require.Equal(t, c.past, past)
			require.Equal(t, c.command, Rerate(past, testTime))
		})
	}
}

// Whatever two files say: a call of the past that they price differently is of a model, a buyer and a time that ChangedPast names.
func TestChangedPastMissesNothing(t *testing.T) {
	price := rapid.SampledFrom([]string{"1", "2"})
	day := rapid.SampledFrom([]string{"2026-10-01", "2026-11-01", "2026-11-21", "2026-12-01"})
	file := rapid.Custom(func(t *rapid.T) string {
		text := "provider: maker\n"
		if rapid.Bool().Draw(t, "negotiated") {
			text += "tenants: [acme]\n"
		}
		if rapid.Bool().Draw(t, "discount") {
			text += "discounts: [{models: [m1, m2], factor: 0." + price.Draw(t, "factor") + ", from: " + day.Draw(t, "from") + "}]\n"
		}
		return text + "models: [{model: m2, prices: [{from: " + day.Draw(t, "from") + ", usd_per_million: {input: " + price.Draw(t, "price") + "}}]}]\n"
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := testBook(t, file.Draw(t, "before")), testBook(t, file.Draw(t, "after"))
		past := ChangedPast(before, after, testTime)
		for range 20 {
			c := call(rapid.SampledFrom([]string{"m1", "m2"}).Draw(t, "model"), map[ledger.Bucket]int64{ledger.FreshInput: 1_000_000})
			c.Tenant = rapid.SampledFrom([]string{"acme", "other"}).Draw(t, "tenant")
			c.Start = testTime.Add(-time.Duration(rapid.Int64Range(1, int64(80*24*time.Hour)).Draw(t, "age"))).UnixNano()
			old, now := c, c
			before.Rate(&old)
			after.Rate(&now)
			if old.TotalCost() == now.TotalCost() && old.Unpriced == now.Unpriced {
				continue
			}
			named := false
			for _, p := range past {
				named = named || p.Model == c.Model && (p.Tenant == "" || p.Tenant == c.Tenant) && c.Start < p.To.UnixNano() && (p.From.IsZero() || c.Start >= p.From.UnixNano())
			}
			require.True(t, named, "%s of %s at %s: %s, then %s", c.Model, c.Tenant, time.Unix(0, c.Start).UTC(), old.TotalCost(), now.TotalCost())
		}
	})
}
