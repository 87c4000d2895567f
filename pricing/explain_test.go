package pricing

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

// testDiscount lays a discount for everybody and a price of one tenant's over testList.
const testDiscount = `
provider: maker
source: {via: contract 17, checked: 2026-11-20}
discounts: [{models: ["*"], factor: 0.85, from: 2026-07-01}]
`

const testTenant = `
provider: maker
tenants: [acme]
source: {via: contract 18, checked: 2026-11-21}
models: [{model: m1, prices: [{usd_per_million: {input: 2, image_input: 7, output: 9}, usd_per_unit: {page: 1}}]}]
`

// The sum line by line is what Rate charges, for any usage, model, tier, tenant and time; each line is the exact product
// rounded half to even; and a call without a price has a reason and no lines.
func TestExplainIsWhatRateCharges(t *testing.T) {
	books := []*Book{builtin(t), testBook(t, testDiscount, testTenant)}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SampledFrom(books).Draw(t, "book")
		c := ledger.Call{Usage: genUse().Draw(t, "usage")}
		c.Provider, c.Model, _ = strings.Cut(rapid.SampledFrom(b.Models()).Draw(t, "model"), "/")
		c.ServiceTier = rapid.SampledFrom([]string{"", "batch", "flex", "priority", "odd"}).Draw(t, "tier")
		c.Tenant = rapid.SampledFrom([]string{"", "acme"}).Draw(t, "tenant")
		c.Start = testTime.AddDate(0, -rapid.IntRange(0, 9).Draw(t, "months ago"), 0).UnixNano()
		if rapid.Bool().Draw(t, "tier not told") {
			c.Flags |= ledger.FlagTierUnknown
		}
		x := b.Explain(c)
		b.Rate(&c)
		require.Equal(t, c, x.Call)
		require.Equal(t, c.TotalCost(), x.Total)
		if c.Unpriced != "" {
			require.Empty(t, x.Lines)
			require.NotEmpty(t, x.Why())
			return
		}
		require.Equal(t, c.PriceEntry, x.Row.Entry)
		if x.Listed {
			require.Equal(t, c.TotalCost()+c.ListDelta, x.List)
		}
		for _, l := range x.Lines {
			checkLine(t, l)
		}
		rows := x.Rows()
		require.Equal(t, x.Total.String(), rows[len(rows)-1].Amount)
	})
}

// checkLine multiplies out a line from what is printed of it.
func checkLine(t *rapid.T, l Line) {
	number := func(s string) *big.Rat {
		r, ok := new(big.Rat).SetString(s)
		require.True(t, ok, s)
		return r
	}
	product := new(big.Rat).Mul(number(l.Price), big.NewRat(l.Count, l.Per))
	require.Zero(t, product.Cmp(number(l.Exact)), "%+v", l)
	if l.Factor != "" {
		require.Zero(t, new(big.Rat).Mul(number(l.Base), number(l.Factor)).Cmp(number(l.Price)), "%+v", l)
	}
	off := new(big.Rat).Sub(product, number(l.Amount.String()))
	half := big.NewRat(1, 2*int64(ledger.USD))
	switch off.Abs(off).Cmp(half) {
	case 1:
		require.Fail(t, "rounded by more than half a unit", "%+v", l)
	case 0:
		require.Zero(t, l.Amount%2, "a tie goes to the even: %+v", l)
	}
	require.Equal(t, off.Sign() != 0, l.Rounded(), "%+v", l)
}

