package pricing

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

const testReserved = `
provider: maker.cloud
source: {via: contract 20, checked: 2026-11-20}
reserved:
  - {id: pool, models: [m1, my-deployment], from: 2026-11-01, to: 2026-12-01, amount_usd: 1234567.89, tokens_per_minute: 50000}
  - {id: scale, models: [m-one], tiers: [scale], regions: [eu], from: 2026-11-01, to: 2026-12-01, amount_usd: 100}
`

const testReservedTenant = `
provider: maker.cloud
tenants: [acme]
reserved:
  - {id: acme-own, models: ["*"], from: 2026-11-22, to: 2026-11-23T12:00:00Z, amount_usd: 7}
`

func TestReservedCapacityServes(t *testing.T) {
	b := testBook(t, testReserved, testReservedTenant)
	for name, want := range map[string]struct {
		change func(*ledger.Call)
		entry  string // empty = by its list price
		list   string
	}{
		"its model":             {func(*ledger.Call) {}, "reserved/pool", "0.0035"},
		"dated name":            {func(c *ledger.Call) { c.Model = "m1-2026-07-01" }, "reserved/pool", "0.0035"},
		"deployment":            {func(c *ledger.Call) { c.Model, c.RequestModel = "m2", "My-Deployment" }, "reserved/pool", ""},
		"deployment unknown":    {func(c *ledger.Call) { c.Model = "my-deployment" }, "reserved/pool", ""},
		"another model":         {func(c *ledger.Call) { c.Model = "m2"; c.Usage.Tokens[ledger.TextOutput] = 0 }, "", ""},
		"another provider name": {func(c *ledger.Call) { c.Provider = "maker" }, "", ""},
		"before":                {func(c *ledger.Call) { c.Start = time.Date(2026, 10, 31, 23, 59, 59, 0, time.UTC).UnixNano() }, "", ""},
		"after":                 {func(c *ledger.Call) { c.Start = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).UnixNano() }, "", ""},
		"batch":                 {func(c *ledger.Call) { c.Kind = "batch" }, "", ""},
		"scale tier elsewhere":  {func(c *ledger.Call) { c.ServiceTier = "scale" }, "-", ""},
		"scale tier":            {func(c *ledger.Call) { c.ServiceTier, c.Region = "scale", "eu" }, "reserved/scale", ""},
		"a tenant's own":        {func(c *ledger.Call) { c.Tenant = "acme" }, "reserved/acme-own", "0.0035"},
		"a tenant's own, any":   {func(c *ledger.Call) { c.Tenant, c.Model = "acme", "m9" }, "reserved/acme-own", ""},
		"refused":               {func(c *ledger.Call) { c.ErrorClass, c.Usage = "429", ledger.Usage{} }, "", ""},
		"untold":                {func(c *ledger.Call) { c.Flags = ledger.FlagCacheUnknown | ledger.FlagEstimated }, "reserved/pool", "0.0035"},
	} {
		t.Run(name, func(t *testing.T) {
			c := call("m1", map[ledger.Bucket]int64{ledger.FreshInput: 1000, ledger.TextOutput: 100})
			c.Provider = "maker.cloud"
			want.change(&c)
			b.Rate(&c)
			served := strings.HasPrefix(c.PriceEntry, ReservedPrefix)
			require.Equal(t, served, c.Flags&ledger.FlagReserved != 0)
			if want.entry == "" || want.entry == "-" {
				require.False(t, served, c.PriceEntry)
				require.Equal(t, want.entry == "-", c.Unpriced != "")
				return
			}
			require.Empty(t, c.Unpriced)
			require.Equal(t, want.entry, c.PriceEntry)
			require.Zero(t, c.TotalCost())
			require.Zero(t, b.AtLeast(&c))
			require.Zero(t, c.Flags&ledger.FlagsUntold&^ledger.FlagEstimated)
			if want.list != "" {
				require.Equal(t, want.list, c.ListDelta.Short())
			}
		})
	}
}

