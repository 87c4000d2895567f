package reconcile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// gpt-4o-mini costs 0.15 and 0.6 USD per million in the built-in book, cached input 0.075.
const mini = "gpt-4o-mini"

func builtin(t testing.TB) *pricing.Book {
	t.Helper()
	book, err := pricing.Builtin()
	require.NoError(t, err)
	return book
}

func october(t testing.TB) report.Period {
	t.Helper()
	p, err := report.Month("2026-10")
	require.NoError(t, err)
	return p
}

func usd(t testing.TB, text string) ledger.Sum {
	t.Helper()
	s, err := ledger.ParseSum(text)
	require.NoError(t, err)
	return s
}

func day(n int) time.Time { return time.Date(2026, 10, n, 0, 0, 0, 0, time.UTC) }

// seen is a day of the ledger: a million tokens in and half a million out, 0.45 USD.
func seen(t testing.TB, n int) Day {
	d := Day{Day: day(n), Model: mini, Calls: 100, Cost: usd(t, "0.45")}
	d.Tokens[ledger.FreshInput], d.Tokens[ledger.TextOutput], d.Tokens[ledger.Reasoning] = 1_000_000, 400_000, 100_000
	return d
}

const header = "date,model,item,kind,fresh_input,text_output,amount_usd\n"

// same is a day of the bill that says what seen says.
func same(n int) string {
	return fmt.Sprintf("2026-10-%02d,gpt-4o-mini-2024-07-18,,,1000000,500000,0.4500000\n", n)
}

func statement(t testing.TB, provider, csv string) *Statement {
	t.Helper()
	s := &Statement{Provider: provider, Month: october(t)}
	require.NoError(t, s.add("bill.csv", []byte(csv)))
	require.NoError(t, s.validate())
	return s
}

