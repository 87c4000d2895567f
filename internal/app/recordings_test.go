package app_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/dashboards/explain"
	"github.com/tollkeeper/tollkeeper/internal/accuracy"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

const (
	recordings = "../../collector/genai/testdata/recordings"
	ofRecord   = "recorded/" // begins the tenant of a recording; its name follows
)

// Every recording goes the whole way, OTLP to rollup, under a tenant of its own. Then the ledger says of each what the model
// server billed, to 10⁻¹² USD; or each call that may differ says why (no price and the reason, something the emitter leaves out,
// a candidate of settlement), and what was spent at least is no more than the bill. Sent a second time unchanged, nothing
// changes. Run with -v for the table.
func TestRecordingsThroughThePipeline(t *testing.T) {
	p := running(t)
	all, err := replay.Load(recordings)
	require.NoError(t, err)
	dir := writeRecordings(t, all)
	stats, err := replay.Replay(t.Context(), dir, p.OTLPGRPC(), replay.Options{KeepTimes: true})
	require.NoError(t, err)
	require.Equal(t, len(all), stats.Files)
	require.Zero(t, stats.Rejected, stats.Reason)
	p.wantDrained(t)
	got := p.wantSpendLikeCalls(t)
	seen := callsOfTopic(t, p)
	book, err := pricing.Builtin()
	require.NoError(t, err)
	equalCases := 0
	for i := range all {
		if compare(t, book, &all[i], seen[ofRecord+all[i].Name], got[ofRecord+all[i].Name]) {
			equalCases++
		}
	}
	t.Logf("%d recordings: %d equal, %d told", len(all), equalCases, len(all)-equalCases)
	require.Greater(t, equalCases, 3*(len(all)-equalCases))

	t.Run("sent again", func(t *testing.T) {
		stored := p.metric(t, "tollkeeper_ingest_rows_total", "call_reports")
		_, err := replay.Replay(t.Context(), dir, "http://"+p.OTLPHTTP(), replay.Options{KeepTimes: true})
		require.NoError(t, err)
		p.wantDrained(t)
		copies := 0
		for i := range all {
			copies += len(seen[ofRecord+all[i].Name])
		}
		require.EqualValues(t, copies, p.metric(t, "tollkeeper_ingest_rows_total", "call_reports")-stored)
		again := p.wantSpendLikeCalls(t)
		for i := range all {
			tenant := ofRecord + all[i].Name
			require.Equal(t, got[tenant], again[tenant], tenant)
		}
	})
	t.Run("explained", func(t *testing.T) { wantExplained(t, p, book) })
	t.Run("payload without prompts", func(t *testing.T) { wantPayload(t, p, all) })
	require.NotRegexp(t, "<(Debug|Trace|Information)>", p.logs.tail(math.MaxInt), "the engine's own log floods ours")
}

// writeRecordings writes each recording to a file of its own, with its tenant and as if it had just happened, so that sending
// it twice is sending the same.
func writeRecordings(t *testing.T, all []replay.Recording) (dir string) {
	t.Helper()
	dir = t.TempDir()
	now := time.Now()
	for i := range all {
		td := all[i].Traces
		var newest pcommon.Timestamp
		eachSpan(td, func(s ptrace.Span) { newest = max(newest, s.EndTimestamp()) })
		by := pcommon.NewTimestampFromTime(now) - newest
		eachSpan(td, func(s ptrace.Span) {
			s.SetStartTimestamp(s.StartTimestamp() + by)
			s.SetEndTimestamp(s.EndTimestamp() + by)
		})
		for _, rs := range td.ResourceSpans().All() {
			rs.Resource().Attributes().PutStr("tenant.id", ofRecord+all[i].Name)
		}
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.pb", i)), body, 0o600))
	}
	return dir
}

func eachSpan(td ptrace.Traces, f func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				f(s)
			}
		}
	}
}

// compare sets what was billed for a recording against its calls, as they were acknowledged, and against the ledger's total.
func compare(t *testing.T, book *pricing.Book, r *replay.Recording, calls []ledger.Call, got total) (equal bool) {
	t.Helper()
	row := accuracy.Judge(book, r, calls)
	answered := map[string]int{} // by emitter
	for i := range calls {
		c := &calls[i]
		// A span of the application's onto which LiteLLM writes each call over the one before tells of the last one only.
		if c.Rule != "litellm.onto" && c.Role != ledger.RoleAggregate && (c.ErrorClass == "" || !c.Usage.Zero()) {
			emitter, _, _ := strings.Cut(c.Emitter, "@")
			answered[emitter]++
		}
	}
	t.Logf("%-32s %-28s billed %-14s ledger %-14s %-9s %s", r.Emitter, r.Case, row.Billed.Short(), row.Ours.Short(), row.Verdict,
		strings.Join(row.Reasons, ", "))
	if len(calls) == 0 {
		got.Cost = row.Ours.String() // a failed request that the emitter tells nothing of
	}
	require.Equal(t, total{uint64(len(row.Calls)), row.Ours.String()}, got, "%s: acknowledged and settled, in the ledger", r.Name)
	require.NotEqual(t, accuracy.Different, row.Verdict, "%s: billed %s, ledger %s, at least %s: %s", r.Name, row.Billed, row.Ours, row.AtLeast, row.Reasons)
	for emitter, n := range answered {
		require.Equal(t, len(r.Billed), n, "%s: requests billed, answered calls of %s", r.Name, emitter)
	}
	return row.Verdict == accuracy.Equal
}

