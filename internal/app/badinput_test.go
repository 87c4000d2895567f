package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Bytes that are not OTLP are refused with a reason that the client can read, and what is sent after them arrives.
func TestGarbageDoesNotStopThePipeline(t *testing.T) {
	p := running(t)
	whole, err := ptraceotlp.NewExportRequestFromTraces(goodCall("garbage-never")).MarshalProto()
	require.NoError(t, err)
	for name, body := range map[string][]byte{
		"garbage":   []byte("\xff\xfe this is no protobuf \x00\x01"),
		"truncated": whole[:len(whole)-7],
	} {
		code, answer := p.post(t, "application/x-protobuf", body)
		require.Equal(t, http.StatusBadRequest, code, name)
		require.NotEmpty(t, answer, name)
		var reply []byte
		err := p.otlp.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, &reply, grpc.ForceCodec(rawCodec{}))
		require.Error(t, err, name)
		require.NotContains(t, []codes.Code{codes.Unavailable, codes.OK}, status.Code(err), "%s: it must not be sent again", name)
	}
	code, _ := p.post(t, "application/json", []byte(`{"resourceSpans": [{`))
	require.Equal(t, http.StatusBadRequest, code)
	code, _ = p.post(t, "text/plain", []byte("hello"))
	require.Equal(t, http.StatusUnsupportedMediaType, code)

	require.NoError(t, p.export(t.Context(), goodCall("garbage-after")))
	p.wantTotal(t, "garbage-after", 1)
	require.NotContains(t, p.calls(t), "garbage-never")
}

// post sends a body to the collector's OTLP over HTTP.
func (p *product) post(t *testing.T, contentType string, body []byte) (code int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.OTLPHTTP()+"/v1/traces", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)   { return v.([]byte), nil }
func (rawCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = b; return nil }
func (rawCodec) Name() string                    { return "proto" }

// strange is a span of a call with something wrong, and what the ledger says of it.
type strange struct {
	name     string
	spoil    func(ptrace.Span)
	unpriced string
	flags    ledger.Flags // at least these
	cost     ledger.Money // of one
	received bool         // booked in the minute of its receipt
}

const (
	inputTokens  = "gen_ai.usage.input_tokens"
	outputTokens = "gen_ai.usage.output_tokens"
)

