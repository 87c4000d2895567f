package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestPricesDiff(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, start, received, fresh_input, text_output, unpriced)
		SELECT toDateTime('2026-11-10 10:00:00', 'UTC'), ['acme', 'globex'][number % 2 + 1], toString(number), toString(number), 1, 'openai', ['gpt-4o', 'our-own'][intDiv(number, 2) % 2 + 1],
			'2026-11-10 10:00:00', '2026-11-10 10:00:01', 1000000, 0, if(intDiv(number, 2) % 2 = 1, 'unknown_model', '') FROM numbers(8)`))
	dir := t.TempDir()
	config, file := filepath.Join(dir, "toll.yaml"), filepath.Join(dir, "new.yaml")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf("clickhouse: {url: %q}\ncollector: {llmcost: {price_files: [%s]}}\n", db, negotiated(t))), 0o600))
	require.NoError(t, os.WriteFile(file, []byte(`
provider: openai
tenants: [acme]
source: {via: contract 18, checked: 2026-11-20}
discounts: [{models: ["*"], factor: 0.8, from: 2026-11-01}]
models: [{model: our-own, prices: [{usd_per_million: {input: 3, output: 9}}]}]
`), 0o600))
	run := func(exit int, said []string, args ...string) {
		t.Helper()
		p := start(t, map[string]string{"TOLLKEEPER_CONFIG": config}, append([]string{"prices", "diff"}, args...)...)
		require.Equal(t, exit, p.exit(), "%v:\n%s", args, p.text())
		for _, s := range said {
			require.Regexp(t, s, p.text(), "%v", args)
		}
	}
	run(0, []string{"0 differences in 0 models"}, "config", "config")
	run(0, []string{`openai/gpt-4o +standard for acme .* entry`, `tollkeeper rerate --from FIRST-DAY`}, "config", file, "--model", "gpt-4o")
	// acme's 2 calls of gpt-4o: 0.85 × 2.50, then 0.8 × 2.50; globex's stay; acme's of our own get a price, globex's don't.
	run(0, []string{`9\.25 +9\.00 +-0\.25 +4 +2 +0 +0 +openai/gpt-4o\n`, `at least 0\.00 +at least 6\.00 +6\.00 +4 +2 +4 +2 +openai/our-own`,
		`at least 9\.25 +at least 15\.00 +5\.75 +8 +4 +4 +2 +total`}, "config", file, "--from", "2026-11-10")
	run(0, []string{`"model":"our-own".*"new_unpriced_calls":2,"old":"0.00","new":"6.00"`}, "config", file, "--from", "2026-11-10", "--json")
	run(0, []string{`differences in \d+ models`}, "2026-01-01", "2026-11-20")
	run(exitUsage, []string{"give two days, or two books"}, "2026-01-01", "builtin")
	run(exitUsage, []string{"--to without --from"}, "builtin", "config", "--to", "2026-11-10")
	run(exitUsage, []string{"no such file"}, "builtin", filepath.Join(dir, "none.yaml"))
}
