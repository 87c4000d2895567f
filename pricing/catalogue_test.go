package pricing

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestCatalogueIsLarge(t *testing.T) {
	b := builtin(t)
	providers := map[string]bool{}
	for _, s := range b.all() {
		providers[s.provider] = true
	}
	require.GreaterOrEqual(t, len(b.Models()), 900)
	require.GreaterOrEqual(t, len(providers), 30)
	// The conventions' own names of providers. azure's are billed by openai's list; gcp.gen_ai's says neither of Google's two.
	for _, p := range []string{"openai", "azure.ai.openai", "azure.ai.inference", "anthropic", "aws.bedrock", "gcp.gemini", "gcp.vertex_ai",
		"cohere", "deepseek", "groq", "ibm.watsonx.ai", "mistral_ai", "moonshot_ai", "perplexity", "x_ai"} {
		require.True(t, b.Accepts(p), p)
	}
}

// Every price of the catalogue has a source and the day it was checked, an input price, and sane proportions: a misplaced
// decimal point shows.
func TestCatalogueIsPlausible(t *testing.T) {
	b := builtin(t)
	seen := map[*series]bool{}
	for _, s := range b.series {
		if seen[s] {
			continue
		}
		seen[s] = true
		require.NotEmpty(t, s.list, s.model)
		for _, e := range s.list {
			require.NotEmpty(t, e.Source.URL, s.model)
			_, err := time.Parse(time.DateOnly, e.Source.Checked)
			require.NoError(t, err, s.model)
			all := append([]step{}, e.standard...)
			for _, steps := range e.tiers {
				all = append(all, steps...)
			}
			for i := range all {
				plausible(t, &all[i].table)
			}
		}
	}
}

func plausible(t *testing.T, table *Table) {
	at := func(b ledger.Bucket) int64 {
		m, ok := table.Tokens[b].Amount(1_000_000)
		require.True(t, ok, table.ID)
		return int64(m)
	}
	in := at(ledger.FreshInput)
	if table.units != 0 && table.tokens == 0 {
		return // speech by the second
	}
	require.Positive(t, in, table.ID)
	require.Less(t, in, int64(1000*ledger.USD), table.ID)
	if table.Has(ledger.TextOutput) {
		require.LessOrEqual(t, at(ledger.TextOutput), 20*in, table.ID)
		if !strings.Contains(table.ID, "llama-guard") { // says one word
			require.GreaterOrEqual(t, at(ledger.TextOutput), in, table.ID)
		}
		require.Equal(t, at(ledger.TextOutput), at(ledger.Reasoning), table.ID)
	}
	if table.Has(ledger.CacheRead) {
		require.LessOrEqual(t, at(ledger.CacheRead), in, table.ID)
	}
	if table.Has(ledger.CacheWrite5m) && table.Has(ledger.CacheWrite1h) {
		require.GreaterOrEqual(t, at(ledger.CacheWrite1h), at(ledger.CacheWrite5m), table.ID)
		require.LessOrEqual(t, at(ledger.CacheWrite1h), 2*in, table.ID)
	}
}

// Names under which spans call the models, and the entry that prices them.
func TestCatalogueNames(t *testing.T) {
	b := builtin(t)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range [][3]string{
		{"openai", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"},
		{"openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"},
		{"openai", "openai/gpt-5-mini", "openai/gpt-5-mini"},
		{"openai", "gpt-4o-turbo", ""},
		{"openai", "gpt-4o-2024-1-1", ""},
		{"anthropic", "claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"},
		{"anthropic", "claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-0"},
		{"anthropic", "claude-3-7-sonnet-latest", "anthropic/claude-3-7-sonnet"},
		{"anthropic", "claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5"},
		{"gcp.gemini", "models/gemini-2.5-flash", "gcp.gemini/gemini-2.5-flash"},
		{"gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "gcp.vertex_ai/gemini-2.5-pro"},
		{"gcp.vertex_ai", "claude-sonnet-4-5@20250929", "gcp.vertex_ai/claude-sonnet-4-5"},
		{"gcp.gemini", "gemini-3.8-flash", "gcp.gemini/gemini-3.8-flash"},
		{"mistral_ai", "mistral-large-2512", "mistral_ai/mistral-large-2512"},
		{"mistral_ai", "mistral-large-latest", ""},
		{"aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"aws.bedrock", "amazon.nova-pro-v1:0", "aws.bedrock/amazon.nova-pro-v1:0"},
		{"azure.ai.openai", "gpt-4o-2024-08-06", "openai/gpt-4o"},
		{"x_ai", "grok-4", "x_ai/grok-4-0709"},
		{"elsewhere", "gpt-4o", ""},
	} {
		e, ok := b.Lookup(c[0], c[1], at)
		require.Equal(t, c[2] != "", ok, c[1])
		if ok {
			require.Equal(t, c[2], e.Table(Standard, 0).ID)
		}
	}
	// A price that changes on a day.
	before, _ := b.Lookup("gcp.gemini", "gemini-3.8-flash", time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC))
	after, _ := b.Lookup("gcp.gemini", "gemini-3.8-flash", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, "0.00000075", before.Table(Standard, 0).Tokens[ledger.FreshInput].String())
	require.Equal(t, "0.0000015", after.Table(Standard, 0).Tokens[ledger.FreshInput].String())
}

func TestRecords(t *testing.T) {
	b := testBook(t)
	records := b.Records()
	require.Len(t, records, 5) // m1: two periods, one long context, one batch; m2
	seen := map[string]bool{}
	for _, r := range records {
		require.False(t, seen[r.Entry], r.Entry)
		seen[r.Entry] = true
		require.Equal(t, b.Version(), r.Version)
		var body map[string]map[string]string
		require.NoError(t, json.Unmarshal([]byte(r.Body), &body))
		if r.Entry == "maker/m1@2026-06-01>200000" {
			require.Equal(t, "5", body["usd_per_million"]["fresh_input"])
			require.Equal(t, "0.6666666666", body["usd_per_million"]["cache_read"])
			require.Equal(t, "0.01", body["usd_per_unit"]["search"])
			require.Equal(t, "2026-11-22", r.Checked)
		}
	}
	all := builtin(t).Records()
	names := map[string]bool{}
	for _, r := range all {
		require.False(t, names[r.Entry], "two tables are called %s", r.Entry)
		names[r.Entry] = true
	}
}