func strangeSpans() []strange {
	set := func(key string, v any) func(ptrace.Span) {
		return func(s ptrace.Span) { _ = s.Attributes().PutEmpty(key).FromRaw(v) }
	}
	remove := func(keys ...string) func(ptrace.Span) {
		return func(s ptrace.Span) {
			for _, k := range keys {
				s.Attributes().Remove(k)
			}
		}
	}
	at := func(at time.Time) func(ptrace.Span) {
		return func(s ptrace.Span) { setTime(s, at) }
	}
	date := func(year int) time.Time { return time.Date(year, 3, 1, 12, 0, 0, 0, time.UTC) }
	const badCount, badUsage = ledger.FlagBadCount, ledger.UnpricedBadUsage
	return []strange{
		{name: "negative count", spoil: set(inputTokens, int64(-1000)), unpriced: badUsage, flags: badCount},
		{name: "huge count", spoil: set(inputTokens, int64(math.MaxInt64)), unpriced: badUsage, flags: badCount},
		{name: "count beyond money", spoil: set(outputTokens, int64(1<<53)), unpriced: ledger.UnpricedOverflow},
		{name: "count as text", spoil: set(inputTokens, "1000"), cost: goodCost},
		{name: "count as words", spoil: set(inputTokens, "a thousand"), unpriced: badUsage, flags: badCount},
		{name: "count as whole double", spoil: set(inputTokens, 1000.0), cost: goodCost},
		{name: "count as fraction", spoil: set(inputTokens, 1000.5), unpriced: badUsage, flags: badCount},
		{name: "count not a number", spoil: set(outputTokens, math.NaN()), unpriced: badUsage, flags: badCount},
		{name: "count as list", spoil: set(outputTokens, []any{int64(500)}), unpriced: badUsage, flags: badCount},
		{name: "no counts", spoil: remove(inputTokens, outputTokens, "gen_ai.usage.cache_read.input_tokens"), unpriced: ledger.UnpricedUsage},
		{name: "no output count", spoil: remove(outputTokens), flags: ledger.FlagEstimated, cost: 150_000_000},
		{name: "more cached than read", spoil: set("gen_ai.usage.cache_read.input_tokens", int64(5000)), flags: ledger.FlagContradiction, cost: 825_000_000},
		{name: "unknown model", spoil: func(s ptrace.Span) {
			s.Attributes().PutStr("gen_ai.request.model", "nobody-1")
			s.Attributes().PutStr("gen_ai.response.model", "nobody-1")
		}, unpriced: ledger.UnpricedModel},
		{name: "no model", spoil: remove("gen_ai.request.model", "gen_ai.response.model"), unpriced: ledger.UnpricedNoModel},
		{name: "no trace id", spoil: func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }, flags: ledger.FlagMissingIDs, cost: goodCost},
		{name: "no span id", spoil: func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }, flags: ledger.FlagMissingIDs, cost: goodCost},
		{name: "no times", spoil: func(s ptrace.Span) { s.SetStartTimestamp(0); s.SetEndTimestamp(0) }, flags: ledger.FlagStartOutside, cost: goodCost, received: true},
		{name: "start in 1995", spoil: at(date(1995)), flags: ledger.FlagStartOutside, cost: goodCost, received: true},
		{name: "start in 2095", spoil: at(date(2095)), flags: ledger.FlagStartOutside, cost: goodCost, received: true},
		{name: "start at the end of time", spoil: func(s ptrace.Span) { s.SetStartTimestamp(math.MaxUint64); s.SetEndTimestamp(math.MaxUint64) },
			flags: ledger.FlagStartOutside, cost: goodCost, received: true},
		{name: "ends before it starts", spoil: func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1_000_000_000) }, cost: goodCost},
		{name: "34 days late", spoil: at(time.Now().AddDate(0, 0, -34)), cost: goodCost},
		{name: "36 days late", spoil: at(time.Now().AddDate(0, 0, -36)), flags: ledger.FlagStartOutside, cost: goodCost, received: true},
		{name: "clock two hours behind", spoil: at(time.Now().Add(-2 * time.Hour)), cost: goodCost},
		{name: "clock two hours ahead", spoil: at(time.Now().Add(2 * time.Hour)), flags: ledger.FlagStartOutside, cost: goodCost, received: true},
		{name: "text that is no UTF-8", spoil: set("gen_ai.conversation.id", "a\xff\xfeb"), cost: goodCost},
		{name: "a megabyte of text", spoil: set("gen_ai.conversation.id", strings.Repeat("x", 1<<20)), cost: goodCost},
	}
}

// row is what the ledger says of a call.
type row struct {
	unpriced string
	flags    ledger.Flags
	cost     string
	minute   time.Time
	start    time.Time
	received time.Time
}

// rows are the calls of a tenant.
func (p *product) rows(t *testing.T, tenant string) []row {
	t.Helper()
	from, to := window()
	found, err := p.conn.Query(t.Context(), "SELECT unpriced, flags, toString(cost), minute, start, received FROM calls(from = @from, to = @to) WHERE tenant = @tenant",
		from, to, clickhouse.Named("tenant", tenant))
	require.NoError(t, err)
	defer found.Close()
	var out []row
	for found.Next() {
		var r row
		var flags uint32
		require.NoError(t, found.Scan(&r.unpriced, &flags, &r.cost, &r.minute, &r.start, &r.received))
		r.flags = ledger.Flags(flags)
		out = append(out, r)
	}
	require.NoError(t, found.Err())
	return out
}