// wantExplained asks for everything behind a call that a gateway and the client in front of it reported.
func wantExplained(t *testing.T, p *product, book *pricing.Book) {
	t.Helper()
	var trace string
	require.NoError(t, p.conn.QueryRow(t.Context(), `SELECT lower(hex(trace_id)) FROM calls(from = now() - 7200, to = now() + 7200)
		WHERE tenant = '`+ofRecord+`litellm-proxy-and-openllmetry/chat-cached'`).Scan(&trace))
	reports, err := explain.Trace(t.Context(), p.conn, trace, "")
	require.NoError(t, err)
	require.Len(t, reports, 2)
	client, gateway := reports[0], reports[1]
	require.Equal(t, &gateway.Ref, client.GaveWayTo)
	require.Equal(t, "response_id", client.Reason)
	require.Equal(t, []explain.Ref{client.Ref}, gateway.StandsFor)
	require.Nil(t, gateway.GaveWayTo)
	require.Equal(t, gateway.Total, client.Total)
	var text strings.Builder
	require.NoError(t, explain.WriteText(&text, reports, book))
	for _, part := range []string{
		"counts     no: gave way to " + gateway.Ref.String() + ": it tells of the same provider response", "counts     yes, and stands for " + client.Ref.String(),
		"rule litellm; leaf, rank 95", "by a resource attribute, claimed by the sender", "span says  ", "cache_read", "price book " + book.Version(),
		"each line", gateway.Total,
	} {
		require.Contains(t, strings.ToLower(text.String()), strings.ToLower(part))
	}
	one, err := explain.Trace(t.Context(), p.conn, trace, gateway.Span)
	require.NoError(t, err)
	require.Len(t, one, 1)
	none, err := explain.Trace(t.Context(), p.conn, strings.Repeat("0", 32), "")
	require.NoError(t, err)
	require.Empty(t, none)
}

// What was asked and answered in the recordings: the prompt, the answer, what a tool was given and gave back.
var said = [][]byte{[]byte("Say done."), []byte("Done."), []byte("Oslo"), []byte("Sunny.")}

// wantPayload waits until every recorded span is stored, and looks for prompts and answers, of which nothing may be left: not in
// the topics, from which the tables are made, nor in the log.
func wantPayload(t *testing.T, p *product, all []replay.Recording) {
	t.Helper()
	type id struct {
		trace pcommon.TraceID
		span  pcommon.SpanID
	}
	sent, prompts := map[id]bool{}, 0
	for i := range all {
		body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(all[i].Traces)
		require.NoError(t, err)
		prompts += bytes.Count(body, said[0])
		eachSpan(all[i].Traces, func(s ptrace.Span) { sent[id{s.TraceID(), s.SpanID()}] = true })
	}
	require.Greater(t, prompts, 100, "there is something to look for")
	var stored uint64
	reached := soon(t, func(c require.TestingT) bool {
		ctx, cancel := limited()
		defer cancel()
		require.NoError(c, p.conn.QueryRow(ctx, "SELECT uniqExact(trace_id, span_id) FROM spans WHERE startsWith(tenant, '"+ofRecord+"')").Scan(&stored))
		return stored == uint64(len(sent))
	})
	require.True(t, reached, "%d spans sent, %d stored", len(sent), stored)
	for _, words := range said {
		for _, r := range p.records(t, ledger.TopicCalls) {
			require.False(t, bytes.Contains(r.Value, words), "the calls topic holds %q at %d/%d", words, r.Partition, r.Offset)
		}
		require.NotContains(t, p.logs.tail(math.MaxInt), string(words))
	}
	require.Empty(t, contentIn(t, p.records(t, ledger.TopicSpans)), "prompts or answers in the spans topic")
}

// contentIn lists where records of spans hold prompts or answers: scope and attribute.
func contentIn(t *testing.T, records []*kgo.Record) map[string]string {
	t.Helper()
	found := map[string]string{}
	look := func(where string, text string) {
		for _, words := range said {
			if strings.Contains(text, string(words)) {
				found[where] = text[:min(len(text), 120)]
			}
		}
	}
	for _, r := range records {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.Value)
		require.NoError(t, err)
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					scope := ss.Scope().Name() + ": "
					look(scope+"name", s.Name())
					look(scope+"status", s.Status().Message())
					for k, v := range s.Attributes().All() {
						look(scope+k, v.AsString())
					}
					for _, e := range s.Events().All() {
						for k, v := range e.Attributes().All() {
							look(scope+"event "+e.Name()+" "+k, v.AsString())
						}
					}
				}
			}
		}
	}
	return found
}

// callsOfTopic are the calls that were acknowledged so far, by tenant.
func callsOfTopic(t *testing.T, p *product) map[string][]ledger.Call {
	t.Helper()
	byTenant := map[string][]ledger.Call{}
	for _, r := range p.records(t, ledger.TopicCalls) {
		var batch []ledger.Call
		if err := ledger.DecodeBatch(r.Value, func(c *ledger.Call, _ []byte) { batch = append(batch, *c) }); err != nil {
			continue // another test's poison
		}
		for _, c := range batch {
			byTenant[c.Tenant] = append(byTenant[c.Tenant], c)
		}
	}
	return byTenant
}

// records reads a topic from its start to its end.
func (p *product) records(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), aWhile)
	defer cancel()
	ends, err := kadm.NewClient(p.kafka).ListEndOffsets(ctx, topic)
	require.NoError(t, err)
	missing := 0
	ends.Each(func(o kadm.ListedOffset) { missing += int(o.Offset) })
	client, err := kgo.NewClient(kgo.SeedBrokers(p.Config().Kafka.Brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	var out []*kgo.Record
	for len(out) < missing {
		fetched := client.PollFetches(ctx)
		require.NoError(t, fetched.Err())
		fetched.EachRecord(func(r *kgo.Record) { out = append(out, r) })
	}
	return out
}
