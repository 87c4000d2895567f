package app_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A span that was reported without its counts and then with them is one call, with its counts; whatever comes later or at the
// same time, the most complete report stands, and the rollups follow.
func TestTheMostCompleteReportStands(t *testing.T) {
	p := running(t)
	whole := goodCall("completed")
	early := ptrace.NewTraces()
	whole.CopyTo(early)
	eachSpan(early, func(s ptrace.Span) {
		s.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "gen_ai.usage.") })
	})
	require.NoError(t, p.export(t.Context(), early))
	reached := soon(t, func(c require.TestingT) bool { return p.spend(c)["completed"].Calls == 1 })
	require.True(t, reached)
	require.Equal(t, ledger.UnpricedUsage, p.rows(t, "completed")[0].unpriced)

	require.NoError(t, p.export(t.Context(), whole))
	p.wantTotal(t, "completed", 1)

	var all sync.WaitGroup
	for _, td := range []ptrace.Traces{early, whole, early, whole} {
		all.Go(func() { _ = p.export(t.Context(), td) })
	}
	all.Wait()
	p.wantDrained(t)
	p.wantTotal(t, "completed", 1)
}

// Whatever a tenant is called, its money is there under that name; what can't be a name is nobody's, and says so.
func TestTenantNames(t *testing.T) {
	p := running(t)
	nobody := p.calls(t)[ledger.Unattributed].Calls
	names := []string{"O'Neil \\ Söhne", `"); DROP TABLE calls; --`, "日本語", "a/b:c%d?e=f&g", strings.Repeat("n", 128)}
	for _, name := range append(names, "", "   ", strings.Repeat("n", 129)) {
		require.NoError(t, p.export(t.Context(), goodCall(name)))
	}
	for _, name := range names {
		p.wantTotal(t, name, 1)
	}
	p.wantTotal(t, ledger.Unattributed, int(nobody)+3)
}

// OTLP as JSON is as good as any.
func TestOTLPAsJSON(t *testing.T) {
	p := running(t)
	body, err := ptraceotlp.NewExportRequestFromTraces(goodCall("json")).MarshalJSON()
	require.NoError(t, err)
	code, answer := p.post(t, "application/json", body)
	require.Equal(t, 200, code, answer)
	p.wantTotal(t, "json", 1)
}
