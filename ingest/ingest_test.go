package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestCallsAreStored(t *testing.T) {
	r := newRig(t)
	cs := calls(0, 103)
	cs[7].Flags |= ledger.FlagCandidate
	cs[8].Unpriced, cs[8].Cost = ledger.UnpricedModel, [ledger.NumCostParts]ledger.Money{}
	cs[9].Usage.Units[ledger.UnitImage] = 3
	r.spread(cs)
	run := r.start(r.config(), nil)
	r.wantStored(cs...)
	r.wantCommitted(r.config(), ledger.TopicCalls)
	require.NoError(t, run.Ready(context.Background()))
	require.NoError(t, run.stop())
	r.wantContiguous()

	require.Equal(t, "1\ttenant-2\t8", r.query("SELECT count(), any(tenant), any(response_id) FROM settle_candidates"))
	require.Equal(t, "1", r.query("SELECT count() FROM call_reports WHERE unpriced = 'unknown_model'"))
	require.Equal(t, "{'image':3}", r.query("SELECT units FROM call_reports WHERE response_id = 10"))
	require.Equal(t, "{'input':41,'output':7}", r.query("SELECT raw FROM call_reports WHERE response_id = 42"))
	require.Equal(t, "0", r.query(`SELECT count() FROM (SELECT DISTINCT minute FROM call_reports)
		WHERE minute NOT IN (SELECT window FROM dirty_windows WHERE level = 'minute' AND done = 0)`), "every touched minute is marked")
	require.Equal(t, "103", r.query("SELECT sum(rows) FROM ingest_ranges WHERE kind = 'range'"))
	require.Equal(t, r.query("SELECT toDecimalString(sum(cost), 12) FROM calls(from = '2026-01-01 00:00:00', to = '2027-01-01 00:00:00')"),
		r.query("SELECT toDecimalString(sum(cost), 12) FROM ingest_ranges WHERE kind = 'range'"))
	require.Equal(t, 21.0, r.metric("records_total"))
}

func TestEveryColumnArrives(t *testing.T) {
	r := newRig(t)
	c := call(1)
	c.ParentSpanID = [8]byte{9}
	c.FirstToken, c.ServiceTier, c.FinishReason, c.ErrorClass = 11, "flex", "stop", "timeout"
	c.Environment, c.Region, c.Team, c.Key, c.Agent, c.Feature = "prod", "eu", "t", "k", "a", "f"
	c.Prompt, c.PromptVersion, c.Conversation, c.Role, c.Rank = "p", "pv", "conv", ledger.RoleWrapper, 3
	for b := range ledger.NumBuckets {
		c.Usage.Tokens[b] = int64(100 + b)
	}
	for p := range ledger.NumCostParts {
		c.Cost[p] = ledger.Money(10 + p)
	}
	c.Cost[ledger.CostOther] = -5
	c.ListDelta, c.CacheSaved, c.TierSaved, c.ProvidedCost = 1, -2, 3, ledger.MaxMoney
	c.Unpriced, c.Flags, c.RequestBytes, c.ResponseBytes = "", ledger.FlagStream, 12, 13
	r.broker.Calls(t, 0, c)
	r.start(r.config(), nil)
	r.wantStored(c)
	require.Equal(t, "2026-11-20 12:00:00|tenant-1|auth|2026-11-20 12:00:00.137000000|2026-11-20 12:00:00.437|250000000|11|openai|gpt-5.4|gpt-5.4|chat|sync|flex|stop|timeout|"+
		"shop|prod|eu|t|k|user-1|a|f|p|pv|conv|2|test@1|otel|wrapper|3|100|101|102|103|104|105|106|107|108|"+
		"0.00000000001|0.000000000011|0.000000000012|0.000000000013|0.000000000014|-0.000000000005|0.000000000001|-0.000000000002|0.000000000003|999999.999999999999|v1|openai/gpt-5.4||8192|12|13|0900000000000000",
		r.query(`SELECT concatWithSeparator('|', minute, tenant, tenant_source, start, received, duration_ns, first_token_ns, provider, model, request_model,
		operation, kind, service_tier, finish_reason, error_class, service, environment, region, team, key, user, agent, feature, prompt,
		prompt_version, conversation, response_id, emitter, rule, role, rank, fresh_input, cache_read, cache_write_5m, cache_write_1h,
		audio_input, image_input, text_output, reasoning, audio_output, cost_input, cost_cache_read, cost_cache_write, cost_output,
		cost_reasoning, cost_other, list_delta, cache_saved, tier_saved, provided_cost, price_version, price_entry, unpriced, flags,
		request_bytes, response_bytes, lower(hex(parent_span_id))) FROM call_reports`))
}

func TestReplayChangesNothing(t *testing.T) {
	r := newRig(t)
	cs := calls(0, 200)
	r.spread(cs)
	cfg := r.config()
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	for range 2 {
		require.NoError(t, run.stop())
		r.broker.Commit(t, cfg.Group, ledger.TopicCalls, map[int32]int64{0: 0, 1: 3, 2: 0, 3: 5})
		run = r.start(cfg, nil)
		r.wantCommitted(cfg, ledger.TopicCalls)
		r.wantStored(cs...)
	}
	require.Equal(t, 32.0, r.metric("replayed_records_total"))
	require.NoError(t, run.stop())
	r.wantContiguous()

	// The same reports once more, in other records, change nothing either.
	r.spread(cs)
	r.start(cfg, nil)
	r.wantCommitted(cfg, ledger.TopicCalls)
	r.wantStored(cs...)
}

func TestValidateNamesEveryProblem(t *testing.T) {
	cfg := Config{Brokers: []string{""}, ClickHouse: "tcp://x", Session: time.Second, Heartbeat: time.Second}
	err := cfg.Validate()
	require.Error(t, err)
	for _, key := range []string{"brokers", "clickhouse", "group", "tick", "max_insert", "max_fetch", "retry_max",
		"insert_timeout", "drain", "session_timeout", "checkpoint", "freshness_every"} {
		require.ErrorContains(t, err, key)
	}
	cfg = DefaultConfig()
	cfg.Brokers, cfg.ClickHouse = []string{"127.0.0.1:9092"}, "http://127.0.0.1:8123"
	require.NoError(t, cfg.Validate())
	_, err = New(Config{}, Deps{})
	require.ErrorContains(t, err, "ingest: ")
}

// Rollup takes up a mark when it is due by the server's clock: one of ingest's that is ahead must not hold it up.
func TestMarksAreDueWhateverTheClockOfIngestSays(t *testing.T) {
	r := newRig(t)
	r.now = func() time.Time { return time.Now().Add(time.Hour) }
	cs := calls(0, 20)
	r.spread(cs)
	r.start(r.config(), nil)
	r.wantStored(cs...)
	r.wantCommitted(r.config(), ledger.TopicCalls)
	require.Equal(t, "1\t0\t1", r.query("SELECT uniqExact(window), countIf(due > now64(3)), countIf(done = 0) = count() FROM dirty_windows"))
}
