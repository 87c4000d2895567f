package tenantlimit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clocktest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// A tenant has its burst and its rate, whatever the others do; refused, it hears when it fits.
func TestATenantAboveItsLimitWaits(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
	late := spans(ptrace.NewTraces(), "flood", 25)
	err := b.send(late)
	require.Equal(t, 3*time.Second, wait(t, err), "2.5 s, in whole seconds")
	require.ErrorContains(t, err, `tenant "flood" is above its limit of 10 spans a second: send the whole request again in 3s`)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "quiet", 25)))
	b.at = b.at.Add(2 * time.Second)
	require.Equal(t, time.Second, wait(t, b.send(late)))
	b.at = b.at.Add(time.Second)
	require.NoError(t, b.send(late))
	require.Len(t, b.got, 150)
}

// A tenant neither waits for a clock that was set back, nor gains by one that was set forward.
func TestAClockThatIsSetChangesNoLimit(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		b := newBench(t, nil)
		b.at = clocktest.Reading(b.at)
		require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
		b.at = clocktest.Set(b.at.Add(time.Second), by)
		require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 10)))
		require.Equal(t, time.Second, wait(t, b.send(spans(ptrace.NewTraces(), "flood", 10))), "set by %s", by)
	}
}

// A request larger than the burst goes when the bucket is full, and is paid off after it.
func TestNoRequestIsTooLarge(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "a", 1000)))
	require.Equal(t, maxWait, wait(t, b.send(spans(ptrace.NewTraces(), "a", 1000))), "more than an SDK waits is never said")
	b.at = b.at.Add(89 * time.Second)
	require.Error(t, b.send(spans(ptrace.NewTraces(), "a", 1)))
	b.at = b.at.Add(2 * time.Second)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "a", 1)))
}

func TestBytesAreLimited(t *testing.T) {
	b := newBench(t, func(c *Config) { c.SpansPerSecond, c.KiBPerSecond = 0, 1 })
	big := spans(ptrace.NewTraces(), "a", 1)
	big.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("prompt", string(make([]byte, 9<<10)))
	require.NoError(t, b.send(big))
	require.Equal(t, 9*time.Second, wait(t, b.send(big)))
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "a", 1)), "a small one fits")
	resource := spans(ptrace.NewTraces(), "b", 1, "nobody")
	resource.ResourceSpans().At(0).Resource().Attributes().PutStr("env", string(make([]byte, 9<<10)))
	require.NoError(t, b.send(resource))
	require.Error(t, b.send(resource), "what the resource takes is of the one whose span it has")
}

// Of a mixed request the quiet tenants' part goes on at once, and the repeat brings the rest: nothing is lost, and what comes
// twice is the same report.
func TestQuietTenantsOfAMixedRequestGoOn(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
	b.got = nil
	mixed := ptrace.NewTraces()
	spans(mixed, "quiet", 2)
	spans(mixed, "flood", 10)
	spans(mixed, "other", 3, "quiet")
	require.Equal(t, time.Second, wait(t, b.send(mixed)))
	require.Len(t, b.got, 5)
	b.at = b.at.Add(time.Second)
	require.NoError(t, b.send(mixed))
	require.Len(t, b.got, 15)
	require.Len(t, distinct(b.got), 15)
}

// The calls of a resource go on or stay with the spans of their tenants.
func TestCallsGoOnWithTheirTenant(t *testing.T) {
	var got []string
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		for _, rs := range td.ResourceSpans().All() {
			if v, ok := rs.Resource().Attributes().Get(ledger.AttrCalls); ok {
				return ledger.DecodeBatch(v.Bytes().AsRaw(), func(c *ledger.Call, _ []byte) { got = append(got, c.Tenant) })
			}
		}
		return nil
	})
	require.NoError(t, err)
	b := newBench(t, nil)
	b.next = next
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
	td := spans(ptrace.NewTraces(), "quiet", 1)
	rs := td.ResourceSpans().At(0)
	batch := ledger.AppendBatchHeader(nil)
	for i, tenant := range []string{"quiet", "flood", "other", "flood", "quiet"} {
		s := rs.ScopeSpans().At(0).Spans().AppendEmpty()
		s.SetTraceID([16]byte{1})
		s.SetSpanID([8]byte{7, byte(i)})
		s.Attributes().PutStr(tagTenant, tenant)
		batch = new(ledger.Encoder).AppendToBatch(batch, &ledger.Call{Tenant: tenant})
	}
	rs.Resource().Attributes().PutEmptyBytes(ledger.AttrCalls).FromRaw(batch)
	require.Error(t, b.send(td))
	require.Equal(t, []string{"quiet", "other", "quiet"}, got)
	b.at, got = b.at.Add(time.Second), nil
	require.NoError(t, b.send(td))
	require.Equal(t, []string{"flood", "flood"}, got)
}

