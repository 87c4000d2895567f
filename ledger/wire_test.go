package ledger

import (
	"context"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

var exported = cmp.AllowUnexported(RawCounts{})

// genCall draws calls that a collector could have written.
func genCall() *rapid.Generator[Call] {
	return rapid.Custom(func(t *rapid.T) Call {
		var c Call
		positive := func(name string) int64 { return rapid.Int64Range(0, math.MaxInt64).Draw(t, name) }
		amount := func(name string) Money {
			return Money(rapid.Int64Range(-int64(MaxMoney), int64(MaxMoney)).Draw(t, name))
		}
		id := func(dst []byte, name string) {
			copy(dst, rapid.SliceOfN(rapid.Byte(), len(dst), len(dst)).Draw(t, name))
		}
		c.Minute = rapid.Int64Range(0, math.MaxUint32/60).Draw(t, "minute") * 60
		id(c.TraceID[:], "trace")
		id(c.SpanID[:], "span")
		if rapid.Bool().Draw(t, "child") {
			id(c.ParentSpanID[:], "parent")
		}
		for num := range protowire.Number(64) {
			if s := c.text(num); s != nil {
				*s = CleanText(rapid.StringN(0, 20, -1).Draw(t, "text"))
			}
		}
		c.Start = rapid.Int64().Draw(t, "start")
		c.Duration, c.FirstToken = positive("duration"), positive("first")
		c.Received = rapid.Int64Range(0, maxReceived).Draw(t, "received")
		c.ResponseID = rapid.Uint64().Draw(t, "response")
		c.Role, c.Rank = Role(rapid.IntRange(0, 2).Draw(t, "role")), rapid.Uint8().Draw(t, "rank")
		for i := range NumRaw {
			if rapid.Bool().Draw(t, "has raw") {
				c.Raw.Set(RawField(i), rapid.Int64().Draw(t, "raw"))
			}
		}
		for i := range c.Usage.Tokens {
			c.Usage.Tokens[i] = positive("tokens")
		}
		for i := range c.Usage.Units {
			c.Usage.Units[i] = positive("units")
		}
		for i := range c.Cost {
			c.Cost[i] = amount("cost") / Money(NumCostParts)
		}
		c.ListDelta, c.CacheSaved, c.TierSaved, c.ProvidedCost = amount("list"), amount("cache"), amount("tier"), amount("provided")
		c.Flags = Flags(rapid.Uint32().Draw(t, "flags"))
		c.RequestBytes, c.ResponseBytes = positive("request"), positive("response")
		return c
	})
}

func decodeAll(b []byte) (calls []Call, bodies [][]byte, err error) {
	err = DecodeBatch(b, func(c *Call, body []byte) {
		calls = append(calls, *c)
		bodies = append(bodies, body)
	})
	return calls, bodies, err
}

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.SliceOfN(genCall(), 0, 4).Draw(t, "calls")
		got, bodies, err := decodeAll(AppendBatch(nil, calls))
		require.NoError(t, err)
		require.Len(t, got, len(calls))
		for i := range calls {
			require.Empty(t, cmp.Diff(calls[i], got[i], exported))
			require.Equal(t, calls[i].AppendTo(nil), bodies[i])
		}
	})
}

// A batch that is made call by call is the same, whatever their size, and comes apart into what each added; one that was cut off
// gives those before the cut.
func TestBatchCallByCall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.SliceOfN(genCall(), 0, 4).Draw(t, "calls")
		for i := range calls {
			if num := rapid.IntRange(0, 60).Draw(t, "long texts"); num > 30 { // one byte, two or three for the length
				for f := range protowire.Number(num) {
					if s := calls[i].text(f); s != nil {
						*s = strings.Repeat("x", 1000)
					}
				}
			} else if num < 5 {
				calls[i] = Call{Minute: 60}
			}
		}
		var e Encoder
		b, parts := AppendBatchHeader(nil), [][]byte{}
		for i := range calls {
			at := len(b)
			b = e.AppendToBatch(b, &calls[i])
			parts = append(parts, b[at:])
		}
		require.Equal(t, AppendBatch(nil, calls), b)
		cut := rapid.IntRange(0, len(b)).Draw(t, "cut")
		whole, n := parts, len(b)
		for n > cut && len(whole) > 0 {
			n -= len(whole[len(whole)-1])
			whole = whole[:len(whole)-1]
		}
		if n > cut {
			n = 0 // not even the header
		}
		got := [][]byte{}
		require.Equal(t, n, EachCall(b[:cut], func(framed []byte) { got = append(got, framed) }))
		require.Equal(t, whole, got)
	})
}

// batchDescriptor compiles calls.proto, so that the hand-written code is held to it.
func batchDescriptor(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := c.Compile(context.Background(), "calls.proto")
	require.NoError(t, err)
	return files[0].Messages().ByName("CallBatch")
}

