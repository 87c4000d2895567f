package pricing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// testList has every kind of price that an entry can have.
const testList = `
provider: maker
also: [maker.cloud]
source: {url: https://example.com/prices, via: by hand, checked: 2026-11-22}
defaults: {reasoning: output, image_input: input}
names: {prefixes: [maker/], suffixes: [-latest], dates: [-YYYY-MM-DD, '@YYYYMMDD']}
models:
  - model: m1
    aliases: [m-one]
    dated: true
    prices:
      - to: 2026-06-01
        usd_per_million: {input: 10, output: 20}
      - from: 2026-06-01
        usd_per_million: {input: 2.5, output: 10, cache_read: 0.3333333333, cache_write: 3.125, cache_write_1h: 5, audio_input: 32, audio_output: 64}
        usd_per_unit: {search: 0.01, request: 0.0000000000005}
        above:
          - input_tokens: 200000
            usd_per_million: {input: 5, output: 15, cache_read: 0.6666666666}
        tiers:
          batch: {usd_per_million: {input: 1.25, output: 5}}
  - model: m2
    prices:
      - usd_per_million: {input: 1}
`

var testTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func testBook(t require.TestingT, overrides ...string) *Book {
	contents := [][]byte{[]byte(testList)}
	for _, o := range overrides {
		contents = append(contents, []byte(o))
	}
	b, err := Parse(contents...)
	require.NoError(t, err)
	return b
}

func call(model string, use map[ledger.Bucket]int64) ledger.Call {
	c := ledger.Call{Provider: "maker", Model: model, Start: testTime.UnixNano()}
	for b, n := range use {
		c.Usage.Tokens[b] = n
	}
	return c
}

