package genai

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Audio and image tokens that came from the cache count as read from the cache, once (LiteLLM PR 37407 counted them twice).
func TestCachedTokensOfOtherModalities(t *testing.T) {
	usage := pairs{"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 60}
	for name, c := range map[string]struct {
		more     pairs
		want     [3]int64 // fresh, cached, audio
		image    int64
		flags    ledger.Flags
		unpriced string
	}{
		"told":             {pairs{"gen_ai.usage.audio.input_tokens": 70, "gen_ai.usage.audio.cache_read.input_tokens": 50}, [3]int64{20, 60, 20}, 0, 0, ""},
		"told to be none":  {pairs{"gen_ai.usage.audio.input_tokens": 40, "gen_ai.usage.audio.cache_read.input_tokens": 0}, [3]int64{0, 60, 40}, 0, 0, ""},
		"images":           {pairs{"gen_ai.usage.image.input_tokens": 70, "gen_ai.usage.image.cache_read.input_tokens": 45}, [3]int64{15, 60, 0}, 25, 0, ""},
		"not told":         {pairs{"gen_ai.usage.audio.input_tokens": 70}, [3]int64{30, 60, 10}, 0, ledger.FlagAudioUnknown, ""},
		"more than audio":  {pairs{"gen_ai.usage.audio.input_tokens": 30, "gen_ai.usage.audio.cache_read.input_tokens": 31}, [3]int64{}, 0, ledger.FlagContradiction, ledger.UnpricedBadUsage},
		"more than cached": {pairs{"gen_ai.usage.audio.input_tokens": 80, "gen_ai.usage.audio.cache_read.input_tokens": 61}, [3]int64{}, 0, ledger.FlagContradiction, ledger.UnpricedBadUsage},
	} {
		t.Run(name, func(t *testing.T) {
			got, out := read(t, "my-app", c.more.over(usage.over(chat)))
			require.Equal(t, Call, out)
			tokens := got.Usage.Tokens
			require.Equal(t, c.want, [3]int64{tokens[ledger.FreshInput], tokens[ledger.CacheRead], tokens[ledger.AudioInput]})
			require.Equal(t, c.image, tokens[ledger.ImageInput])
			require.Equal(t, c.unpriced, got.Unpriced)
			require.Equal(t, c.flags.String(), (got.Flags & (ledger.FlagsUntold | ledger.FlagContradiction)).String())
		})
	}
}

// A part above the total contradicts it: told, and read as the parts say.
func TestPartsAboveTheTotal(t *testing.T) {
	for total, contradicts := range map[int]bool{15: false, 105: false, 99: true, 0: true} {
		got, _ := read(t, "my-app", pairs{"gen_ai.usage.total_tokens": total, "gen_ai.usage.input_tokens": 100 * min(1, total/50), "gen_ai.usage.output_tokens": 5}.over(chat))
		require.Equal(t, contradicts, got.Flags&ledger.FlagContradiction != 0, "%d: %s", total, got.Flags)
	}
}

func TestModelsThatLostTheirVendorOrRegion(t *testing.T) {
	for written, want := range map[string][2]string{
		"nova-lite-v1:0":                           {"amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"},
		"claude-haiku-4-5-20251001-v1:0":           {"anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"},
		"llama3-3-70b-instruct-v1:0":               {"meta.llama3-3-70b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0"},
		"anthropic.claude-haiku-4-5-20251001-v1:0": {"*.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"},
		"my-own": {"my-own", "my-own"},
		"":       {"", ""},
	} {
		got, _ := read(t, "opentelemetry.instrumentation.bedrock@0.62.4", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": written,
			"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1})
		require.Equal(t, want, [2]string{got.Model, got.RequestModel}, written)
	}
}

func TestResponseIDsInAnswers(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for kept, want := range map[string]string{
		`{"id":"chatcmpl-1","choices":[]}`:                   "chatcmpl-1",
		`{"choices":[],"usage":{}, "id": "chatcmpl-1"}`:      "chatcmpl-1",
		`{"output":[{"id":"msg_9"}],"id":"resp_1"}`:          "resp_1",
		`{"id":"msg_1","content":"` + long + `"}`:            "msg_1",
		`{"content":"` + long + `","id":"msg_1"}`:            "msg_1",
		`{"content":"{\"id\":\"chatcmpl-1\"}"}`:              "",
		`{"parent":"chatcmpl-1"}`:                            "",
		`{"id":"chatcmpl-1`:                                  "",
		`{"id":"chatcmpl-` + strings.Repeat("1", 200) + `"}`: "",
		`the model said "id":"chatcmpl-1"`:                   "",
		`{"id":"run-1"}`:                                     "",
		"":                                                   "",
	} {
		require.Equal(t, want, answerID(kept), kept[:min(60, len(kept))])
	}
}