// Two tenants of one request, each with what takes its whole burst: what one paid isn't asked again while the other waits.
func TestTenantsOfARequestDontKeepEachOtherOut(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "a", 20)))
	b.got = nil
	mixed := spans(spans(ptrace.NewTraces(), "a", 100), "b", 100)
	require.Equal(t, 2*time.Second, wait(t, b.send(mixed)))
	b.at = b.at.Add(2 * time.Second)
	require.NoError(t, b.send(mixed))
	require.Len(t, b.got, 200)
	require.Len(t, distinct(b.got), 200)
}

// What differs in anything its sender wrote is another part; what the tags say doesn't count, and nothing is remembered for ever.
func TestARepeatIsKnownByItsContent(t *testing.T) {
	change := map[string]func(ptrace.Traces, ptrace.Span){
		"trace id":  func(_ ptrace.Traces, s ptrace.Span) { s.SetTraceID([16]byte{2}) },
		"time":      func(_ ptrace.Traces, s ptrace.Span) { s.SetEndTimestamp(1) },
		"name":      func(_ ptrace.Traces, s ptrace.Span) { s.SetName("x") },
		"attribute": func(_ ptrace.Traces, s ptrace.Span) { s.Attributes().PutInt("gen_ai.usage.input_tokens", 1) },
		"status":    func(_ ptrace.Traces, s ptrace.Span) { s.Status().SetMessage("x") },
		"event":     func(_ ptrace.Traces, s ptrace.Span) { s.Events().AppendEmpty().SetName("x") },
		"link":      func(_ ptrace.Traces, s ptrace.Span) { s.Links().AppendEmpty() },
		"resource": func(td ptrace.Traces, _ ptrace.Span) {
			td.ResourceSpans().At(1).Resource().Attributes().PutStr("x", "y")
		},
		"scope": func(td ptrace.Traces, _ ptrace.Span) {
			td.ResourceSpans().At(1).ScopeSpans().At(0).Scope().SetName("x")
		},
		"one more": func(td ptrace.Traces, s ptrace.Span) {
			s.CopyTo(td.ResourceSpans().At(1).ScopeSpans().At(0).Spans().AppendEmpty())
		},
		"nothing but tag": func(_ ptrace.Traces, s ptrace.Span) { s.Attributes().PutStr(ledger.AttrPrefix+"flags", "x") },
		"nothing":         func(ptrace.Traces, ptrace.Span) {},
	}
	for name, do := range change {
		b := newBench(t, nil)
		require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
		mixed := spans(spans(ptrace.NewTraces(), "flood", 50), "quiet", 1)
		require.Error(t, b.send(mixed))
		b.got = nil
		do(mixed, mixed.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0))
		require.Error(t, b.send(mixed))
		require.Equal(t, !strings.HasPrefix(name, "nothing"), len(b.got) > 0, name)
		if name == "nothing" {
			b.at = b.at.Add(partKept)
			require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
			require.Error(t, b.send(mixed))
			require.Len(t, b.got, 101, "forgotten after ten minutes")
			for range 2 * maxParts {
				b.repeats.add(part{byte(lastID), byte(lastID >> 8)}, b.at)
				lastID++
			}
			require.Len(t, b.repeats.at, maxParts)
		}
	}
}

// A call without ids would count twice if it came twice: it waits with its request.
func TestACallWithoutIdentityIsNeverSentAhead(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 100)))
	b.got = nil
	mixed := ptrace.NewTraces()
	spans(mixed, "flood", 10)
	spans(mixed, "quiet", 1)
	spans(mixed, "nameless", 1).ResourceSpans().At(2).ScopeSpans().At(0).Spans().At(0).SetTraceID([16]byte{})
	require.Error(t, b.send(mixed))
	require.Len(t, b.got, 1)
	require.Contains(t, b.got[0], "quiet/")
	b.at = b.at.Add(time.Second)
	require.NoError(t, b.send(mixed))
	require.Len(t, b.got, 12, "quiet isn't sent twice")
	only := spans(spans(ptrace.NewTraces(), "flood", 10), "nameless", 100)
	only.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).SetSpanID([8]byte{})
	before := len(b.got)
	require.Error(t, b.send(only), "nobody is left to send ahead")
	require.Len(t, b.got, before)
	b.at = b.at.Add(time.Second)
	require.NoError(t, b.send(only), "what was held back paid nothing")
}

// What the next consumer refuses comes again: it costs nothing.
func TestWhatWasNotTakenIsNotPaidFor(t *testing.T) {
	b := newBench(t, nil)
	b.fail = errors.New("no Kafka")
	for range 5 {
		require.ErrorIs(t, b.send(spans(ptrace.NewTraces(), "a", 100)), b.fail)
	}
	b.fail = nil
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "a", 100)))
	require.Error(t, b.send(spans(ptrace.NewTraces(), "a", 1)))
	mixed := spans(spans(ptrace.NewTraces(), "a", 1), "b", 1)
	b.fail = errors.New("no Kafka")
	require.ErrorIs(t, b.send(mixed), b.fail, "the part's failure is the answer")
}