// Each kind of difference, planted.
func TestPlantedDifferences(t *testing.T) {
	evening := Hour{Day: day(3), Evening: true, Model: mini, Cost: usd(t, "0.03")}
	evening.Tokens[ledger.FreshInput] = 200_000
	over := Over{Model: mini, Cost: usd(t, "0.015")}
	over.Tokens[ledger.FreshInput] = 100_000
	reservedBook, err := pricing.Load()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		bill    string
		books   func(*Books)
		parts   map[Kind]string // found
		verdict Verdict
		note    string
	}{
		"nothing": {bill: header + same(3) + same(4), verdict: Equal},
		"a model that nobody reported": {bill: header + same(3) + same(4) + "2026-10-04,gpt-4o,,,1000,0,0.0025\n",
			parts: map[Kind]string{NotInstrumented: "0.0025"}, verdict: Explained},
		"a part of a model's calls": {bill: header + same(3) + "2026-10-04,gpt-4o-mini,,,1200000,500000,0.48\n",
			parts: map[Kind]string{NotInstrumented: "0.03"}, verdict: Explained},
		"calls that aren't on the bill": {bill: header + same(3), parts: map[Kind]string{NotInvoiced: "-0.45"}, verdict: Explained},
		"a part that isn't on the bill": {bill: header + same(3) + "2026-10-04,gpt-4o-mini,,,900000,500000,0.435\n",
			parts: map[Kind]string{NotInvoiced: "-0.015"}, verdict: Explained},
		"a price": {bill: header + same(3) + "2026-10-04,gpt-4o-mini,,,1000000,500000,0.36\n", parts: map[Kind]string{Price: "-0.09"}, verdict: Explained},
		"a price and missing calls": {bill: header + same(3) + "2026-10-04,gpt-4o-mini,,,1200000,500000,0.58\n",
			parts: map[Kind]string{NotInstrumented: "0.03", Price: "0.10"}, verdict: Explained},
		"a model without a price here": {bill: header + same(3) + same(4), books: func(b *Books) { b.Days[1].Cost, b.Days[1].Unpriced = usd(t, "0.05"), 80 },
			parts: map[Kind]string{Price: "0.40"}, verdict: Explained, note: "80 calls have no price in the ledger"},
		"midnight": {bill: header + "2026-10-03,gpt-4o-mini,,,900000,500000,0.435\n" + "2026-10-04,gpt-4o-mini,,,1100000,500000,0.465\n",
			books: func(b *Books) { b.Hours = []Hour{evening} }, parts: map[Kind]string{Timing: "0.00"}, verdict: Equal},
		"more than an hour can hold": {bill: header + "2026-10-03,gpt-4o-mini,,,700000,500000,0.405\n" + "2026-10-04,gpt-4o-mini,,,1300000,500000,0.495\n",
			books: func(b *Books) { b.Hours = []Hour{evening} }, parts: map[Kind]string{Timing: "0.00", NotInvoiced: "-0.015", NotInstrumented: "0.015"}, verdict: Explained,
			note: "is the export made of days of UTC?"},
		"out of the month": {bill: header + same(3) + same(4) + "2026-10-31,gpt-4o-mini,,,900000,500000,0.435\n",
			books: func(b *Books) { b.Days, b.Last = append(b.Days, seen(t, 31)), []Over{over} }, parts: map[Kind]string{Timing: "-0.015"}, verdict: Explained},
		"into the month": {bill: header + same(3) + same(4) + "2026-10-01,gpt-4o-mini,,,1050000,500000,0.4575\n",
			books: func(b *Books) { b.Days, b.Before = append(b.Days, seen(t, 1)), []Over{over} }, parts: map[Kind]string{Timing: "0.0075"}, verdict: Explained},
		"a credit":          {bill: header + same(3) + same(4) + "2026-10-31,,Startup grant,,,,-0.40\n", parts: map[Kind]string{Credit: "-0.40"}, verdict: Explained},
		"a line below zero": {bill: header + same(3) + same(4) + "2026-10-31,,Correction of September,,,,-0.25\n", parts: map[Kind]string{Credit: "-0.25"}, verdict: Explained},
		"tax":               {bill: header + same(3) + same(4) + "2026-10-31,,\"VAT, 19 %\",,,,0.171\n", parts: map[Kind]string{Tax: "0.171"}, verdict: Explained},
		"a commitment": {bill: header + same(3) + same(4) + "2026-10-01,,Scale Tier units,,,,110\n", books: func(b *Books) { b.Reserved = usd(t, "100") },
			parts: map[Kind]string{Commitment: "10.00"}, verdict: Explained},
		"a commitment that the price files know": {bill: header + same(3) + same(4) + "2026-10-01,,Provisioned throughput,,,,100\n",
			books: func(b *Books) { b.Reserved = usd(t, "100") }, parts: map[Kind]string{Commitment: "0.00"}, verdict: Equal},
		"kinds by name": {bill: header + same(3) + same(4) + "2026-10-01,,Fee,commitment,,,5\n2026-10-01,,Levy,tax,,,1\n",
			parts: map[Kind]string{Commitment: "5.00", Tax: "1.00"}, verdict: Explained},
		"rounding": {bill: "date,model,amount_usd\n2026-10-03,gpt-4o-mini,0.45\n2026-10-04,gpt-4o-mini,0.46\n",
			books: func(b *Books) { b.Days[1].Cost = usd(t, "0.455000000001") }, parts: map[Kind]string{Rounding: "0.004999999999"}, verdict: EqualRounded},
		"more than rounding": {bill: "date,model,amount_usd\n2026-10-03,gpt-4o-mini,0.45\n2026-10-04,gpt-4o-mini,0.46\n",
			books: func(b *Books) { b.Days[1].Cost = usd(t, "0.454") }, parts: map[Kind]string{Unexplained: "0.006"}, verdict: Explained /* within the tolerance of a cent */},
		"amounts alone": {bill: "date,model,amount_usd\n2026-10-03,gpt-4o-mini,0.45\n2026-10-04,gpt-4o-mini,0.95\n",
			parts: map[Kind]string{Unexplained: "0.50"}, verdict: NotExplained},
		"amounts around midnight": {bill: "date,model,amount_usd\n2026-10-03,gpt-4o-mini,0.43\n2026-10-04,gpt-4o-mini,0.47\n",
			books: func(b *Books) { b.Hours = []Hour{evening} }, parts: map[Kind]string{Timing: "0.00"}, verdict: Equal},
		"days alone": {bill: "date,amount_usd\n2026-10-03,0.45\n2026-10-04,0.95\n2026-10-05,0.25\n",
			parts: map[Kind]string{Unexplained: "0.50", NotInstrumented: "0.25"}, verdict: NotExplained, note: "names no models"},
		"days and usage": {bill: "date,model,fresh_input,text_output,amount_usd\n2026-10-03,,,,0.45\n2026-10-04,,,,0.48\n2026-10-03,gpt-4o-mini,1000000,500000,\n2026-10-04,gpt-4o-mini,1200000,500000,\n",
			parts: map[Kind]string{NotInstrumented: "0.03"}, verdict: Explained},
		"tools": {bill: header + same(3) + same(4) + "2026-10-04,,web search tool calls,,,,0.03\n",
			books: func(b *Books) { b.Days[1].Cost, b.Days[1].Other = usd(t, "0.47"), usd(t, "0.02") }, parts: map[Kind]string{Unexplained: "0.01"}, verdict: Explained},
		"tools that nobody reported": {bill: header + same(3) + same(4) + "2026-10-04,,code interpreter,,,,0.03\n", parts: map[Kind]string{NotInstrumented: "0.03"}, verdict: Explained},
		"late calls of a closed month": {bill: header + same(3) + same(4) + same(5), books: func(b *Books) {
			b.Adjustments = []report.Adjustment{{Kind: "late_call", Model: mini, Cost: report.Amount{Sum: usd(t, "0.45")}, Original: report.Date{Time: day(5)}, Booked: report.Date{Time: day(1).AddDate(0, 1, 0)}}}
		}, parts: map[Kind]string{}, verdict: Equal},
		"a credit booked by hand": {bill: header + same(3) + same(4) + "2026-10-31,,Startup grant,,,,-0.40\n", books: func(b *Books) {
			b.Adjustments = []report.Adjustment{{Kind: "credit", Cost: report.Amount{Sum: usd(t, "-0.40")}, Original: report.Date{Time: day(1)}}}
		}, parts: map[Kind]string{Credit: "-0.40"}, verdict: EqualByBooking},
	} {
		t.Run(name, func(t *testing.T) {
			b := &Books{State: report.Open, Days: []Day{seen(t, 3), seen(t, 4)}}
			if c.books != nil {
				c.books(b)
			}
			r := Compare(statement(t, "openai", c.bill), b, reservedBook, report.Amount{Sum: usd(t, "0.01")})
			got := map[Kind]string{}
			sums := map[Kind]report.Amount{}
			for _, p := range r.Parts {
				sums[p.Kind] = sums[p.Kind].Plus(p.Found)
				got[p.Kind] = sums[p.Kind].String()
			}
			want := c.parts
			if want == nil {
				want = map[Kind]string{}
			}
			require.Equal(t, want, got)
			require.Equal(t, c.verdict, r.Verdict)
			var text strings.Builder
			require.NoError(t, r.WriteText(&text))
			require.Contains(t, strings.Join(strings.Fields(text.String()), " "), c.note)
			require.Contains(t, text.String(), "Verdict: "+strings.SplitN(string(r.Verdict), " ", 2)[0])
			addsUp(t, r)
		})
	}
}

