package reconcile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func readFile(t testing.TB, provider, name string) *Statement {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	s := &Statement{Provider: provider, Month: october(t)}
	require.NoError(t, s.add(name, content))
	return s
}

func sumOf(s *Statement) string {
	var sum ledger.Sum
	for _, c := range s.Charges {
		sum = sum.Add(c.Amount)
	}
	return sum.Short()
}

func TestExports(t *testing.T) {
	for _, c := range []struct {
		provider, file, format string
		lines, charges         int
		sum                    string
		usage                  []Tokens
		tier                   string
	}{
		{"openai", "openai-cost.csv", "OpenAI cost CSV", 6, 4, "0.460015", nil, ""},
		{"openai", "openai-usage.csv", "OpenAI usage CSV", 2, 0, "0.00", []Tokens{{999900, 100, 0, 0, 200, 100, 500000, 0, 40}, {10, 0, 0, 0, 0, 0, 5}}, "batch"},
		{"openai", "openai-costs.json", "OpenAI costs API", 2, 2, "0.45", nil, ""},
		{"openai", "openai-usage.json", "OpenAI usage API", 1, 0, "0.00", []Tokens{{999200, 800, 0, 0, 0, 0, 500000}}, "batch"},
		{"anthropic", "anthropic-cost.csv", "Anthropic cost CSV", 4, 4, "3.62", nil, ""},
		{"anthropic", "anthropic-usage.csv", "Anthropic usage CSV", 1, 0, "0.00", []Tokens{{1000000, 30, 10, 20, 0, 0, 500000}}, "standard"},
		{"anthropic", "anthropic-cost.json", "Anthropic cost API", 2, 2, "1.025", nil, ""},
		{"anthropic", "anthropic-usage.json", "Anthropic usage API", 1, 0, "0.00", []Tokens{{1500, 200, 500, 1000, 0, 0, 500}}, "batch"},
		{"anthropic", "anthropic-analytics-cost.json", "Anthropic analytics cost API", 3, 3, "1.02625", nil, ""},
		{"anthropic", "anthropic-analytics-usage.json", "Anthropic analytics usage API", 1, 0, "0.00", []Tokens{{1500, 200, 500, 1000, 0, 0, 500}}, "batch"},
		{"openai", "plain.csv", "plain CSV", 2, 2, "0.05", []Tokens{{1000000, 0, 0, 0, 0, 0, 500000}}, ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			s := readFile(t, c.provider, c.file)
			require.Equal(t, c.format, s.Files[0].Format)
			require.Equal(t, c.lines, s.Files[0].Lines)
			require.Len(t, s.Files[0].SHA256, 64)
			require.Len(t, s.Charges, c.charges)
			require.Equal(t, c.sum, sumOf(s))
			require.Len(t, s.Usage, len(c.usage))
			for i, want := range c.usage {
				require.Equal(t, want, Tokens(s.Usage[i].Tokens))
				require.Equal(t, day(3), s.Usage[i].Day)
			}
			if n := len(s.Usage); n > 0 {
				require.Equal(t, c.tier, s.Usage[n-1].Tier)
			}
		})
	}
	s := readFile(t, "openai", "openai-cost.csv")
	require.Equal(t, 1, s.Outside, "a line of November")
	require.Equal(t, 1, s.Rounded, "0.30000000000000004")
	require.EqualValues(t, 1_000_000, s.Charges[0].Tokens)
	require.False(t, s.Charges[3].HasTokens, "calls aren't tokens")
}

// What the consoles call a model is found in the ledger.
func TestNamesOfModels(t *testing.T) {
	book := builtin(t)
	anthropic := names{book: book, provider: "anthropic", known: map[string]string{}}
	for name, want := range map[string]string{"Claude Haiku 4.5": "claude-haiku-4-5", "claude-haiku-4-5-20251001": "claude-haiku-4-5", "Claude Sonnet 4.5": "claude-sonnet-4-5",
		"Claude Nobody 9": "claude nobody 9"} {
		require.Equal(t, want, anthropic.of(name))
	}
	openai := names{book: book, provider: "openai", known: map[string]string{}}
	for item, want := range map[string][2]string{"gpt-4o-mini-2024-07-18, cached input": {mini, "cached input"}, "gpt-4o": {"gpt-4o", ""},
		"my-finetune, output": {"my-finetune", "output"}, "web search tool calls": {}, "assistants api | file search": {}} {
		model, what, ok := openai.lineItem(item)
		require.Equal(t, want, [2]string{model, what}, item)
		require.Equal(t, want[0] != "", ok)
	}
}

