package genai

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// fuzzScopes are scopes of every layer and habit.
var fuzzScopes = [...]string{
	"", "ai", "gen_ai", "litellm", "langfuse-sdk", "com.anthropic.sdk.python", "openinference.instrumentation.openai",
	"openinference.instrumentation.langchain", "opentelemetry.instrumentation.bedrock", "opentelemetry.instrumentation.vertexai", "bifrost", "pydantic-ai",
}

// FuzzRead writes any keys with any values: no panic, no negative count, no count larger than can be, and what is unpriced holds
// no usage. Bytes choose keys and types; the texts are put wherever a text is read.
func FuzzRead(f *testing.F) {
	f.Add(uint8(3), []byte{0, 1, 28, 5, 34, 5, 44, 3, 56, 2}, int64(100), "openai", `{'prompt_tokens_details': {'cached_tokens': 5}}`)
	f.Add(uint8(4), []byte{11, 0, 200, 0}, int64(-1), "generation", `{"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": -3}}`)
	f.Add(uint8(1), []byte{10, 0, 30, 2, 100, 0}, int64(1)<<53, "ai.streamText.doStream", `{"anthropic":{"usage":{"cache_creation":{"ephemeral_5m_input_tokens":-5}}}}`)
	f.Add(uint8(8), []byte{6, 0, 20, 0, 28, 1}, int64(1)<<62, "nova.lite", `{"id":"chatcmpl-`)
	rules, err := testRules()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, scope uint8, program []byte, n int64, word, text string) {
		r := NewReader(rules)
		span := ptrace.NewSpan()
		a := span.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		for i := 0; i+1 < len(program); i += 2 {
			name := keys[int(program[i])%numKeys].name
			switch program[i+1] % 8 {
			case 0:
				a.PutStr(name, text)
			case 1:
				a.PutStr(name, word)
			case 2:
				a.PutInt(name, n)
			case 3:
				a.PutInt(name, n/2)
			case 4:
				a.PutDouble(name, float64(n)/3)
			case 5:
				a.PutInt(name, int64(program[i+1]))
			case 6:
				a.PutBool(name, n%2 == 0)
			case 7:
				a.PutEmptySlice(name).AppendEmpty().SetStr(text)
			}
		}
		if n%3 == 0 {
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Status().SetMessage(text)
		}
		sc := pcommon.NewInstrumentationScope()
		sc.SetName(fuzzScopes[int(scope)%len(fuzzScopes)])
		var c ledger.Call
		if r.Read(span, &Resource{}, r.Scope(sc), &c) != Call {
			return
		}
		for b, used := range c.Usage.Tokens {
			require.GreaterOrEqual(t, used, int64(0), ledger.Bucket(b))
			require.LessOrEqual(t, used, int64(maxCount), ledger.Bucket(b))
		}
		for u, n := range c.Usage.Units {
			require.GreaterOrEqual(t, n, int64(0), ledger.Unit(u))
		}
		c.Raw.Each(func(f ledger.RawField, n int64) { require.GreaterOrEqual(t, n, int64(0), f) })
		require.GreaterOrEqual(t, c.ProvidedCost, ledger.Money(0))
		require.GreaterOrEqual(t, c.FirstToken, int64(0))
		require.GreaterOrEqual(t, c.Duration, int64(0))
		if c.Unpriced != "" {
			require.True(t, c.Usage.Zero(), c.Unpriced)
		}
	})
}
