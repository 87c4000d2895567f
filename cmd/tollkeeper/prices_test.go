package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// negotiated writes a price file of one tenant's and returns its path.
func negotiated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "negotiated.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
provider: openai
tenants: [acme]
source: {via: contract 17, checked: 2026-11-20}
discounts: [{models: ["*"], factor: 0.85}]
`), 0o600))
	return path
}

func TestPricesExplainForPrograms(t *testing.T) {
	config := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(config, []byte("collector: {llmcost: {price_files: ["+negotiated(t)+"]}}\n"), 0o600))
	p := start(t, nil, "prices", "explain", "gpt-4o", "--at", "2026-11-22", "--tenant", "acme", "--input", "1000", "--cache-read", "3",
		"--output", "10", "--json", "--config", config)
	require.Zero(t, p.exit())
	var sum, total ledger.Money
	for line := range strings.Lines(p.text()) {
		var row struct{ Line, Amount, Factor string }
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		amount, err := ledger.ParseMoney(row.Amount)
		require.NoError(t, err)
		if row.Line == "total" {
			total = amount
		} else {
			require.Equal(t, "0.85", row.Factor)
			sum += amount
		}
	}
	require.Equal(t, "0.0022131875", total.Short()) // 0.85 × (1000 × 2.5 + 3 × 1.25 + 10 × 10) / 1,000,000
	require.Equal(t, total, sum)
}

func TestPricesListAndShow(t *testing.T) {
	p := start(t, nil, "prices", "list", "--provider", "azure.ai.openai", "--model", "4o-mini", "--at", "2026-11-22", "--json")
	require.Zero(t, p.exit())
	require.Contains(t, p.text(), `"model":"gpt-4o-mini"`)
	require.Contains(t, p.text(), `"fresh_input":"0.15"`)
	p = start(t, nil, "prices", "show", "gpt-4o", "--prices", negotiated(t))
	require.Zero(t, p.exit())
	require.Regexp(t, `standard for acme ×0.85 +2.125`, p.text())
	require.Contains(t, p.text(), "via contract 17, checked 2026-11-20")
}

func TestPricesExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("provider: openai\nmodel: x\nmodels: [{model: gpt-4o, prices: [{usd_per_million: {input: two}}]}]\n"), 0o600))
	for _, c := range []struct {
		args string
		exit int
		said string
	}{
		{"lint " + bad, exitUsage, `line 2: unknown key model`},
		{"lint " + bad, exitUsage, `input: price "two"`},
		{"lint " + negotiated(t), 0, "1 files, 0 faults, 0 notes"},
		{"lint", exitUsage, "requires at least 1 arg"},
		{"list --prices " + bad, exitUsage, `unknown field "model"`},
		{"list --provider opnai", exitUsage, `--provider "opnai": no prices of it; use one of ai21, anthropic`},
		{"list --at yesterday", exitUsage, `--at "yesterday": want a day`},
		{"explain gpt-4o", exitUsage, "no usage to price"},
		{"explain gpt-4o --input -1", exitUsage, "fresh_input -1: a count can't be negative"},
		{"explain claude-sonnet-4-5 --input 1", exitUsage, "say --provider with one of anthropic, gcp.vertex_ai"},
		{"explain gpt-4o --input 1 --tier gold", exitFailed, "no price for tier gold; the model has standard, batch"},
		{"explain gpt-4o-x --input 1", exitFailed, `no prices for "gpt-4o-x"`},
		{"show 4o-mini", exitFailed, "openai/gpt-4o-mini"},
	} {
		p := start(t, nil, append([]string{"prices"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.exit, p.exit(), c.args)
		require.Contains(t, p.text(), c.said, c.args)
	}
}

// The example of docs/finance.md is what the program prints, up to the price book's version.
func TestPricesExampleOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "finance.md"))
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^    \$ tollkeeper (prices explain .*)\n((?:    .*\n|\n)+)`).FindSubmatch(doc)
	require.NotNil(t, m)
	want := regexp.MustCompile(`(?m)^    `).ReplaceAllString(string(m[2]), "")
	p := start(t, nil, strings.Fields(string(m[1]))...)
	require.Zero(t, p.exit())
	version := regexp.MustCompile(`price book   \w+`)
	require.Equal(t, strings.TrimSpace(version.ReplaceAllString(want, "")), strings.TrimSpace(version.ReplaceAllString(p.text(), "")))
}

func TestPricesImport(t *testing.T) {
	dir := t.TempDir()
	catalogue := filepath.Join(dir, "litellm.json")
	require.NoError(t, os.WriteFile(catalogue, []byte(`{"groq/m": {"litellm_provider": "groq", "input_cost_per_token": 1e-06},
		"groq/tts": {"litellm_provider": "groq", "input_cost_per_character": 1e-06}}`), 0o600))
	p := start(t, nil, "prices", "import", catalogue, "--out", filepath.Join(dir, "out"))
	require.Zero(t, p.exit())
	require.Contains(t, p.text(), "litellm: 1 models of 1 providers, 1 models refused")
	require.Contains(t, p.text(), "input_cost_per_character: price files have no such price")
	p = start(t, nil, "prices", "lint", filepath.Join(dir, "out", "groq.yaml"))
	require.Zero(t, p.exit())
	p = start(t, nil, "prices", "import", catalogue, "--as", "groq")
	require.Equal(t, exitUsage, p.exit())

	wide := filepath.Join(dir, "wide.json")
	require.NoError(t, os.WriteFile(wide, []byte("\xff\xfe{\x00}\x00"), 0o600))
	for file, want := range map[string]string{wide: wide + ": read the catalogue: its text is UTF-16: save it as UTF-8", "/dev/zero": "/dev/zero: read the catalogue: larger than 64 MiB"} {
		p = start(t, nil, "prices", "import", file)
		require.Equal(t, exitFailed, p.exit(), file)
		require.Contains(t, p.text(), want)
	}
	marked := filepath.Join(dir, "marked.json") // as Notepad saves it
	require.NoError(t, os.WriteFile(marked, append([]byte("\ufeff"), []byte(`{"groq/m": {"litellm_provider": "groq", "input_cost_per_token": 1e-06}}`)...), 0o600))
	p = start(t, nil, "prices", "import", marked)
	require.Zero(t, p.exit(), p.text())
}