// addsUp holds the sums of the result and of its CSV.
func addsUp(t testing.TB, r *Result) {
	t.Helper()
	var invoice, books, difference, left report.Amount
	for _, row := range r.Rows {
		invoice, books, difference = invoice.Plus(row.Invoice), books.Plus(row.Ledger), difference.Plus(row.Difference)
		var parts report.Amount
		for _, a := range row.Parts {
			parts = parts.Plus(a)
		}
		require.Equal(t, row.Difference, parts, "%s %s %s", row.Day, row.Model, row.Item)
	}
	for _, p := range r.Parts {
		left = left.Plus(p.Left)
		var days report.Amount
		for _, d := range p.Days {
			days = days.Plus(d.Amount)
		}
		require.Equal(t, p.Found, days)
	}
	require.Equal(t, r.Invoice, invoice)
	require.Equal(t, r.Ledger, books)
	require.Equal(t, r.Difference, difference)
	require.Equal(t, r.Difference, left)
	require.Equal(t, r.Invoice.Minus(r.Ledger), r.Difference)
}

// Whatever a bill and a ledger say, the parts add up to the difference, and what is booked of it leaves none.
func TestThePartsAreTheDifference(t *testing.T) {
	book := builtin(t)
	models := []string{mini, "gpt-4o", "gpt-4.1", "unheard-of", ""}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		s, b := randomBill(rnd, october(t), models), randomBooks(rnd, models)
		r := Compare(s, b, book, report.Amount{})
		addsUp(t, r)
		rows, run := r.Adjustments(october(t), b, Booking{Author: "ann", Reason: "bill"})
		again, _ := r.Adjustments(october(t), b, Booking{Author: "bob", Reason: "the same"})
		for i := range rows {
			require.Equal(t, rows[i].ID, again[i].ID, "the same booking has the same ids, whoever books it")
		}
		b.Adjustments = append(b.Adjustments, rows...)
		after := Compare(s, b, book, report.Amount{})
		addsUp(t, after)
		require.Zero(t, after.Difference, "seed %d", seed)
		for _, p := range after.Parts {
			require.Zero(t, p.Left, "seed %d: %v", seed, p)
		}
		none, _ := after.Adjustments(october(t), b, Booking{Author: "ann", Reason: "again"})
		require.Empty(t, none)
		if len(rows) == 0 {
			continue
		}
		back, err := Undo(b, run, Booking{Author: "ann", Reason: "wrong file"})
		require.NoError(t, err)
		b.Adjustments = append(b.Adjustments, back...)
		undone := Compare(s, b, book, report.Amount{})
		require.Equal(t, r.Difference, undone.Difference)
		once, _ := undone.Adjustments(october(t), b, Booking{Author: "ann", Reason: "once more"})
		require.Len(t, once, len(rows))
		require.NotEqual(t, rows[0].ID, once[0].ID, "what was taken back can be booked again")
		_, err = Undo(b, run, Booking{Author: "ann", Reason: "twice"})
		require.ErrorContains(t, err, "taken back before")
	}
}

