package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// someSpans are n spans of one service, of which the first names its tenant itself.
func someSpans(at time.Time, n int) ptrace.Traces {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("tollkeeper.tenant", "acme")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("openai")
	ss.Scope().SetVersion("2")
	for i := range n {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i)})
		s.SetName("chat gpt-5.4")
		s.SetKind(ptrace.SpanKindClient)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("429")
		s.Attributes().PutInt("gen_ai.usage.input_tokens", 12)
		s.Attributes().PutStr("tollkeeper.sampling.kept", "error")
		s.Attributes().PutDouble("tollkeeper.sampling.probability", 0.25)
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
		e.Attributes().PutStr("exception.type", "RateLimit")
	}
	ss.Spans().At(0).Attributes().PutStr("tollkeeper.tenant", "other")
	return traces
}

func TestSpansAreStored(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.Spans = true
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Hour) // whole in the past, also as an hour begins
	value, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(someSpans(at, 3))
	require.NoError(t, err)
	old, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(someSpans(time.Unix(0, 0), 1))
	require.NoError(t, err)
	r.broker.Produce(t, ledger.TopicSpans, 0, value, []byte("no spans"), value)
	r.broker.Produce(t, ledger.TopicSpans, 1, old)
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return r.query("SELECT count() FROM spans FINAL") == "4" }, patience, 20*time.Millisecond)
	want := "acme|0201000000000000|1000000000|shop|chat gpt-5.4|Client|Error|429|openai@2|service.name,tollkeeper.tenant|12|error|0.25|exception|RateLimit"
	require.Equal(t, want, r.query(`SELECT concatWithSeparator('|', tenant, lower(hex(span_id)), duration_ns, service, name, kind, status, status_message,
		scope, arrayStringConcat(mapKeys(resource), ','), attributes['gen_ai.usage.input_tokens'], kept, sample_probability, events[1].name, events[1].attributes['exception.type'])
		FROM spans FINAL WHERE span_id = unhex('0201000000000000') AND start > '2020-01-01'`))
	require.Equal(t, "other", r.query("SELECT DISTINCT tenant FROM spans WHERE span_id = unhex('0200000000000000')"))
	require.Equal(t, "1", r.query("SELECT count() FROM spans WHERE start < '2020-01-01' AND minute > '2020-01-01 00:00:00'"),
		"a start that can't be believed doesn't make a partition")
	letter := r.broker.Consume(t, ledger.TopicDeadLetter, 1)[0]
	require.Equal(t, "no spans", string(letter.Value))
	require.Equal(t, ReasonNotSpans, header(letter, HeaderReason))
	spans := cfg
	spans.Group += "-spans"
	r.wantCommitted(spans, ledger.TopicSpans)
	require.NoError(t, run.stop())
}

func TestSpansNeverHoldUpMoney(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	p.set(refuse, "INSERT INTO spans")
	cfg := r.config()
	cfg.ClickHouse, cfg.Spans = p.url, true
	value, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(someSpans(time.Now(), 3))
	require.NoError(t, err)
	r.broker.Produce(t, ledger.TopicSpans, 0, value)
	run := r.start(cfg, nil)
	require.Eventually(t, func() bool { return p.hits.Load() > 2 }, patience, 5*time.Millisecond)
	cs := calls(0, 20)
	r.spread(cs)
	r.wantStored(cs...)
	require.NoError(t, run.Ready(t.Context()))
	p.set(pass, "")
	require.Eventually(t, func() bool { return r.query("SELECT count() FROM spans FINAL") == "3" }, patience, 20*time.Millisecond)
}