func TestRate(t *testing.T) {
	type use = map[ledger.Bucket]int64
	for name, c := range map[string]struct {
		model, tier, kind       string
		use                     use
		total, entry            string
		cache, tierSaved        string
		unpriced                string
		provider                string
		units                   map[ledger.Unit]int64
		at                      time.Time
		class                   string
		request                 string
		start                   time.Time
		flags                   ledger.Flags
		preset, tenant, listGap string
	}{
		"plain":        {model: "m1", use: use{ledger.FreshInput: 1000, ledger.TextOutput: 100}, total: "0.0035", entry: "maker/m1@2026-06-01"},
		"alias":        {model: "m-one", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"dated":        {model: "m1-2026-07-01", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"other date":   {model: "m1@20260701", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"prefix":       {model: "maker/m1", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"suffix":       {model: "maker/m1-latest", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"case":         {model: "M1", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"also":         {provider: "maker.cloud", model: "m1", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"not dated":    {model: "m2-2026-07-01", use: use{ledger.FreshInput: 1}, unpriced: ledger.UnpricedModel},
		"no guess":     {model: "m1-turbo", use: use{ledger.FreshInput: 1}, unpriced: ledger.UnpricedModel},
		"no provider":  {provider: "other", model: "m1", use: use{ledger.FreshInput: 1}, unpriced: ledger.UnpricedModel},
		"no model":     {use: use{ledger.FreshInput: 1}, unpriced: ledger.UnpricedNoModel},
		"requested":    {model: "deployment-7", request: "m1", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"earlier":      {model: "m1", start: time.Date(2026, 5, 31, 23, 59, 59, 0, time.UTC), use: use{ledger.FreshInput: 1}, total: "0.00001", entry: "maker/m1"},
		"on the day":   {model: "m1", start: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"start unsure": {model: "m1", start: time.Unix(7, 0), flags: ledger.FlagStartOutside, use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"cached": {model: "m1", use: use{ledger.CacheRead: 1, ledger.CacheWrite5m: 1, ledger.CacheWrite1h: 1}, total: "0.000008458333",
			cache: "-0.000000958333", entry: "maker/m1@2026-06-01"},
		"reasoning":     {model: "m1", use: use{ledger.Reasoning: 10}, total: "0.0001", entry: "maker/m1@2026-06-01"},
		"audio, image":  {model: "m1", use: use{ledger.AudioInput: 1, ledger.AudioOutput: 1, ledger.ImageInput: 2}, total: "0.000101", entry: "maker/m1@2026-06-01"},
		"at threshold":  {model: "m1", use: use{ledger.FreshInput: 200000}, total: "0.50", entry: "maker/m1@2026-06-01"},
		"over it":       {model: "m1", use: use{ledger.FreshInput: 200000, ledger.CacheRead: 1}, total: "1.000000666667", cache: "0.000004333333", entry: "maker/m1@2026-06-01>200000"},
		"batch":         {model: "m1", tier: "batch", use: use{ledger.FreshInput: 2}, total: "0.0000025", tierSaved: "0.0000025", entry: "maker/m1@2026-06-01+batch"},
		"batch by kind": {model: "m1", kind: "batch", use: use{ledger.FreshInput: 2}, total: "0.0000025", tierSaved: "0.0000025", entry: "maker/m1@2026-06-01+batch"},
		"default tier":  {model: "m1", tier: "default", use: use{ledger.FreshInput: 2}, total: "0.000005", entry: "maker/m1@2026-06-01"},
		"odd tier":      {model: "m1", tier: "platinum", use: use{ledger.FreshInput: 2}, unpriced: ledger.UnpricedTier},
		"units":         {model: "m1", units: map[ledger.Unit]int64{ledger.UnitSearch: 3}, total: "0.03", entry: "maker/m1@2026-06-01"},
		"half a unit":   {model: "m1", units: map[ledger.Unit]int64{ledger.UnitRequest: 3}, total: "0.000000000002", entry: "maker/m1@2026-06-01"},
		"no unit price": {model: "m1", units: map[ledger.Unit]int64{ledger.UnitPage: 3}, unpriced: ledger.UnpricedBucket},
		"no bucket":     {model: "m2", use: use{ledger.FreshInput: 1, ledger.TextOutput: 1}, unpriced: ledger.UnpricedBucket},
		"overflow":      {model: "m1", use: use{ledger.FreshInput: 1 << 53}, unpriced: ledger.UnpricedOverflow},
		"sum overflows": {model: "m1", use: use{ledger.AudioOutput: 15_000_000_000, ledger.AudioInput: 3_000_000_000}, unpriced: ledger.UnpricedOverflow},
		"failed":        {model: "m1", class: "error", total: "0.00"},
		"failed, used":  {model: "m1", class: "error", use: use{ledger.FreshInput: 1}, total: "0.0000025", entry: "maker/m1@2026-06-01"},
		"unreadable":    {model: "m1", preset: ledger.UnpricedBadUsage, unpriced: ledger.UnpricedBadUsage},
	} {
		t.Run(name, func(t *testing.T) {
			in := call(c.model, c.use)
			if c.provider != "" {
				in.Provider = c.provider
			}
			if !c.start.IsZero() {
				in.Start = c.start.UnixNano()
			}
			in.RequestModel, in.ServiceTier, in.Kind, in.ErrorClass = c.request, c.tier, c.kind, c.class
			in.Flags, in.Unpriced, in.Received = c.flags, c.preset, testTime.UnixNano()
			for u, n := range c.units {
				in.Usage.Units[u] = n
			}
			testBook(t).Rate(&in)
			require.Equal(t, c.unpriced, in.Unpriced)
			require.NotEmpty(t, in.PriceVersion)
			require.Equal(t, c.entry, in.PriceEntry)
			or := func(s string) string {
				if s == "" {
					return "0.00"
				}
				return s
			}
			require.Equal(t, or(c.total), in.TotalCost().Short())
			require.Equal(t, or(c.cache), in.CacheSaved.Short())
			require.Equal(t, or(c.tierSaved), in.TierSaved.Short())
		})
	}
}

func TestWhatWasLeftOut(t *testing.T) {
	b := testBook(t, `
provider: maker
models:
  - model: tiered
    prices: [{usd_per_million: {input: 10, output: 20, cache_read: 1, cache_write: 12, cache_write_1h: 16}, tiers: {flex: {usd_per_million: {input: 5, output: 10}}, priority: {usd_per_million: {input: 20, output: 40}}, batch: {usd_per_million: {input: 1, output: 1}}}}]
  - model: plain
    prices: [{usd_per_million: {input: 10, output: 20}}]
`)
	for name, c := range map[string]struct {
		model, tier  string
		flags        ledger.Flags
		kept         ledger.Flags
		total, least string
	}{
		"nothing":                     {"tiered", "", 0, 0, "0.03", "0.03"},
		"tier":                        {"tiered", "", ledger.FlagTierUnknown, ledger.FlagTierUnknown, "0.03", "0.015"},
		"tier, dear one asked for":    {"tiered", "priority", ledger.FlagTierUnknown, ledger.FlagTierUnknown, "0.03", "0.015"},
		"tier, cheap one asked for":   {"tiered", "flex", ledger.FlagTierUnknown, ledger.FlagTierUnknown, "0.015", "0.015"},
		"tier, but there is only one": {"plain", "", ledger.FlagTierUnknown, 0, "0.03", "0.03"},
		"cache":                       {"tiered", "", ledger.FlagCacheUnknown, ledger.FlagCacheUnknown, "0.03", "0.021"},
		"cache, but it has no price":  {"plain", "", ledger.FlagCacheUnknown, 0, "0.03", "0.03"},
		"audio, but it has no price":  {"tiered", "", ledger.FlagAudioUnknown, 0, "0.03", "0.03"},
		"life":                        {"tiered", "", ledger.FlagLifeUnknown, ledger.FlagLifeUnknown, "0.03", "0.03"},
		"life, but it is all one":     {"plain", "", ledger.FlagLifeUnknown, 0, "0.03", "0.03"},
		"estimated":                   {"plain", "", ledger.FlagEstimated, ledger.FlagEstimated, "0.03", "0.02"},
	} {
		in := call(c.model, map[ledger.Bucket]int64{ledger.FreshInput: 1000, ledger.TextOutput: 1000})
		in.ServiceTier, in.Flags = c.tier, c.flags|ledger.FlagStream
		b.Rate(&in)
		require.Empty(t, in.Unpriced, name)
		require.Equal(t, c.total, in.TotalCost().Short(), name)
		require.Equal(t, c.kept|ledger.FlagStream, in.Flags, name)
		require.Equal(t, c.least, b.AtLeast(&in).Short(), name)
	}
}

func TestOverrides(t *testing.T) {
	negotiated := `
provider: maker
tenants: [acme, globex]
source: {via: contract 17}
discounts:
  - {models: [m1], factor: 0.85, from: 2026-11-01}
models:
  - model: m2
    prices: [{usd_per_million: {input: 0.5}}]
`
	private := `
provider: in-house
models:
  - {model: llama, prices: [{usd_per_million: {input: 0, output: 0}}]}
`
	b := testBook(t, negotiated, private)
	rate := func(tenant, provider, model string, at time.Time) ledger.Call {
		c := call(model, map[ledger.Bucket]int64{ledger.FreshInput: 1000})
		c.Tenant, c.Provider, c.Start = tenant, provider, at.UnixNano()
		b.Rate(&c)
		return c
	}
	c := rate("acme", "maker", "m1", testTime)
	require.Equal(t, "0.002125", c.TotalCost().Short())
	require.Equal(t, "0.000375", c.ListDelta.Short())
	require.Equal(t, "maker/m1@2026-11-01 for acme ×0.85", c.PriceEntry)
	c = rate("acme", "maker", "m1", time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC))
	require.Equal(t, "0.0025", c.TotalCost().Short())
	require.Zero(t, c.ListDelta)
	c = rate("other", "maker", "m1", testTime)
	require.Equal(t, "0.0025", c.TotalCost().Short())
	c = rate("globex", "maker", "m2", testTime)
	require.Equal(t, "0.0005", c.TotalCost().Short())
	require.Equal(t, "0.0005", c.ListDelta.Short())
	c = rate("anybody", "in-house", "llama", testTime)
	require.Equal(t, "0.00", c.TotalCost().Short())
	require.Empty(t, c.Unpriced)
	require.Equal(t, "in-house/llama override", c.PriceEntry)
	require.NotEqual(t, testBook(t).Version(), b.Version())
	require.NotEqual(t, testBook(t, private, negotiated).Version(), b.Version(), "the order of the files counts")
}

// A price that was negotiated for a model stands above the same file's discounts, wherever they are written and however they
// name the model; where the price doesn't hold yet, the discount does. A later file stands above both.
func TestANegotiatedPriceBeatsTheDiscount(t *testing.T) {
	contract := `
provider: maker
tenants: [acme]
discounts:
  - {models: ["*"], factor: 0.5}
  - {models: [m1, ours], factor: 0.8, from: 2026-10-01}
models:
  - {model: m1, aliases: [ours], prices: [{from: 2026-11-01, usd_per_million: {input: 1.9}}]}
`
	b := testBook(t, contract)
	total := func(b *Book, model string, at time.Time) string {
		c := call(model, map[ledger.Bucket]int64{ledger.FreshInput: 100_000})
		c.Tenant, c.Start = "acme", at.UnixNano()
		b.Rate(&c)
		return c.TotalCost().Short()
	}
	require.Equal(t, "0.19", total(b, "m1", testTime))
	require.Equal(t, "0.19", total(b, "ours", testTime))
	require.Equal(t, "0.20", total(b, "m1", time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)), "2.5 × 0.8: the later discount of the file")
	require.Equal(t, "0.125", total(b, "m1", time.Date(2026, 9, 15, 0, 0, 0, 0, time.UTC)), "2.5 × 0.5")
	require.Equal(t, "0.05", total(b, "m2", testTime), "the others are discounted")

	later := `
provider: maker
tenants: [acme]
discounts: [{models: ["*"], factor: 0.1}]
`
	require.Equal(t, "0.025", total(testBook(t, contract, later), "m1", testTime))
}

// A call that is priced by the name that was asked for, because the book doesn't know the one that answered, says so: another
// model may have answered (a fallback, a router), at any price. A date behind the name is no other model.
func TestTheAskedForModelsPriceIsAGuess(t *testing.T) {
	b := testBook(t)
	for name, c := range map[string]struct {
		asked, answered string
		guessed         bool
	}{
		"the same":                 {"m2", "m2", false},
		"only one name":            {"", "m2", false},
		"known answer":             {"m2", "m1", false},
		"unknown deployment asked": {"my-deployment", "m2", false},
		"unknown answer":           {"m2", "m9", true},
		"a longer name":            {"m2", "m2-mini", true},
		"a later version":          {"m2", "m2-1", true},
		"a later version's date":   {"m2", "m2-1-20260801", true},
		"dated":                    {"m2", "m2-2026-08-01", false},
		"dated otherwise":          {"m2", "M2-20260801", false},
		"dated shortly":            {"m2", "m2-0801", false},
		"dated, by the prefix":     {"m2-latest", "maker/m2-2026-08-01", false},
	} {
		got := call(c.answered, map[ledger.Bucket]int64{ledger.FreshInput: 1000})
		got.RequestModel = c.asked
		b.Rate(&got)
		require.Empty(t, got.Unpriced, name)
		require.Equal(t, c.guessed, got.Flags&ledger.FlagModelGuessed != 0, name)
		least := got.TotalCost()
		if c.guessed {
			least = 0
		}
		require.Equal(t, least, b.AtLeast(&got), name)
	}
	again := call("m9", map[ledger.Bucket]int64{ledger.FreshInput: 1000})
	again.RequestModel = "m2"
	b.Rate(&again)
	require.NotZero(t, again.Flags&ledger.FlagModelGuessed)
	testBook(t, "provider: maker\nmodels: [{model: m9, prices: [{usd_per_million: {input: 7}}]}]").Rate(&again)
	require.Zero(t, again.Flags&ledger.FlagModelGuessed, "priced anew with a book that knows the model")
	require.Equal(t, "0.007", again.TotalCost().Short())
}

func TestFaultsAreToldAtOnce(t *testing.T) {
	_, err := Parse([]byte(`
provider: maker
models:
  - model: a
    prices:
      - {to: 2026-02-01, usd_per_million: {input: 1.5e3, colour: 2}}
      - {from: 2026-01-01, usd_per_million: {input: 1}}
      - {from: 2026-13-01}
      - {from: 2026-03-02, to: 2026-03-01}
  - model: b
    aliases: [A]
    prices:
      - usd_per_unit: {smile: 1}
        above: [{input_tokens: 0, usd_per_million: {input: 2}}]
`))
	require.Error(t, err)
	for _, want := range []string{
		`maker/a: usd_per_million: input: price "1.5e3"`, `"colour" is not a bucket`, "overlaps", `"2026-13-01" is not a day`,
		"ends (2026-03-01) before it begins", `name "A" already stands for a`, `"smile" is not a unit`, "must be positive and rise",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = Parse([]byte("provider: x\ncolour: red\n"))
	require.ErrorContains(t, err, "colour")
	_, err = Parse([]byte("models: []\n"))
	require.ErrorContains(t, err, "provider is missing")
	_, err = Load("/nowhere/prices.yaml")
	require.ErrorContains(t, err, "/nowhere/prices.yaml")
}
