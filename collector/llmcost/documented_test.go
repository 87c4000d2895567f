package llmcost

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Every attribute that any recording gets, and every bucket, unit, flag and reason that there is, is in the README.
func TestTagsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	documented := func(name string) { t.Helper(); require.Contains(t, string(text), "`"+name+"`") }
	all, err := replay.Load("../genai/testdata/recordings")
	require.NoError(t, err)
	p := newTest(t, nil)
	seen := map[string]bool{}
	note := func(attrs pcommon.Map) {
		for k := range attrs.All() {
			if strings.HasPrefix(k, ledger.AttrPrefix) {
				seen[k] = true
			}
		}
	}
	for i := range all {
		_, err := p.process(t.Context(), all[i].Traces)
		require.NoError(t, err)
		for _, rs := range all[i].Traces.ResourceSpans().All() {
			note(rs.Resource().Attributes())
		}
		eachSpan(all[i].Traces, func(s ptrace.Span) { note(s.Attributes()) })
	}
	require.Greater(t, len(seen), 15)
	for tag := range seen {
		if bucket, ok := strings.CutPrefix(tag, TagUsagePrefix); ok {
			tag = bucket
		}
		documented(tag)
	}
	for b := range ledger.NumBuckets {
		documented(ledger.Bucket(b).String())
	}
	for u := range ledger.NumUnits {
		if ledger.Unit(u) != ledger.UnitRequest { // one a call, not counted
			documented(ledger.Unit(u).String())
		}
	}
	for i := range 32 {
		if name := ledger.Flags(1 << i).String(); name != "" {
			documented(name)
		}
	}
}