// What the code writes reads, by calls.proto, as the same values with nothing unknown, and what protobuf writes from it the
// code reads back as the same calls.
func TestWireIsCallsProto(t *testing.T) {
	desc := batchDescriptor(t)
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.SliceOfN(genCall(), 1, 3).Draw(t, "calls")
		msg := dynamicpb.NewMessage(desc)
		require.NoError(t, proto.Unmarshal(AppendBatch(nil, calls), msg))
		requireNothingUnknown(t, msg)
		list := msg.Get(desc.Fields().ByName("calls")).List()
		require.Equal(t, len(calls), list.Len())
		for i := range calls {
			requireSameCall(t, &calls[i], list.Get(i).Message())
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
		require.NoError(t, err)
		back, _, err := decodeAll(again)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(calls, back, exported))
	})
}

func requireNothingUnknown(t *rapid.T, m protoreflect.Message) {
	require.Empty(t, m.GetUnknown())
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && f.IsList() {
			for i := range v.List().Len() {
				requireNothingUnknown(t, v.List().Get(i).Message())
			}
		}
		return true
	})
}

// requireSameCall compares by name, so that two numbers that were swapped in code and schema alike are found too.
func requireSameCall(t *rapid.T, c *Call, m protoreflect.Message) {
	get := func(name string) protoreflect.Value {
		return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	for name, want := range map[string]string{
		"tenant": c.Tenant, "tenant_source": c.TenantSource, "provider": c.Provider, "model": c.Model,
		"request_model": c.RequestModel, "operation": c.Operation, "kind": c.Kind, "service_tier": c.ServiceTier,
		"finish_reason": c.FinishReason, "error_class": c.ErrorClass, "service": c.Service, "environment": c.Environment,
		"region": c.Region, "team": c.Team, "key": c.Key, "user": c.User, "agent": c.Agent, "feature": c.Feature,
		"prompt": c.Prompt, "prompt_version": c.PromptVersion, "conversation": c.Conversation, "emitter": c.Emitter,
		"rule": c.Rule, "price_version": c.PriceVersion, "price_entry": c.PriceEntry, "unpriced": c.Unpriced,
	} {
		require.Equal(t, want, get(name).String(), name)
	}
	for name, want := range map[string]int64{
		"minute": c.Minute, "start": c.Start, "duration": c.Duration, "received": c.Received, "first_token": c.FirstToken,
		"list_delta": int64(c.ListDelta), "cache_saved": int64(c.CacheSaved), "tier_saved": int64(c.TierSaved),
		"provided_cost": int64(c.ProvidedCost), "request_bytes": c.RequestBytes, "response_bytes": c.ResponseBytes,
	} {
		require.Equal(t, want, get(name).Int(), name)
	}
	for name, want := range map[string]uint64{
		"response_id": c.ResponseID, "role": uint64(c.Role), "rank": uint64(c.Rank), "flags": uint64(c.Flags),
	} {
		require.Equal(t, want, get(name).Uint(), name)
	}
	require.Equal(t, c.TraceID[:], get("trace_id").Bytes())
	require.Equal(t, c.SpanID[:], get("span_id").Bytes())
}

func TestNewerVersionIsTold(t *testing.T) {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), BatchVersion+1)
	_, _, err := decodeAll(AppendBatchCall(b, new(Call).AppendTo(nil)))
	require.ErrorIs(t, err, ErrNewerVersion)
	require.NotErrorIs(t, err, ErrNotBatch)
}

// A newer minor format adds fields, kinds of counts and whole messages; this program skips them.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	c := Call{Minute: 60, Tenant: "acme"}
	body := c.AppendTo(nil)
	body = protowire.AppendString(protowire.AppendTag(body, 90, protowire.BytesType), "new")
	body = protowire.AppendVarint(protowire.AppendTag(body, 91, protowire.VarintType), 7)
	body = protowire.AppendFixed32(protowire.AppendTag(body, 92, protowire.Fixed32Type), 7)
	body = appendCount(body, 36, 99, 5)
	b := AppendBatchCall(AppendBatchHeader(nil), body)
	b = protowire.AppendString(protowire.AppendTag(b, 9, protowire.BytesType), "new")
	got, _, err := decodeAll(b)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]Call{c}, got, exported))
}

