package llmcost

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Each folder of testdata/cases holds in.json and out.json: traces as they come and as they go, the encoded call shown as text.
// The clock stands at 2026-11-22 12:00 UTC. Prices are the built-in catalogue's.
func TestCases(t *testing.T) {
	inputs, err := filepath.Glob("testdata/cases/*/in.json")
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, in := range inputs {
		t.Run(filepath.Base(filepath.Dir(in)), func(t *testing.T) {
			p := newTest(t, nil) // it remembers who tells calls twice
			content, err := os.ReadFile(in)
			require.NoError(t, err)
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(content)
			require.NoError(t, err)
			_, err = p.process(context.Background(), td)
			require.NoError(t, err)
			eachSpan(td, func(s ptrace.Span) {
				if c, ok := callOf(t, td, s); ok {
					s.Attributes().PutStr("(its call)", callText(t, &c))
				}
			})
			for _, rs := range td.ResourceSpans().All() {
				rs.Resource().Attributes().Remove(ledger.AttrCalls)
				// The version changes with every change of the catalogue; the prices used are in the entry.
				if _, ok := rs.Resource().Attributes().Get(TagPriceVersion); ok {
					rs.Resource().Attributes().PutStr(TagPriceVersion, "(version)")
				}
			}
			out, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
			require.NoError(t, err)
			var pretty any
			require.NoError(t, json.Unmarshal(out, &pretty))
			text, err := json.MarshalIndent(pretty, "", "  ")
			require.NoError(t, err)
			golden(t, filepath.Join(filepath.Dir(in), "out.json"), string(text)+"\n")
		})
	}
}

// callText shows what of a call its tags don't.
func callText(t *testing.T, c *ledger.Call) string {
	raw := map[string]int64{}
	c.Raw.Each(func(f ledger.RawField, n int64) { raw[f.String()] = n })
	parts := map[string]string{}
	for i, name := range []string{"input", "cache_read", "cache_write", "output", "reasoning", "other"} {
		if c.Cost[i] != 0 {
			parts[name] = c.Cost[i].Short()
		}
	}
	text, err := json.Marshal(map[string]any{
		"minute": time.Unix(c.Minute, 0).UTC().Format(time.RFC3339), "tenant": c.Tenant, "provider": c.Provider, "model": c.Model,
		"operation": c.Operation, "kind": c.Kind, "tier": c.ServiceTier, "error": c.ErrorClass, "service": c.Service,
		"environment": c.Environment, "raw": raw, "cost": parts, "cache_saved": c.CacheSaved.Short(), "tier_saved": c.TierSaved.Short(),
		"emitter": c.Emitter, "rank": c.Rank, "unpriced": c.Unpriced, "flags": c.Flags.String(),
	})
	require.NoError(t, err)
	return string(text)
}

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Golden is golden for the tests outside the package.
var Golden = golden

// golden compares with a file, or writes it when the test runs with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -update and look at the difference")
}
