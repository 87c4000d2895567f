package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// agentEvents are the events of n calls of Claude Code, and one that is none.
func agentEvents(n int) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("tenant.id", "acme")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("com.anthropic.claude_code.events")
	now := time.Now()
	for i := range n {
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i) * time.Millisecond)))
		attrs := r.Attributes()
		attrs.PutStr("event.name", "api_request")
		attrs.PutStr("model", "claude-haiku-4-5-20251001")
		attrs.PutStr("session.id", "s-1")
		attrs.PutInt("input_tokens", 700)
		attrs.PutInt("output_tokens", 120)
		attrs.PutInt("cache_read_tokens", 2304)
		attrs.PutInt("cache_creation_tokens", 512)
		attrs.PutInt("cache_creation_5m_tokens", 512)
		attrs.PutInt("duration_ms", 365)
	}
	sl.LogRecords().AppendEmpty().Attributes().PutStr("event.name", "user_prompt")
	return ld
}

// A coding agent's log events are calls like any others: priced, in Kafka when the agent is told so, and the same calls when it
// sends them again because it was told otherwise.
func TestEventsOfCodingAgentsAreCalls(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) { keepAll(cfg); cfg.MaxWait = 300 * time.Millisecond })
	conn, err := grpc.NewClient(c.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	send := func(ld plog.Logs) error {
		_, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
		return err
	}
	events := agentEvents(3)
	release := hold(t, broker)
	requireUnavailable(t, send(events))
	release()
	require.Eventually(t, func() bool { return send(events) == nil }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, c.stop())
	cost, err := ledger.ParseMoney("0.0021704") // as Claude Code says itself
	require.NoError(t, err)
	seen := map[[8]byte]bool{}
	for _, call := range calls(t, broker) {
		require.Equal(t, "acme", call.Tenant)
		require.Equal(t, "claude-code", call.Agent)
		require.Equal(t, cost, call.TotalCost())
		seen[call.SpanID] = true
	}
	require.Len(t, seen, 3)
	require.Len(t, storedSpans(t, broker), 3, "they are looked at as any other spans")
}
