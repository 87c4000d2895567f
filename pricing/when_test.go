package pricing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestPricesOfSomeHours(t *testing.T) {
	b, err := Parse([]byte(`
provider: maker
source: {url: https://example.com, checked: 2026-11-22}
models:
  - model: m
    source: {url: https://example.com/m}
    prices:
      - usd_per_million: {input: 1}
        to: 2026-11-01
      - from: 2026-11-01
        source: {via: a letter}
        usd_per_million: {input: 2}
      - from: 2026-11-01
        hours: 16:30-00:30
        usd_per_million: {input: 3}
      - from: 2026-11-01
        hours: 01:00-04:00
        usd_per_million: {input: 4}
`), []byte("provider: maker\ntenants: [acme]\nsource: {via: contract}\ndiscounts: [{models: ['*'], factor: 0.5}]\n"))
	require.NoError(t, err)
	for at, want := range map[string]string{
		"2026-10-31T17:00:00Z": "1", "2026-11-01T00:00:00Z": "3", "2026-11-01T00:30:00Z": "2", "2026-11-01T01:00:00Z": "4",
		"2026-11-01T03:59:59Z": "4", "2026-11-01T04:00:00Z": "2", "2026-11-01T16:30:00Z": "3",
	} {
		when, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		c := ledger.Call{Provider: "maker", Model: "m", Start: when.UnixNano()}
		c.Usage.Tokens[ledger.FreshInput] = 1_000_000
		b.Rate(&c)
		require.Equal(t, want+".000000000000", c.TotalCost().String(), at)
		c.Tenant = "acme"
		b.Rate(&c)
		require.Equal(t, want+".000000000000", (2 * c.TotalCost()).String(), at)
	}
	rows := b.History(Name{"maker", "m"}, time.Time{})
	require.Equal(t, "https://example.com/m", rows[0].URL)
	require.Equal(t, "2026-11-22", rows[0].Checked)
	require.Equal(t, "a letter", rows[1].Via)
	require.Equal(t, "maker/m@2026-11-01@16:30-00:30", rows[2].Entry)
	require.Equal(t, "16:30-00:30", rows[2].Hours)
	seen := map[string]bool{}
	for _, r := range b.Records() {
		require.False(t, seen[r.Entry], r.Entry)
		seen[r.Entry] = true
	}
}

func TestHoursThatMeetAreRefused(t *testing.T) {
	for said, hours := range map[string][2]string{
		"overlaps":                 {"01:00-04:00", "03:00-05:00"},
		"is not a part of the day": {"01:00-04:00", "5-6"},
		`hours: "05:00-05:00"`:     {"01:00-04:00", "05:00-05:00"},
	} {
		_, err := Parse([]byte("provider: maker\nmodels:\n  - model: m\n    prices:\n      - {hours: " + hours[0] +
			", usd_per_million: {input: 1}}\n      - {hours: " + hours[1] + ", usd_per_million: {input: 2}}\n"))
		require.ErrorContains(t, err, said)
	}
}

func TestUnits(t *testing.T) {
	price := func(unit string) (*Book, error) {
		return Parse([]byte("provider: maker\nmodels:\n  - model: m\n    prices:\n      - usd_per_million: {input: 1}\n        usd_per_unit: " + unit + "\n"))
	}
	cost := func(b *Book, units map[ledger.Unit]int64) string {
		c := ledger.Call{Provider: "maker", Model: "m"}
		c.Usage.Tokens[ledger.FreshInput] = 1_000_000
		for u, n := range units {
			c.Usage.Units[u] = n
		}
		b.Rate(&c)
		require.Empty(t, c.Unpriced)
		x := b.Explain(c)
		require.Equal(t, c.TotalCost(), x.Total)
		return c.TotalCost().Short()
	}
	for unit, want := range map[string]string{
		"{second: 0.0001}": "1.00015", "{minute: 0.006}": "1.00015", "{hour: 0.36}": "1.00015", "{millisecond: 0.0000001}": "1.00015",
	} {
		b, err := price(unit)
		require.NoError(t, err)
		require.Equal(t, want, cost(b, map[ledger.Unit]int64{ledger.UnitMilli: 1500}), unit)
	}
	// A price per request is charged once where nobody counts requests.
	b, err := price("{request: 0.005}")
	require.NoError(t, err)
	require.Equal(t, "1.005", cost(b, nil))
	require.Equal(t, "1.01", cost(b, map[ledger.Unit]int64{ledger.UnitRequest: 2}))
	b, err = price("{request: 0.005, page: 0.001, image: 0.04}")
	require.NoError(t, err)
	require.Equal(t, "1.007", cost(b, map[ledger.Unit]int64{ledger.UnitPage: 2}))
	require.Equal(t, "1.087", cost(b, map[ledger.Unit]int64{ledger.UnitPage: 2, ledger.UnitImage: 2}))
	refused := ledger.Call{Provider: "maker", Model: "m", ErrorClass: "429"}
	b.Rate(&refused)
	require.Zero(t, refused.TotalCost())
	_, err = price("{hour: 0.04}")
	require.ErrorContains(t, err, "no exact price per millisecond")
	_, err = price("{hour: 0.36, second: 0.0001}")
	require.ErrorContains(t, err, "price the same unit")
}

// Where answers are billed by the image, time or page and nobody counted those, what else was counted isn't the cost.
func TestUncountedUnitsAreNotFree(t *testing.T) {
	b := testBook(t, `
provider: maker
models:
  - {model: painter, prices: [{usd_per_million: {input: 5}, usd_per_unit: {image: 0.04}}]}
  - {model: scribe, prices: [{usd_per_unit: {minute: 0.006}}]}
  - {model: mixed, prices: [{usd_per_million: {input: 5, output: 10}, usd_per_unit: {image: 0.04, search: 0.01}}]}
`)
	for name, c := range map[string]struct {
		model, operation string
		tokens           int64
		units            map[ledger.Unit]int64
		unpriced, total  string
	}{
		"a picture":                        {"painter", "image_generation", 100, map[ledger.Unit]int64{ledger.UnitImage: 2}, "", "0.0805"},
		"a picture that nobody counted":    {"painter", "image_generation", 100, nil, ledger.UnpricedUnits, "0.00"},
		"its embedding of text":            {"painter", "embeddings", 100, nil, "", "0.0005"},
		"speech that nobody timed":         {"scribe", "", 0, nil, ledger.UnpricedUnits, "0.00"},
		"speech":                           {"scribe", "", 0, map[ledger.Unit]int64{ledger.UnitMilli: 60_000}, "", "0.006"},
		"a chat that may paint and didn't": {"mixed", "chat", 100, nil, "", "0.0005"},
	} {
		in := call(c.model, map[ledger.Bucket]int64{ledger.FreshInput: c.tokens})
		in.Operation = c.operation
		for u, n := range c.units {
			in.Usage.Units[u] = n
		}
		b.Rate(&in)
		require.Equal(t, c.unpriced, in.Unpriced, name)
		require.Equal(t, c.total, in.TotalCost().Short(), name)
		if in.Unpriced != "" {
			x := b.Explain(call(c.model, nil))
			require.Contains(t, x.Why(), "none was counted", name)
		}
	}
}
