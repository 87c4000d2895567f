package app_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// ledgerOf is what the ledger holds after some traffic, and how many spans are stored.
type ledgerOf struct {
	calls, spend map[string]total
	unpriced     uint64
	spans        uint64
}

// Sampling never touches money (DESIGN law 2), from the client to the rolled-up ledger: of the same traffic the totals of every
// tenant are equal, whether all of the payload is kept, a tenth, a hundredth or none, whether it is ten times its budget and more,
// and without a topic for it.
func TestTheLedgerDoesNotDependOnSampling(t *testing.T) {
	const requests, perRequest, payload = 60, 5, 4 << 10
	traffic := make([]ptrace.Traces, requests)
	now := time.Now()
	for i := range traffic {
		traffic[i] = ptrace.NewTraces()
		for k := range perRequest {
			td, span := oneSpan(fmt.Sprint("sampled-", (i+k)%4))
			setTime(span, now)
			span.Attributes().PutInt(inputTokens, int64(1000+i*7+k))
			span.Attributes().PutStr("prompt.copy", strings.Repeat("x", payload))
			if (i+k)%9 == 0 {
				span.Attributes().PutStr("gen_ai.request.model", "a-model-nobody-knows")
				span.Attributes().PutStr("gen_ai.response.model", "a-model-nobody-knows")
			}
			td.ResourceSpans().At(0).MoveTo(traffic[i].ResourceSpans().AppendEmpty())
		}
	}
	run := func(probability float64, budgetKiB int, gone bool) (l ledgerOf) {
		kafka := kafkatest.New(t)
		cfg := configFor(filepath.Join(t.TempDir(), "data"))
		cfg.Kafka.Brokers = kafka.Brokers
		s := &cfg.Collector.Sampling
		s.Probability, s.DecisionWait, s.BudgetKiB = probability, 100*time.Millisecond, budgetKiB
		s.FloorPerMinute, s.KeepFirst, s.KeepUnpriced, s.KeepFlagged, s.MinCost = 0, false, false, false, ""
		s.KeepUnusualCost, s.KeepUnusualDuration = false, false
		p, err := start(cfg, &logBuffer{})
		require.NoError(t, err)
		stopped := false
		defer func() {
			if !stopped {
				require.NoError(t, p.stop())
			}
		}()
		if gone {
			opts := kafka.Options(t)
			client, err := kgo.NewClient(opts...)
			require.NoError(t, err)
			defer client.Close()
			_, err = kadm.NewClient(client).DeleteTopic(t.Context(), ledger.TopicSpans)
			require.NoError(t, err)
		}
		for _, td := range traffic {
			again := ptrace.NewTraces()
			td.CopyTo(again)
			require.NoError(t, p.export(t.Context(), again), "no client hears of the payload")
		}
		want := uint64(requests * perRequest)
		require.True(t, soon(t, func(c require.TestingT) bool {
			l.calls, l.spend = p.calls(c), p.spend(c)
			return count(l.calls) == want && equal(l.calls, l.spend)
		}), "calls %v, spend %v, want %d", l.calls, l.spend, want)
		p.wantDrained(t)
		from, to := window()
		require.NoError(t, p.conn.QueryRow(t.Context(), "SELECT countIf(unpriced != '') FROM calls(from = @from, to = @to)", from, to).Scan(&l.unpriced))
		switch {
		case probability == 1 && budgetKiB == 0 && !gone:
			require.True(t, soon(t, func(c require.TestingT) bool { l.spans = p.spansStored(c); return l.spans == want }), "%d spans stored", l.spans)
		default:
			l.spans = p.spansStored(t)
		}
		stopped = true
		require.NoError(t, p.stop())
		return l
	}
	all := run(1, 0, false)
	require.Positive(t, all.unpriced)
	require.Len(t, all.calls, 4)
	for name, c := range map[string]struct {
		probability float64
		budgetKiB   int
		gone        bool
		most        uint64 // spans stored
	}{
		"10 %": {0.1, 0, false, 100}, "1 %": {0.01, 0, false, 30}, "0 %": {0, 0, false, 0},
		"no topic": {1, 0, true, 0},
		// 1.2 MiB and more: ten times this budget, unless the requests took two minutes.
		"ten times its budget": {1, 1, false, 150},
	} {
		got := run(c.probability, c.budgetKiB, c.gone)
		require.Equal(t, all.calls, got.calls, name)
		require.Equal(t, all.spend, got.spend, name)
		require.Equal(t, all.unpriced, got.unpriced, name)
		require.LessOrEqual(t, got.spans, c.most, name)
		t.Logf("%s: %d of %d spans stored; the ledger is the same", name, got.spans, all.spans)
	}
}

func (p *product) spansStored(t require.TestingT) (n uint64) {
	ctx, cancel := limited()
	defer cancel()
	require.NoError(t, p.conn.QueryRow(ctx, "SELECT uniqExact(trace_id, span_id) FROM spans").Scan(&n))
	return n
}

func count(byTenant map[string]total) (n uint64) {
	for _, t := range byTenant {
		n += t.Calls
	}
	return n
}
