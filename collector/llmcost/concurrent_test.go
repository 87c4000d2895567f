package llmcost

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Requests at the same time don't see each other: every call gets its own tenant, model and cost, also while names that the
// book doesn't know come in.
func TestRequestsAtTheSameTime(t *testing.T) {
	p := newTest(t, nil)
	var g errgroup.Group
	for worker := range 8 {
		g.Go(func() error {
			for i := range 100 {
				tenant := fmt.Sprintf("t%d", worker)
				odd := map[string]any{"gen_ai.request.model": fmt.Sprintf("odd-%d-%d", worker, i), "tenant.id": tenant}
				for _, a := range []map[string]any{merged(someCall, map[string]any{"tenant.id": tenant}), merged(someCall, odd)} {
					td, _ := oneSpan(fmt.Sprintf("scope-%d", i), nil, a)
					if _, err := p.process(context.Background(), td); err != nil {
						return err
					}
					v, _ := td.ResourceSpans().At(0).Resource().Attributes().Get(ledger.AttrCalls)
					var got ledger.Call
					if err := ledger.DecodeBatch(v.Bytes().AsRaw(), func(c *ledger.Call, _ []byte) { got = *c }); err != nil {
						return err
					}
					want := "0.00021"
					if got.Model != "gpt-4o-mini" {
						want = "0.00"
					}
					if got.Tenant != tenant || got.TotalCost().Short() != want || got.Model != a["gen_ai.request.model"] {
						return fmt.Errorf("tenant %s got %s, %s, %s", tenant, got.Tenant, got.Model, got.TotalCost())
					}
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
}