func TestWhatIsNotABatch(t *testing.T) {
	good := AppendBatch(nil, []Call{{Minute: 60, Tenant: "acme"}})
	call := func(change func(*Call)) []byte {
		c := Call{Minute: 60}
		change(&c)
		return AppendBatch(nil, []Call{c})
	}
	for name, b := range map[string][]byte{
		"nothing":            nil,
		"text":               []byte(`{"resourceSpans":[]}`),
		"no version":         AppendBatchCall(nil, new(Call).AppendTo(nil)),
		"version after":      AppendBatchHeader(AppendBatchCall(nil, nil)),
		"cut":                good[:len(good)-1],
		"short trace id":     AppendBatchCall(AppendBatchHeader(nil), []byte{3<<3 | 2, 1, 7}),
		"bad text":           AppendBatchCall(AppendBatchHeader(nil), []byte{2<<3 | 2, 1, 0xff}),
		"long text":          AppendBatchCall(AppendBatchHeader(nil), protowire.AppendString([]byte{2<<3 | 2}, strings.Repeat("a", MaxCallText+1))),
		"odd minute":         call(func(c *Call) { c.Minute = 61 }),
		"minute before 1970": call(func(c *Call) { c.Minute = -60 }),
		"minute after 2106":  call(func(c *Call) { c.Minute = 1 << 33 / 60 * 60 }),
		"unknown role":       call(func(c *Call) { c.Role = 3 }),
		"negative tokens":    call(func(c *Call) { c.Usage.Tokens[CacheRead] = -1 }),
		"negative units":     call(func(c *Call) { c.Usage.Units[UnitPage] = -1 }),
		"negative duration":  call(func(c *Call) { c.Duration = -1 }),
		"negative receipt":   call(func(c *Call) { c.Received = -1 }),
		"huge part":          call(func(c *Call) { c.Cost[CostOther] = MaxMoney + 1 }),
		"huge sum":           call(func(c *Call) { c.Cost = [NumCostParts]Money{MaxMoney, MaxMoney} }),
		"huge saving":        call(func(c *Call) { c.CacheSaved = -MaxMoney - 1 }),
	} {
		_, _, err := decodeAll(b)
		require.ErrorIs(t, err, ErrNotBatch, name)
	}
}

func TestCleanText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.Byte(), 0, 2*MaxCallText).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "valid") {
			in = rapid.StringN(0, 2*MaxCallText, -1).Draw(t, "text")
		}
		out := CleanText(in)
		require.True(t, utf8.ValidString(out))
		require.LessOrEqual(t, len(out), MaxCallText)
		require.Equal(t, out, CleanText(out))
		if utf8.ValidString(in) {
			require.True(t, strings.HasPrefix(in, out))
			require.True(t, len(in) <= MaxCallText || len(out) > MaxCallText-utf8.UTFMax)
		}
	})
	require.Equal(t, "a\uFFFDb", CleanText("a\xff\xfeb"))
	require.Len(t, CleanText(strings.Repeat("é", MaxCallText)), MaxCallText)
	require.Len(t, CleanText("x"+strings.Repeat("é", MaxCallText)), MaxCallText-1)
}

// Whatever the bytes: no panic, an error that says whose fault it is, and what was read can be written again.
func FuzzDecodeBatch(f *testing.F) {
	full := Call{Minute: 120, Tenant: "acme", Model: "gpt-4o", TraceID: [16]byte{1}, Flags: FlagStream, ResponseID: 7}
	full.Usage.Tokens[FreshInput] = 10
	full.Raw.Set(RawInput, 10)
	full.Cost[CostInput] = 25
	good := AppendBatch(nil, []Call{full, {Minute: 60}})
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	f.Add([]byte{8, 2})
	f.Add([]byte{8, 1, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		framed := 0
		read := EachCall(b, func([]byte) { framed++ })
		calls, _, err := decodeAll(b)
		if err == nil {
			require.Equal(t, len(b), read)
			require.Len(t, calls, framed)
		}
		if err != nil {
			require.True(t, strings.Contains(err.Error(), ErrNotBatch.Error()) != strings.Contains(err.Error(), ErrNewerVersion.Error()), err)
			return
		}
		again, _, err := decodeAll(AppendBatch(nil, calls))
		require.NoError(t, err)
		require.Len(t, again, len(calls))
	})
}

func BenchmarkAppendTo(b *testing.B) {
	c := benchCall()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = c.AppendTo(buf[:0])
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}

func BenchmarkDecodeBatch(b *testing.B) {
	calls := make([]Call, 100)
	for i := range calls {
		calls[i] = benchCall()
	}
	batch := AppendBatch(nil, calls)
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeBatch(batch, func(*Call, []byte) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/call")
}

func benchCall() Call {
	c := Call{
		Minute: 1795348800, Tenant: "acme", TraceID: [16]byte{1, 2, 3}, SpanID: [8]byte{4, 5}, ParentSpanID: [8]byte{6},
		TenantSource: TenantFromResource, Start: 1795348812345678901, Duration: 1234567890, Received: 1795348815345678901,
		Provider: "openai", Model: "gpt-4o-mini-2024-07-18", RequestModel: "gpt-4o-mini", Operation: "chat", Kind: "stream",
		FinishReason: "stop", Service: "shop", Environment: "prod", User: "u-77", Conversation: "c-8123", ResponseID: 1 << 60,
		Emitter: "opentelemetry.instrumentation.openai.v1@0.62.1", Rule: "openllmetry.openai", Rank: 80,
		PriceVersion: "0123456789ab", PriceEntry: "openai/gpt-4o-mini", Flags: FlagStream | FlagUniqueID,
	}
	c.Raw.Set(RawInput, 1200)
	c.Raw.Set(RawOutput, 321)
	c.Raw.Set(RawCacheRead, 1024)
	c.Usage.Tokens = [NumBuckets]int64{FreshInput: 176, CacheRead: 1024, TextOutput: 321}
	c.Cost = [NumCostParts]Money{CostInput: 26400000, CostCacheRead: 76800000, CostOutput: 192600000}
	c.CacheSaved = 76800000
	return c
}
