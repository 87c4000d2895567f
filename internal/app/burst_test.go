package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A single request with the calls of many tenants, larger than what one Kafka record holds: every tenant's total is right.
func TestOneRequestOfManyCalls(t *testing.T) {
	const calls, tenants = 10_000, 250
	p := running(t)
	td := ptrace.NewTraces()
	for i := range calls {
		one, span := oneSpan(fmt.Sprintf("burst/%d", i%tenants))
		span.Attributes().PutStr("gen_ai.conversation.id", fmt.Sprintf("%0500d", i))
		span.Attributes().PutStr("user.id", fmt.Sprintf("%0500d", i))
		one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	require.NoError(t, p.export(t.Context(), td))
	want := total{calls / tenants, ledger.SumOf(calls / tenants * goodCost).String()}
	wrong := ""
	reached := soon(t, func(c require.TestingT) bool {
		wrong = ""
		calls, spend := p.calls(c), p.spend(c)
		for i := range tenants {
			if tenant := fmt.Sprintf("burst/%d", i); calls[tenant] != want || spend[tenant] != want {
				wrong += fmt.Sprintf("%s: calls says %s, spend says %s\n", tenant, calls[tenant], spend[tenant])
			}
		}
		return wrong == ""
	})
	require.True(t, reached, "want %s each, but\n%s", want, wrong)
}