func TestReservationsAreExposed(t *testing.T) {
	b := testBook(t, testReserved, testReservedTenant)
	all := b.Reservations()
	require.Len(t, all, 3)
	require.Equal(t, "acme-own", all[0].ID)
	require.Equal(t, []string{"acme"}, all[0].Tenants)
	pool := all[1]
	require.Equal(t, "1234567.890000000000", pool.Amount.String()) // more than one call can cost
	require.Equal(t, []string{"m1", "my-deployment"}, pool.Models)
	require.Equal(t, []string{"maker.cloud"}, pool.Providers)
	require.Equal(t, int64(50000), pool.TokensPerMinute)
	require.Equal(t, "contract 20", pool.Source.Via)
	require.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), pool.To)
	found := false
	for _, r := range b.Records() {
		if r.Entry == "reserved/pool" {
			found = true
			require.Contains(t, r.Body, `"reserved_usd":"1234567.890000000000"`)
		}
	}
	require.True(t, found)
}

func TestReservedFaults(t *testing.T) {
	entry := func(s string) string { return "provider: maker\nreserved:\n  - " + s + "\n" }
	good := "{id: a, models: [m1], from: 2026-11-01, to: 2026-12-01, amount_usd: 5}"
	for said, s := range map[string]string{
		"from and to: a fixed amount needs both":       entry("{id: a, models: [m1], from: 2026-11-01, amount_usd: 5}"),
		"amount 0: want what is paid":                  entry("{id: a, models: [m1], from: 2026-11-01, to: 2026-12-01, amount_usd: 0}"),
		`amount "-": want`:                             entry("{id: a, models: [m1], from: 2026-11-01, to: 2026-12-01, amount_usd: '-'}"),
		"models: name the models":                      entry("{id: a, from: 2026-11-01, to: 2026-12-01, amount_usd: 5}"),
		"want a word that no other":                    entry("{models: [m1], from: 2026-11-01, to: 2026-12-01, amount_usd: 5}"),
		"another reservation has this id":              entry(good + "\n  - {id: a, models: [m2], from: 2026-11-01, to: 2026-12-01, amount_usd: 5}"),
		"serves calls that a serves too":               entry(good + "\n  - {id: b, models: [m-one], from: 2026-11-30, to: 2026-12-02, amount_usd: 5}"),
		"the price ends (2026-11-01) before it begins": entry("{id: a, models: [m1], from: 2026-12-01, to: 2026-11-01, amount_usd: 5}"),
	} {
		_, err := Parse([]byte(testList), []byte(s))
		require.ErrorContains(t, err, said)
	}
	_, err := Parse([]byte(testList), []byte(entry(good+"\n  - {id: b, models: [m-one], from: 2026-12-01, to: 2027-01-01, amount_usd: 5}")))
	require.NoError(t, err)
	_, err = Parse([]byte(testList + "reserved:\n  - " + good + "\n"))
	require.ErrorContains(t, err, "reserved capacity is an operator's")
}

func TestExplainReserved(t *testing.T) {
	b := testBook(t, testReserved)
	c := call("m1", map[ledger.Bucket]int64{ledger.FreshInput: 1000, ledger.TextOutput: 100})
	c.Provider = "maker.cloud"
	x := b.Explain(c)
	require.Equal(t, "pool", x.Served.ID)
	require.Zero(t, x.Total)
	require.Equal(t, "0.0035", x.List.Short())
	var text strings.Builder
	require.NoError(t, x.WriteText(&text))
	require.Contains(t, text.String(), "reserved     pool: 1234567.89 USD from 2026-11-01 to 2026-12-01, via contract 20, checked 2026-11-20")
	require.Regexp(t, `list price +0.0035\ncharged +0.00\n`, text.String())
	c.Model = "my-deployment"
	x = b.Explain(c)
	text.Reset()
	require.NoError(t, x.WriteText(&text))
	require.Contains(t, text.String(), "its list price isn't known")
}