func TestExplainForPeople(t *testing.T) {
	b := testBook(t, testDiscount, testTenant)
	var out bytes.Buffer
	for _, change := range []func(c *ledger.Call){
		func(c *ledger.Call) {},
		func(c *ledger.Call) { c.Usage.Tokens[ledger.CacheRead] = 199_000 },
		func(c *ledger.Call) { c.ServiceTier = "batch" },
		func(c *ledger.Call) { c.Start = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC).UnixNano() },
		func(c *ledger.Call) {
			c.Tenant, c.Usage = "acme", ledger.Usage{Units: [ledger.NumUnits]int64{ledger.UnitPage: 3}}
		},
		func(c *ledger.Call) { c.Tenant = "acme" },
		func(c *ledger.Call) { c.ServiceTier = "gold" },
		func(c *ledger.Call) { c.Model = "m9" },
	} {
		c := call("m1", map[ledger.Bucket]int64{ledger.FreshInput: 1200, ledger.CacheRead: 11, ledger.TextOutput: 30, ledger.Reasoning: 7})
		c.Usage.Units[ledger.UnitRequest] = 1
		change(&c)
		x := b.Explain(c)
		require.NoError(t, x.WriteText(&out))
		out.WriteString("--------\n")
	}
	golden(t, "explain.txt", strings.ReplaceAll(out.String(), b.Version(), "VERSION"))
}

func TestListAndHistoryForPeople(t *testing.T) {
	b := testBook(t, testDiscount, testTenant)
	var out bytes.Buffer
	require.NoError(t, WriteList(&out, b.List("", "", testTime)))
	out.WriteString("--------\n")
	for _, n := range b.Resolve("", "M-One") {
		require.NoError(t, WriteHistory(&out, n, b.Aliases(n), b.History(n, time.Time{})))
	}
	out.WriteString("--------\n")
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, r := range b.History(Name{"maker", "m1"}, testTime) {
		require.NoError(t, enc.Encode(r))
	}
	golden(t, "list.txt", strings.ReplaceAll(out.String(), b.Version(), "VERSION"))
}

func TestNamesOfTheBook(t *testing.T) {
	b := builtin(t)
	require.Equal(t, []Name{{"openai", "gpt-4o"}}, b.Resolve("azure.ai.openai", "gpt-4o-2024-08-06"))
	require.Equal(t, []Name{{"anthropic", "claude-sonnet-4-5"}}, b.Resolve("", "anthropic/claude-sonnet-4-5"))
	require.Equal(t, []Name{{"anthropic", "claude-sonnet-4-5"}, {"gcp.vertex_ai", "claude-sonnet-4-5"}}, b.Resolve("", "claude-sonnet-4-5"))
	require.Empty(t, b.Resolve("openai", "claude-sonnet-4-5"))
	require.Empty(t, b.List("nobody", "", testTime))
	require.Equal(t, b.List("openai", "", testTime), b.List("Azure.AI.OpenAI", "", testTime))
	require.Len(t, b.List("", "", testTime), b.lenAt(testTime))
}

func (b *Book) lenAt(at time.Time) int {
	n := 0
	for _, s := range b.all() {
		if e, _ := s.find("", at.UnixNano()); e != nil {
			n++
		}
	}
	return n
}

func TestLint(t *testing.T) {
	dir := t.TempDir()
	files := []string{"testdata/bad.yaml", "testdata/negotiated.yaml", "testdata/nowhere.yaml"}
	for name, content := range map[string]string{"empty": "", "broken": "provider: [", "two": "provider: openai\n---\nprovider: openai\n",
		"binary": "\x1b[31m\xff\x00: ["} {
		path := filepath.Join(dir, name+".yaml")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	files = append(files, dir+"/empty.yaml", dir+"/broken.yaml", dir+"/two.yaml", dir+"/binary.yaml")
	findings, err := Lint(files...)
	require.NoError(t, err)
	var out strings.Builder
	faulty := map[string]bool{}
	for _, f := range findings {
		out.WriteString(strings.ReplaceAll(f.String(), dir, "testdata") + "\n")
		faulty[f.File] = faulty[f.File] || !f.Note
	}
	golden(t, "lint.txt", out.String())
	for _, f := range files { // a collector would say the same
		_, err := Load(f)
		require.Equal(t, faulty[f], err != nil, "%s: %v", f, err)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is missing; write it with: go test ./pricing -run %s -update", path, t.Name())
	}
	require.NoError(t, err)
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Fatalf("%s (-want +got; if this is meant: go test ./pricing -update):\n%s", path, diff)
	}
}