// A tenant whose requests wait for Kafka can't take every place.
func TestRequestsInFlightAreLimited(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxInFlight = 2 })
	b.in, b.wait = make(chan struct{}), make(chan struct{})
	done := make(chan error, 3)
	one := func(tenant string) {
		td := spans(ptrace.NewTraces(), tenant, 1)
		go func() { done <- b.send(td) }()
		<-b.in
	}
	one("flood")
	one("flood")
	err := b.send(spans(ptrace.NewTraces(), "flood", 1))
	require.Equal(t, time.Second, wait(t, err))
	require.ErrorContains(t, err, "2 requests at a time")
	one("quiet")
	close(b.wait)
	for range 3 {
		require.NoError(t, <-done)
	}
	b.in = nil
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "flood", 1)))
}

// Made-up names take no memory without end: beyond the table they share buckets, and tenants with limits of their own keep theirs.
func TestTheTableIsBounded(t *testing.T) {
	n := 20
	b := newBench(t, func(c *Config) { c.MaxTenants, c.Tenants = 50, map[string]Limit{"named": {SpansPerSecond: &n}} })
	refused := 0
	for i := range 3000 {
		if b.send(spans(ptrace.NewTraces(), fmt.Sprint("made-up ", i), 60)) != nil {
			refused++
		}
	}
	require.EqualValues(t, 51, b.table.size())
	require.GreaterOrEqual(t, refused, 3000-50-overflowBuckets, "50 of their own and one of each shared bucket at most")
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "named", 200)))
	require.Error(t, b.send(spans(ptrace.NewTraces(), "named", 1)))
	b.at = b.at.Add(time.Hour)
	for i := range 50 {
		require.NoError(t, b.send(spans(ptrace.NewTraces(), fmt.Sprint("new ", i), 60)), "who was quiet makes room")
	}
	require.Less(t, b.table.size(), int64(52))
	require.NoError(t, b.Shutdown(t.Context()))
}

func TestLimitsOfZeroAreNone(t *testing.T) {
	b := newBench(t, func(c *Config) { c.SpansPerSecond = 0; c.MaxTenants = 1 })
	for range 100 {
		require.NoError(t, b.send(spans(ptrace.NewTraces(), "a", 1000)))
	}
	require.NoError(t, b.send(spans(ptrace.NewTraces(), "b", 1)))
	require.Contains(t, b.table.others, "b", "a tenant without limits is idle")
}

// Whatever comes: a request that is answered OK was handed on whole; of one that is refused, each tenant's spans whole or not at
// all; no tenant gets more than its burst, its rate and one request.
func TestAnyTrafficIsHandedOnOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t, nil)
		start, taken := b.at, map[string]int{}
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			b.at = b.at.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
			td, sent := ptrace.NewTraces(), map[string]int{}
			for range rapid.IntRange(1, 14).Draw(t, "parts") {
				tenant, n := fmt.Sprint("t", rapid.IntRange(0, 11).Draw(t, "tenant")), rapid.IntRange(1, 40).Draw(t, "spans")
				sent[tenant] += n
				if rapid.Bool().Draw(t, "own") {
					spans(td, tenant, n)
				} else {
					spans(td, tenant, n, fmt.Sprint("t", rapid.IntRange(0, 11).Draw(t, "resource")))
				}
			}
			b.got = nil
			err := b.send(td)
			got := map[string]int{}
			for _, s := range b.got {
				tenant, _, _ := strings.Cut(s, "/")
				got[tenant]++
			}
			for tenant, n := range sent {
				if err == nil || got[tenant] != 0 {
					require.Equal(t, n, got[tenant], "%s: %v", tenant, err)
				}
				taken[tenant] += got[tenant]
				require.LessOrEqual(t, float64(taken[tenant]), 100+10*b.at.Sub(start).Seconds()+560)
			}
			if err != nil {
				require.Positive(t, wait(t, err))
				require.Less(t, len(b.got), td.SpanCount())
			}
		}
	})
}

func TestFactory(t *testing.T) {
	f := NewFactory()
	require.NoError(t, componenttest.CheckConfigStruct(f.CreateDefaultConfig()))
	require.NoError(t, DefaultConfig().Validate())
	minus := -1
	err := (&Config{SpansPerSecond: -1, KiBPerSecond: -2, MaxInFlight: -3, Tenants: map[string]Limit{"": {}, "acme": {KiBPerSecond: &minus}}}).Validate()
	for _, want := range []string{"spans_per_second: -1", "kib_per_second: -2", "max_in_flight: -3", "burst: 0s", "max_tenants: 0", "a name is empty", "tenants.acme.kib_per_second: -1"} {
		require.ErrorContains(t, err, want)
	}
}