func randomBill(rnd *rand.Rand, month report.Period, models []string) *Statement {
	s := &Statement{Provider: "openai", Month: month, HasUsage: rnd.IntN(2) == 0, Places: rnd.IntN(14)}
	named := rnd.IntN(4) > 0
	for range 1 + rnd.IntN(30) {
		at := day(1 + rnd.IntN(4))
		c := Charge{Day: at, Amount: ledger.SumOf(ledger.Money(rnd.Int64N(1e12) - 1e11))}
		if named {
			c.Model = models[rnd.IntN(len(models))]
			c.Item = []string{"", "input", "VAT", "grant", "scale tier", "gpt-4o, output", "file search"}[rnd.IntN(7)]
			c.Tokens, c.HasTokens = rnd.Int64N(1e6), rnd.IntN(2) == 0
		}
		s.Charges = append(s.Charges, c)
		if s.HasUsage {
			u := Usage{Day: at, Model: models[rnd.IntN(4)], Tier: []string{"", "batch"}[rnd.IntN(2)]}
			for i := range u.Tokens {
				u.Tokens[i] = rnd.Int64N(1e6)
			}
			s.Usage = append(s.Usage, u)
		}
	}
	return s
}

func randomBooks(rnd *rand.Rand, models []string) *Books {
	b := &Books{Reserved: ledger.SumOf(ledger.Money(rnd.Int64N(1e12)))}
	tokens := func() (t Tokens) {
		for i := range t {
			t[i] = rnd.Int64N(1e6)
		}
		return t
	}
	for range rnd.IntN(20) {
		cost := ledger.SumOf(ledger.Money(rnd.Int64N(1e12)))
		d := Day{Day: day(1 + rnd.IntN(4)), Model: models[rnd.IntN(len(models))], Calls: rnd.Uint64N(100), Unpriced: rnd.Uint64N(2), Cost: cost}
		if rnd.IntN(3) > 0 {
			d.Tokens = tokens()
		}
		d.Other = ledger.SumOf(ledger.Money(rnd.Int64N(1e11)))
		b.Days = append(b.Days, d)
		b.Hours = append(b.Hours, Hour{Day: d.Day, Evening: rnd.IntN(2) == 0, Model: d.Model, Tokens: tokens(), Cost: ledger.SumOf(ledger.Money(rnd.Int64N(1e11)))})
		b.Before = append(b.Before, Over{Model: d.Model, Tokens: tokens(), Cost: ledger.SumOf(ledger.Money(rnd.Int64N(1e10)))})
		b.Last = append(b.Last, Over{Model: d.Model, Tokens: tokens(), Cost: ledger.SumOf(ledger.Money(rnd.Int64N(1e10)))})
	}
	for range rnd.IntN(4) {
		b.Adjustments = append(b.Adjustments, report.Adjustment{ID: fmt.Sprint(rnd.Uint64()), Kind: []string{"late_call", "credit", "tax", "rerate"}[rnd.IntN(4)],
			Model: models[rnd.IntN(len(models))], Original: report.Date{Time: day(1 + rnd.IntN(4))}, Cost: report.Amount{Sum: ledger.SumOf(ledger.Money(rnd.Int64N(1e11) - 5e10))}})
	}
	return b
}

func TestKindsAreComplete(t *testing.T) {
	have := map[Kind]bool{}
	for _, k := range Kinds() {
		require.NotEmpty(t, k.Title)
		require.NotEmpty(t, k.Says)
		require.NotEmpty(t, k.Todo)
		have[k.Kind] = true
	}
	for _, k := range []Kind{NotInstrumented, NotInvoiced, Price, Timing, Credit, Commitment, Tax, Rounding, Unexplained} {
		require.True(t, have[k], k)
	}
}