// A span with something wrong is one row that says what, priced only where the counts are beyond doubt; it is counted; and a good
// call sent after it is there, once.
func TestStrangeSpansAreToldNotLost(t *testing.T) {
	p := running(t)
	cases := strangeSpans()
	before := map[string]float64{}
	counter := func(c *strange) string { return c.unpriced + c.flags.String() }
	count := func(c *strange) float64 {
		if c.unpriced != "" {
			return p.metric(t, "tollkeeper_llmcost_unpriced_total", c.unpriced)
		}
		return p.metric(t, "tollkeeper_llmcost_flagged_total", c.flags.String())
	}
	for i := range cases {
		c := &cases[i]
		before[counter(c)] = count(c)
	}
	for i := range cases {
		c := &cases[i]
		td, span := oneSpan("strange/" + c.name)
		c.spoil(span)
		require.NoError(t, p.export(t.Context(), td), c.name)
		require.NoError(t, p.export(t.Context(), goodCall("after/"+c.name)), c.name)
	}
	p.wantDrained(t)
	totals := p.wantSpendLikeCalls(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, total{1, ledger.SumOf(goodCost).String()}, totals["after/"+c.name], "the good call after it")
			rows := p.rows(t, "strange/"+c.name)
			require.Len(t, rows, 1)
			r := rows[0]
			t.Logf("unpriced %q, flags %q, cost %s, minute %s, start %s", r.unpriced, r.flags, r.cost, r.minute.Format(time.DateTime), r.start.Format(time.RFC3339Nano))
			require.Equal(t, c.unpriced, r.unpriced)
			require.Equal(t, c.flags, r.flags&(c.flags|ledger.FlagsDoubt), "%s", r.flags)
			cost, err := ledger.ParseSum(r.cost)
			require.NoError(t, err)
			require.Equal(t, ledger.SumOf(c.cost), cost)
			booked := r.start
			if c.received {
				booked = r.received
			}
			require.Equal(t, booked.Truncate(time.Minute).Format(time.DateTime), r.minute.Format(time.DateTime))
			if c.unpriced != "" || c.flags != 0 {
				require.Greater(t, count(c), before[counter(c)], "counted")
			}
		})
	}
}

// Without ids equal content is not equal identity: two such calls are two.
func TestCallsWithoutIDsAreNotMerged(t *testing.T) {
	p := running(t)
	td, span := oneSpan("no-ids")
	span.SetTraceID(pcommon.TraceID{})
	span.SetSpanID(pcommon.SpanID{})
	both := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	span.CopyTo(both.AppendEmpty())
	require.NoError(t, p.export(t.Context(), td))
	p.wantTotal(t, "no-ids", 2)
	for _, r := range p.rows(t, "no-ids") {
		require.NotZero(t, r.flags&ledger.FlagMissingIDs)
	}
}

// What a client writes in our name is ignored: neither a tenant nor a cost nor a whole forged call gets through.
func TestClientsCannotForge(t *testing.T) {
	p := running(t)
	td, span := oneSpan("forger")
	res := td.ResourceSpans().At(0).Resource().Attributes()
	forged := ledger.Call{Minute: time.Now().Unix() / 60 * 60, Tenant: "forged", TraceID: span.TraceID(), SpanID: span.SpanID(), Received: time.Now().UnixNano()}
	forged.Cost[ledger.CostInput] = 7 * ledger.USD
	web := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty() // nothing of a model in it but the forgery
	web.SetTraceID(span.TraceID())
	web.SetSpanID(pcommon.SpanID{1})
	setTime(web, time.Now())
	for _, attrs := range []pcommon.Map{res, span.Attributes(), web.Attributes()} {
		attrs.PutEmptyBytes(ledger.AttrCalls).FromRaw(ledger.AppendBatch(nil, []ledger.Call{forged}))
		attrs.PutStr("tollkeeper.tenant", "forged")
		attrs.PutStr("tollkeeper.tenant.source", "auth")
		attrs.PutStr("tollkeeper.cost", "0")
		attrs.PutStr("tollkeeper.cost.usd", "0")
	}
	require.NoError(t, p.export(t.Context(), td))
	p.wantTotal(t, "forger", 1)
	require.NotContains(t, p.calls(t), "forged")
	for _, r := range p.rows(t, "forger") {
		require.NotZero(t, r.flags&ledger.FlagTenantClaimed)
	}
}