func TestFaultyExports(t *testing.T) {
	for said, c := range map[string][2]string{
		"only USD":                          {"openai", "start_time,amount_value,amount_currency\n1790985600,1,eur\n"},
		"none of an export that is known":   {"openai", "a,b\n1,2\n"},
		"is there twice":                    {"openai", "date,amount_usd,date\n"},
		"fields where the header has":       {"openai", "date,amount_usd\n2026-10-03\n"},
		`amount "12,50"`:                    {"openai", "date,amount_usd\n2026-10-03,\"12,50\"\n"},
		`amount "$5"`:                       {"openai", "date,amount_usd\n2026-10-03,$5\n"},
		`amount "NaN"`:                      {"openai", "date,amount_usd\n2026-10-03,NaN\n"},
		"larger than any bill":              {"openai", "date,amount_usd\n2026-10-03,1e30\n"},
		`day "03/10/2026"`:                  {"openai", "date,amount_usd\n03/10/2026,1\n"},
		"more than one day of UTC":          {"openai", "start_time,end_time,amount_value,amount_currency\n1790985600,1791590400,1,usd\n"},
		"not the start of a day":            {"openai", "start_time,end_time,amount_value,amount_currency\n1790989200,1790992800,1,usd\n"},
		"has_more: it isn't the last":       {"openai", `{"data":[],"has_more":true}`},
		"no answer of a usage or cost API":  {"openai", `{"error":{"message":"no"}}`},
		"no bucket of anthropic":            {"anthropic", `{"data":[{"start_time":1790985600,"results":[]}],"has_more":false}`},
		"ask for bucket_width=1d":           {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","ending_at":"2026-10-10T00:00:00Z","results":[]}],"has_more":false}`},
		`currency "EUR"`:                    {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","results":[{"amount":"1","currency":"EUR"}]}],"has_more":false}`},
		"neither an amount nor":             {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","results":[{}]}],"has_more":false}`},
		"usage without a model":             {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","results":[{"uncached_input_tokens":5,"model":null}]}],"has_more":false}`},
		"neither results nor":               {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","ending_at":"2026-10-04T00:00:00Z","actor":{"id":"user_1"},"amount":"1","currency":"USD"}],"has_more":false}`},
		"or time_bucket_width=1d":           {"anthropic", `{"data":[{"starting_at":"2026-10-01T00:00:00Z","ending_at":"2026-11-01T00:00:00Z","group":{"model":null},"cost":{"amount":"1","currency":"USD"}}],"has_more":false}`},
		`row in "EUR"`:                      {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","group":{},"cost":{"amount":"1","currency":"EUR"}}],"has_more":false}`},
		"of several groups":                 {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","group":{"rbac_group_id":"g1"},"cost":{"amount":"1","currency":"USD"}}],"has_more":false}`},
		"group_by[]=model":                  {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","group":{"model":null},"usage":{"uncached_input_tokens":5}}],"has_more":false}`},
		"no uncached_input_tokens":          {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","group":{},"usage":{"requests":5}}],"has_more":false}`},
		"no amount":                         {"anthropic", `{"data":[{"starting_at":"2026-10-03T00:00:00Z","group":{},"cost":{"currency":"USD"}}],"has_more":false}`},
		"fewer than their parts":            {"openai", "start_time,model,input_tokens,output_tokens,input_cached_tokens\n1790985600,gpt-4o,5,1,9\n"},
		`provider "anthropic": the bill is`: {"openai", "date,provider,amount_usd\n2026-10-03,anthropic,1\n"},
		`kind "bonus"`:                      {"openai", "date,kind,amount_usd\n2026-10-03,bonus,1\n"},
		"write 0 if the line is free":       {"openai", "date,amount_usd\n2026-10-03,\n"},
		"no amounts of 2026-10":             {"openai", "date,amount_usd\n2026-09-03,5\n"},
	} {
		s := &Statement{Provider: c[0], Month: october(t)}
		err := s.add("bill", []byte(c[1]))
		if err == nil {
			err = s.validate()
		}
		require.ErrorContains(t, err, said)
	}
	s := readFile(t, "openai", "plain.csv")
	content, err := os.ReadFile("testdata/plain.csv")
	require.NoError(t, err)
	require.ErrorContains(t, s.add("copy.csv", content), "given twice")
}

// Anthropic's analytics say up to when they had counted: the earliest page's time is the file's, and a bill from before the month's end says so.
func TestABillThatIsNotCompleteYet(t *testing.T) {
	const page = `{"data":[{"starting_at":"2026-10-03T00:00:00Z","group":{"model":"claude-haiku-4-5"},"cost":{"amount":"1","currency":"USD"}}],"has_more":%s,"data_refreshed_at":"%s"}`
	read := func(first, last string) *Statement {
		s := &Statement{Provider: "anthropic", Month: october(t)}
		require.NoError(t, s.add("cost.json", []byte(fmt.Sprintf(page, "true", first)+fmt.Sprintf(page, "false", last))))
		return s
	}
	early := Compare(read("2026-10-31T21:30:00Z", "2026-11-01T04:00:00Z"), &Books{}, nil, report.Amount{})
	require.Len(t, early.Hints, 1)
	require.Contains(t, early.Hints[0], "cost.json: the provider had counted up to 2026-10-31 21:30 UTC, before the month's end")
	var text strings.Builder
	require.NoError(t, early.WriteText(&text))
	require.Contains(t, text.String(), "2 lines, counted up to 2026-10-31 21:30 UTC")
	require.Empty(t, Compare(read("2026-11-01T00:00:00Z", "2026-11-01T04:00:00Z"), &Books{}, nil, report.Amount{}).Hints)
	s := &Statement{Provider: "anthropic", Month: october(t)}
	require.ErrorContains(t, s.add("cost.json", []byte(fmt.Sprintf(page, "false", "yesterday"))), `page 1: data_refreshed_at "yesterday"`)
}

func TestAmountsAreExact(t *testing.T) {
	for text, want := range map[string]string{"0.06": "0.06", "-1.5": "-1.50", "1e-12": "0.000000000001", "1.5E-12": "0.000000000002", "2.5e-12": "0.000000000002",
		"4.9e-13": "0.00", "0.003835980000000000000000000000": "0.00383598", "999999999999999.999999999999": "999999999999999.999999999999", "12e2": "1200.00"} {
		a, err := parseAmount(text, 0)
		require.NoError(t, err)
		require.Equal(t, want, a.Short(), text)
	}
	a, err := parseAmount("123.78912", -2)
	require.NoError(t, err)
	require.Equal(t, "1.2378912", a.Short())
	require.Equal(t, 7, a.places)
}

// Whatever a file holds, reading it ends, and what it makes of it adds up.
func FuzzExports(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	for _, name := range files {
		content, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(strings.HasPrefix(filepath.Base(name), "anthropic"), content)
	}
	book := builtin(f)
	f.Fuzz(func(t *testing.T, anthropic bool, content []byte) {
		s := &Statement{Provider: map[bool]string{true: "anthropic", false: "openai"}[anthropic], Month: october(t)}
		if s.add("bill", content) != nil || s.validate() != nil {
			return
		}
		for _, c := range s.Charges {
			if c.Day.Before(s.Month.From) || !c.Day.Before(s.Month.To) {
				t.Fatalf("a line of %s in a bill of %s", c.Day, s.Month)
			}
		}
		r := Compare(s, &Books{State: report.Open, Days: []Day{seen(t, 3)}}, book, report.Amount{})
		addsUp(t, r)
	})
}

// Any decimal is read as itself, or refused.
func FuzzAmounts(f *testing.F) {
	for _, text := range []string{"0.06", "-1.5e-3", "1e30", "NaN", "", "0.1234567890125"} {
		f.Add(text, -2)
	}
	f.Fuzz(func(t *testing.T, text string, shift int) {
		a, err := parseAmount(text, shift%3)
		if err != nil {
			return
		}
		again, err := parseAmount(a.Sum.String(), 0)
		if err != nil || again.Sum != a.Sum {
			t.Fatalf("%q is %s, which is read as %s (%v)", text, a.Sum, again.Sum, err)
		}
	})
}