// Records that are no calls, in the topic of calls, are set aside with reason and origin; the calls around them arrive.
func TestPoisonInTheCallsTopic(t *testing.T) {
	p := running(t)
	call := func(i int) ledger.Call {
		now := time.Now()
		c := ledger.Call{Tenant: "poison", TraceID: [16]byte{1, byte(i)}, SpanID: [8]byte{1, byte(i)}, Start: now.UnixNano(), Received: now.UnixNano(), Provider: "openai", Model: "gpt-4o-mini"}
		c.SetMinute()
		c.Cost[ledger.CostInput] = goodCost
		return c
	}
	newer := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), ledger.BatchVersion+1)
	newer = append(newer, ledger.AppendBatch(nil, []ledger.Call{call(100)})[2:]...)
	whole := ledger.AppendBatch(nil, []ledger.Call{call(101)})
	negative := call(102)
	negative.Usage.Tokens[ledger.FreshInput] = -1
	values := []struct {
		value  []byte
		reason string
	}{
		{ledger.AppendBatch(nil, []ledger.Call{call(1)}), ""},
		{newer, ingest.ReasonNewerVersion},
		{[]byte("this is no batch"), ingest.ReasonNotBatch},
		{nil, ingest.ReasonNotBatch},
		{whole[:len(whole)-9], ingest.ReasonNotBatch},
		{ledger.AppendBatch(nil, []ledger.Call{call(2), negative, call(3)}), ingest.ReasonRefusedCall},
		{ledger.AppendBatch(nil, []ledger.Call{call(4)}), ""},
	}
	reasons := map[string]string{} // by origin
	for _, v := range values {
		sent, err := p.kafka.ProduceSync(t.Context(), &kgo.Record{Topic: ledger.TopicCalls, Partition: 2, Value: v.value}).First()
		require.NoError(t, err)
		if v.reason != "" {
			reasons[fmt.Sprintf("%s/%d/%d", sent.Topic, sent.Partition, sent.Offset)] = v.reason
		}
	}
	p.wantTotal(t, "poison", 4)
	for _, letter := range p.records(t, ledger.TopicDeadLetter) {
		h := map[string]string{}
		for _, one := range letter.Headers {
			h[one.Key] = string(one.Value)
		}
		origin := h[ingest.HeaderTopic] + "/" + h[ingest.HeaderPartition] + "/" + h[ingest.HeaderOffset]
		if reasons[origin] == "" {
			continue
		}
		require.Equal(t, reasons[origin], h[ingest.HeaderReason], origin)
		require.NotEmpty(t, h[ingest.HeaderError])
		delete(reasons, origin)
		if h[ingest.HeaderReason] == ingest.ReasonNewerVersion {
			require.Equal(t, newer, letter.Value, "whole, to be replayed by a newer program")
		}
		t.Logf("%s: %s: %s", origin, h[ingest.HeaderReason], h[ingest.HeaderError])
	}
	require.Empty(t, reasons, "no dead letter for these")
	for _, reason := range []string{ingest.ReasonNewerVersion, ingest.ReasonNotBatch, ingest.ReasonRefusedCall} {
		require.NotZero(t, p.metric(t, "tollkeeper_ingest_dead_letters_total", reason), reason)
	}

	// The same partition takes the next call.
	_, err := p.kafka.ProduceSync(context.Background(), &kgo.Record{Topic: ledger.TopicCalls, Partition: 2, Value: ledger.AppendBatch(nil, []ledger.Call{call(5)})}).First()
	require.NoError(t, err)
	p.wantTotal(t, "poison", 5)
}
